import { isUuid, newId } from '#platform/ids/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import type { StrayStore } from '../../../app/settlement/ports.ts';
import { currency } from '../../../domain/catalogue.ts';
import type { KnownActivation } from '../../../domain/settlement/stray.ts';

/** Of what is nobody's purchase. */
const nobody = '00000000-0000-0000-0000-000000000000';

const beginSql = `
insert into provider_states as p (provider, sweep_due_at, sweep_leased_until) values ($1, $2, $3)
on conflict (provider) do update set sweep_leased_until = $3
where p.sweep_due_at <= $2 and (p.sweep_leased_until is null or p.sweep_leased_until <= $2)
returning swept_at, suspects`;

const endSql = `
update provider_states set sweep_leased_until = null, sweep_due_at = $2, swept_at = coalesce($3, swept_at), suspects = coalesce($4::text[], suspects)
where provider = $1`;

/** Over all tenants: the provider's list does not know them either. */
const knownSql = `
select v.activation_id, v.state, v.ended_at, s.state as settlement, coalesce(s.reopened, 0) as reopened
from verifications v left join provider_settlements s on s.verification_id = v.id
where v.provider = $1 and v.activation_id = any($2::text[])`;

const returningSql = `select activation_id from number_returns where provider = $1 and activation_id = any($2::text[])`;

/**
 * In one statement with what speaks against it. $6 and $7 are the service and country, '' when the provider's words are not ours; $10 the
 * order it names, null: none; $11 until when a purchase must have begun to have made it.
 */
const claimSql = `
insert into provider_settlements (verification_id, tenant_id, provider, activation_id, currency, service, country, cost_micros, state, ended_at,
  due_at, origin)
select $1, $2, $3, $4, $5, $6, $7, $8, 'claimed', $9, $9, 'stray'
where not exists (select 1 from verifications v where v.provider = $3 and v.activation_id = $4)
  and not exists (select 1 from number_returns r where r.provider = $3 and r.activation_id = $4)
  -- A rented number is no activation, should a provider ever list it among them.
  and not exists (select 1 from rentals r where r.provider = $3 and r.provider_rental_id = $4)
  and ($10::uuid is null or exists (select 1 from verifications v where v.id = $10))
  and not exists (
    select 1 from verifications v
    where v.provider = $3 and v.state in ('reserving', 'unknown') and v.created_at <= $11
      and case when $10::uuid is not null then v.id = $10 else $6 = '' or $7 = '' or (v.service = $6 and v.country = $7) end
  )
on conflict do nothing
returning verification_id`;

const reopenSql = `
update provider_settlements set state = 'claimed', evidence = null, settled_at = null, due_at = $3, reopened = reopened + 1
where provider = $1 and activation_id = $2 and verification_id = (
    select id from verifications where provider = $1 and activation_id = $2
  ) and state = 'refunded'
returning verification_id`;

interface KnownRow {
  readonly activation_id: string;
  readonly state: KnownActivation['state'];
  readonly ended_at: Date | null;
  readonly settlement: NonNullable<KnownActivation['settlement']> | null;
  readonly reopened: number;
}

/** The order that an activation names: the purchase, also where it is that of a second try. @returns undefined: none; null: not one of ours */
const orderOf = (orderId: string | undefined): string | null | undefined => {
  if (orderId === undefined) return undefined;
  const [id = ''] = orderId.split(':');
  return isUuid(id) ? id : null;
};

export const createStrayStore = (db: Pick<Database, 'query'>): StrayStore => ({
  begin: async (provider, now, until) => {
    const [row] = await db.query<{ swept_at: Date | null; suspects: string[] }>(beginSql, [provider, now, until]);
    return row && { before: row.swept_at ?? undefined, suspects: new Set(row.suspects) };
  },
  end: async (provider, dueAt, listed) => {
    await db.query(endSql, [provider, dueAt, listed?.askedAt ?? null, listed?.suspects ?? null]);
  },
  known: async (provider, ids) => {
    if (ids.length === 0) return { activations: [], returning: new Set() };
    const [rows, returning] = await Promise.all([
      db.query<KnownRow>(knownSql, [provider, ids]),
      db.query<{ activation_id: string }>(returningSql, [provider, ids]),
    ]);
    return {
      activations: rows.map((row) => ({
        ...{ activationId: row.activation_id, state: row.state, endedAt: row.ended_at ?? undefined },
        ...{ settlement: row.settlement ?? undefined, reopened: row.reopened },
      })),
      returning: new Set(returning.map((row) => row.activation_id)),
    };
  },
  claim: async (provider, activation, since, now) => {
    const { activationId, service = '', country = '', costMicros, orderId } = activation;
    const order = orderOf(orderId);
    // Somebody else's, with our key: not ours to cancel.
    if (order === null) return 'left';
    const about = [newId(), nobody, provider, activationId, currency, service, country, costMicros];
    return (await db.query(claimSql, [...about, now, order ?? null, since])).length > 0 ? 'claimed' : 'left';
  },
  reopen: async (provider, activationId, now) => (await db.query(reopenSql, [provider, activationId, now])).length > 0,
});
