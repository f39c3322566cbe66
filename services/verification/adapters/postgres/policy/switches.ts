import { newId } from '#platform/ids/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import type { KillSwitch, KillSwitches } from '../../../app/policy/ports.ts';
import { writeDown } from './audit.ts';
import { KillSwitchRow, switchFromEntity } from './rows.ts';

const lineOf = ({ scope, target }: Pick<KillSwitch, 'scope' | 'target'>) => ({
  reason: scope,
  ...(scope === 'tenant' ? { tenantId: target } : scope === 'service' ? { service: target } : { provider: target }),
});

/** Kill switches. The statement that writes a purchase reads them: they count from the moment of their commit, on every replica. */
export const postgresSwitches = (db: Database): KillSwitches => ({
  set: (scope, target, act) =>
    db.transaction(async (tx) => {
      const [row] = await tx.query<{ id: string }>(
        `insert into policy_switches (scope, target, id, reason, set_by, set_at) values ($1, $2, $3, $4, $5, $6)
         on conflict (scope, target) do update set reason = excluded.reason, set_by = excluded.set_by, set_at = excluded.set_at returning id`,
        [scope, target, newId(), act.note, act.actor, act.at],
      );
      await writeDown(tx, act, { kind: 'switched_off', ...lineOf({ scope, target }) });
      return { id: row?.id ?? '', scope, target, reason: act.note, setBy: act.actor, setAt: act.at };
    }),
  lift: (id, act) =>
    db.transaction(async (tx) => {
      const [row] = await tx.query<Pick<KillSwitch, 'scope' | 'target'>>(
        'delete from policy_switches where id = $1 returning scope, target',
        [id],
      );
      if (row) await writeDown(tx, act, { kind: 'switched_on', ...lineOf(row) });
      return row !== undefined;
    }),
  list: async () => (await db.em().find(KillSwitchRow, {}, { orderBy: { setAt: 'desc', id: 'desc' } })).map(switchFromEntity),
});
