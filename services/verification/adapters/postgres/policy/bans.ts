import type { Database } from '#platform/postgres/index.ts';
import type { NumberBan, NumberBans } from '../../../app/policy/ports.ts';
import { writeDown } from './audit.ts';

interface BanRow {
  readonly id: string;
  readonly service: string;
  readonly until: Date;
  readonly origin: NumberBan['origin'];
  readonly reason: string;
  readonly set_by: string;
  readonly set_at: Date;
}

const banOf = ({ set_by, set_at, ...row }: BanRow): NumberBan => ({ ...row, setBy: set_by, setAt: set_at });
const columns = 'id, service, until, origin, reason, set_by, set_at';

/** Banned numbers and the reports that lead to bans, by keyed hash. */
export const postgresBans = (db: Database): NumberBans => ({
  set: (numberHash, ban, act) =>
    db.transaction(async (tx) => {
      const [row] = await tx.query<BanRow>(
        `insert into number_bans (number_hash, service, id, until, origin, reason, set_by, set_at) values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (number_hash, service) do update
           set id = excluded.id, until = excluded.until, origin = excluded.origin, reason = excluded.reason, set_by = excluded.set_by,
             set_at = excluded.set_at
           where excluded.origin = 'operator' or number_bans.until < excluded.until
         returning ${columns}`,
        [numberHash, ban.service, ban.id, ban.until, ban.origin, act.note, act.actor, act.at],
      );
      if (!row) {
        const [longer] = await tx.query<BanRow>(`select ${columns} from number_bans where number_hash = $1 and service = $2`, [
          numberHash,
          ban.service,
        ]);
        if (!longer) throw new Error('a ban that was there is gone');
        return banOf(longer);
      }
      const detail = { banId: ban.id, until: ban.until.toISOString() };
      await writeDown(tx, act, { kind: 'number_banned', reason: ban.origin, service: ban.service, detail });
      return banOf(row);
    }),
  lift: (id, act) =>
    db.transaction(async (tx) => {
      const [row] = await tx.query<{ service: string }>('delete from number_bans where id = $1 returning service', [id]);
      if (row) await writeDown(tx, act, { kind: 'ban_lifted', reason: 'operator', service: row.service, detail: { banId: id } });
      return row !== undefined;
    }),
  list: async ({ at, before, limit }) => {
    const rows = await db.query<BanRow>(
      `select ${columns} from number_bans where until > $1 and ($2::uuid is null or id < $2) order by id desc limit $3`,
      [at, before ?? null, limit],
    );
    return rows.map(banOf);
  },
  takeReported: async (since, limit) => {
    const rows = await db.query<{ number_hash: Buffer; service: string; reported_at: Date[] }>(
      `with fresh as (
         select number_hash, service, tenant_id from number_reports where not weighed limit $2 for update skip locked
       ), taken as (
         update number_reports r set weighed = true from fresh f
          where r.number_hash = f.number_hash and r.service = f.service and r.tenant_id = f.tenant_id
       )
       select number_hash, service, array_agg(reported_at) as reported_at from number_reports
        where (number_hash, service) in (select number_hash, service from fresh) and reported_at > $1
        group by number_hash, service`,
      [since, limit],
    );
    return rows.map((row) => ({ numberHash: row.number_hash, service: row.service, reportedAt: row.reported_at }));
  },
  forget: async (reportsBefore, leasesBefore) => {
    await db.query('delete from number_reports where reported_at < $1', [reportsBefore]);
    await db.query('delete from number_leases where leased_at < $1', [leasesBefore]);
  },
});
