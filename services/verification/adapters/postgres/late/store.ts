import type { Database } from '#platform/postgres/index.ts';
import type { LateCode, LateCodes } from '../../../app/late/ports.ts';
import type { HashNumber } from '../../../app/policy/ports.ts';
import type { DomainEvent } from '../../../domain/verification.ts';
import { fromSql, type SqlRow } from '../rows.ts';
import type { OutboxRow } from '../store.ts';

/** Across tenants: the worker works for all. Everything that a decision needs comes along. */
const claimSql = `
with due as (
  select message_id from late_codes where due_at <= $1 and (leased_until is null or leased_until <= $1)
  order by due_at limit $3 for update skip locked
), leased as (
  update late_codes l set leased_until = $2, attempts = l.attempts + 1 from due where l.message_id = due.message_id
  returning l.message_id, l.verification_id, l.tenant_id, l.arrived_at, l.attempts, l.hold
)
select v.*, l.message_id, l.arrived_at, l.attempts as late_attempts, l.hold as late_hold, t.plan,
  m.sealed as message_sealed, m.fingerprint as message_fingerprint, m.received_at as message_received_at
from leased l
join verifications v on v.id = l.verification_id and v.tenant_id = l.tenant_id
join messages m on m.id = l.message_id
left join tenant_plans t on t.tenant_id = l.tenant_id`;

type Row = SqlRow & {
  readonly message_id: string;
  readonly arrived_at: Date;
  readonly late_attempts: number;
  readonly late_hold: 'none' | 'asked' | 'unneeded';
  readonly plan: string | null;
  readonly message_sealed: Buffer;
  readonly message_fingerprint: Buffer;
  readonly message_received_at: Date;
};

const lateOf = (row: Row): LateCode => ({
  verification: fromSql(row),
  message: {
    ...{ id: row.message_id, sealed: row.message_sealed, fingerprint: row.message_fingerprint },
    ...{ receivedAt: row.message_received_at, hidden: true },
  },
  arrivedAt: row.arrived_at,
  plan: row.plan ?? undefined,
  // Those before this one.
  attempts: row.late_attempts - 1,
  unneeded: row.late_hold === 'unneeded',
});

/** Whoever it is: a number that was given out again carries other people's messages. */
const leasedAgainSql = `
select exists (
  select 1 from number_leases where number_hash = $1 and verification_id <> $2 and leased_at > $3
) or exists (
  select 1 from rentals where phone_number = $4 and (ends_at is null or ends_at > $3)
) as again`;

const askingSql = `
update late_codes set hold = 'asked' where message_id = $1 and tenant_id = $2 and state = 'pending' returning message_id`;

const nothingHeldSql = `
update late_codes set hold = 'none', due_at = case when state = 'pending' then due_at end, leased_until = case when state = 'pending' then leased_until end
where message_id = $1 and tenant_id = $2 and hold <> 'none'`;

/** What may be held for a code that costs nothing has to go back: due again. */
const unneeded = (at: string): string => `
  hold = case hold when 'asked' then 'unneeded' else hold end, due_at = case hold when 'asked' then ${at}::timestamptz end, leased_until = null`;

const hideSql = `
update late_codes set state = 'hidden', reason = $3, decided_at = $4, ${unneeded('$4')}
where message_id = $1 and tenant_id = $2 and state = 'pending' returning message_id`;

/** The row of the late code is locked first: of two workers that decide about one message the second finds it decided. */
const showSql = `
with open as (
  select message_id from late_codes where message_id = $9 and tenant_id = $2 and state = 'pending' for update
), moved as (
  update verifications set version = $5, sealed_code = $6, received_at = $7, codes = $8, history = history || $12::jsonb
  where id = $1 and tenant_id = $2 and state = $3 and version = $4 and frozen_at is null and exists (select from open)
  returning id, tenant_id
), decided as (
  update late_codes l set state = 'charged', decided_at = $11, hold = 'none', due_at = null, leased_until = null
  from moved where l.message_id = $9 and $10 = 'charged'
), free as (
  update late_codes l set state = 'shown', decided_at = $11, ${unneeded('$11')} from moved where l.message_id = $9 and $10 <> 'charged'
), seen as (
  update messages m set hidden = false from moved where m.id = $9 and m.tenant_id = moved.tenant_id
), settled as (
  -- What the provider kept for this number a customer has now paid for.
  update provider_settlements s set state = 'charged', evidence = null from moved
  where s.verification_id = moved.id and s.state = 'lost' and s.evidence = 'code_at_provider' and $10 = 'charged'
), event as (
  insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload)
  select $13::uuid, $14::text, $15::text, $16::bigint, $17::jsonb, $18::bytea from moved
)
select id from moved`;

const rescheduleSql = `
update late_codes set due_at = $3, leased_until = null where message_id = $1 and tenant_id = $2 and due_at is not null`;

export interface LateStoreOptions {
  readonly db: Database;
  readonly hashNumber: HashNumber;
  readonly outboxRowOf: (event: DomainEvent) => OutboxRow;
  readonly now: () => Date;
}

export const createLateStore = ({ db, hashNumber, outboxRowOf, now }: LateStoreOptions): LateCodes => ({
  claimDue: async (at, until, limit) => (await db.query<Row>(claimSql, [at, until, limit], { name: 'late-codes-due' })).map(lateOf),
  leasedAgain: async ({ id, phoneNumber, createdAt }) => {
    if (phoneNumber === undefined) return false;
    const [row] = await db.query<{ again: boolean }>(leasedAgainSql, [hashNumber(phoneNumber), id, createdAt, phoneNumber]);
    return row?.again ?? true;
  },
  asking: async ({ message, verification }) => (await db.query(askingSql, [message.id, verification.tenantId])).length > 0,
  nothingHeld: async ({ message, verification }) => {
    await db.query(nothingHeldSql, [message.id, verification.tenantId]);
  },
  hide: async ({ message, verification }, reason, at) =>
    (await db.query(hideSql, [message.id, verification.tenantId, reason, at])).length > 0,
  show: async ({ verification: from, message }, to, event) => {
    const at = now();
    const row = outboxRowOf(event);
    const history = JSON.stringify([{ version: to.version, state: to.state, event: event.kind, at }]);
    const moved = await db.query(showSql, [
      ...[from.id, from.tenantId, from.state, from.version, to.version, to.sealedCode ?? null, to.receivedAt ?? null, to.codes],
      ...[message.id, event.charge ? 'charged' : 'shown', at, history],
      ...[row.id, row.subject, row.aggregateId, row.aggregateVersion, row.headers, row.payload],
    ]);
    if (moved.length > 0) db.signalOutbox();
    return moved.length > 0;
  },
  reschedule: async ({ message, verification }, dueAt) => {
    await db.query(rescheduleSql, [message.id, verification.tenantId, dueAt]);
  },
});
