/** The statements of the life cycle. Their texts are constant, so each connection plans them once. */

/** `$1::uuid[], $2::text[], …` */
const arrays = (types: readonly string[]): string => types.map((type, index) => `$${index + 1}::${type}[]`).join(', ');

const reserveTypes = [
  'uuid',
  'uuid',
  'text',
  'text',
  'text',
  'int',
  'text',
  'text',
  'text',
  'text',
  'bigint',
  'text',
  'timestamptz',
  'timestamptz',
  'timestamptz',
  'int',
  'uuid',
  'uuid',
  'text',
  'text',
  'text',
  'jsonb',
  'uuid',
] as const;

/**
 * Many rows in one statement. What policy does not allow is not written (migration 0120: it locks the tenants in one order, so
 * batches cannot deadlock, and says which keys are known; under that lock no other row can have taken one). $n+1: the services' classes;
 * $n+2: the rules.
 */
export const reserveSql = `
with admitted as materialized (
  select * from policy_admit($${reserveTypes.length + 2}::jsonb, $1::uuid[], $2::uuid[], $3::text[], $7::text[], $${reserveTypes.length + 1}::text[],
    $8::text[], $12::text[], $11::bigint[], $13::timestamptz[])
), written as (
  insert into verifications (id, tenant_id, idempotency_key, request_hash, state, version, service, country, capability,
    currency, price_micros, provider, created_at, purchase_deadline, due_at, attempts, quote_id, from_hold_id, operator, area_code, actor, route, retry_of)
  select new.* from unnest(${arrays(reserveTypes)}) as new (id, tenant_id, idempotency_key)
  join admitted on admitted.id = new.id and admitted.reason = ''
)
select * from admitted`;

/** Another provider is asked from now on: said before it is. */
export const rerouteSql = `
update verifications set provider = $6, route = $7::jsonb, version = $5, leased_until = null
where id = $1 and tenant_id = $2 and state = $3 and version = $4 returning id`;

const values = (first: number, count: number): string => Array.from({ length: count }, (_, index) => `$${first + index}`).join(', ');

const saveColumns = 24;
const outboxColumns = 6;
const messageColumns = 5;

const outboxTypes = ['uuid', 'text', 'text', 'bigint', 'jsonb', 'bytea'] as const;

const buildSave = (event: boolean, message: boolean): string => {
  const messageFirst = saveColumns + (event ? outboxColumns : 0) + 1;
  const [id, sealed, fingerprint, receivedAt, hidden] = Array.from({ length: messageColumns }, (_, index) => `$${messageFirst + index}`);
  // The row is locked before the outbox row is numbered: events of one verification commit in their order.
  return `
with moved as (
  update verifications set state = $5, version = $6, activation_id = $7, provider_cost_micros = $8, phone_number = $9,
    hold_id = $10, sealed_code = $11, reason = $12, expires_at = $13, received_at = $14, ended_at = $15, due_at = $16, attempts = $17,
    cancellable_at = $18, report_reason = $19, codes = $20, another_asked_at = $21, another_price_micros = $22, another_hold_id = $23,
    history = history || $24::jsonb, leased_until = null
  where id = $1 and tenant_id = $2 and state = $3 and version = $4
  returning id, tenant_id, provider, activation_id, state
)${
    event
      ? `, event as (
  insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload)
  select ${castOutbox(values(saveColumns + 1, outboxColumns))} from moved
)`
      : ''
  }${
    message
      ? `, message as (
  insert into messages (id, verification_id, tenant_id, sealed, fingerprint, received_at, hidden)
  select ${id}::uuid, id, tenant_id, ${sealed}::bytea, ${fingerprint}::bytea, ${receivedAt}::timestamptz, ${hidden}::boolean from moved
)`
      : ''
  }
select 1::bigint as position, state = 'waiting' and exists (
  select 1 from orphan_pushes o where o.provider = moved.provider and o.activation_id = moved.activation_id
) as push_waits from moved`;
};

const castOutbox = (list: string): string =>
  list
    .split(', ')
    .map((parameter, index) => `${parameter}::${outboxTypes[index] ?? 'text'}`)
    .join(', ');

/** Many changes of many rows, each with its event and its message where it has one (migration 0039): what `saves` do for one. */
export const saveManySql = `select changed as position, push_waits from save_verifications(${values(1, saveColumns + outboxColumns + messageColumns)})`;

/** The verifications of many activations, by their position from 1. */
export const byActivationsSql = `
select w.position, v.* from unnest($1::text[], $2::text[]) with ordinality as w (provider, activation_id, position)
join verifications v on v.provider = w.provider and v.activation_id = w.activation_id`;

/** What `fromSql` reads: all but the history, which grows with each change and is read by itself. */
const rowColumns = [
  ...[
    'id',
    'tenant_id',
    'idempotency_key',
    'request_hash',
    'state',
    'version',
    'service',
    'country',
    'capability',
    'operator',
    'area_code',
  ],
  ...['currency', 'price_micros', 'quote_id', 'from_hold_id', 'actor', 'provider', 'route', 'activation_id', 'provider_cost_micros'],
  ...['phone_number', 'hold_id', 'sealed_code', 'reason', 'frozen_at', 'created_at', 'purchase_deadline', 'expires_at', 'received_at'],
  ...['ended_at', 'due_at', 'attempts', 'retry_of', 'cancellable_at', 'report_reason', 'codes'],
  ...['another_asked_at', 'another_price_micros', 'another_hold_id'],
].join(', ');

export const byIdSql = `select ${rowColumns} from verifications where tenant_id = $1 and id = $2`;

/** Each by the index, whatever the planner thinks of their number: "offset 0" keeps it from reading the table once for all of them. */
export const byIdsSql = `
select w.position, v.* from unnest($1::uuid[], $2::uuid[]) with ordinality as w (tenant_id, id, position)
cross join lateral (select ${rowColumns} from verifications where tenant_id = w.tenant_id and id = w.id offset 0) v`;

const saves = {
  plain: { name: 'verification-save', text: buildSave(false, false) },
  event: { name: 'verification-save-event', text: buildSave(true, false) },
  message: { name: 'verification-save-message', text: buildSave(false, true) },
  both: { name: 'verification-save-event-message', text: buildSave(true, true) },
} as const;

/** One row when the compare-and-set held, else none. */
export const saveSql = (event: boolean, message: boolean): { name: string; text: string } =>
  event ? (message ? saves.both : saves.event) : message ? saves.message : saves.plain;

/** Kept as evidence; the verification stays as it is. */
export const hiddenMessageSql = `
insert into messages (id, verification_id, tenant_id, sealed, fingerprint, received_at, hidden)
values ($3, $1, $2, $4, $5, $6, $7)
on conflict on constraint messages_once do nothing
returning id`;

/**
 * One that came after the end waits for its decision. It changes what the provider may take for the number: what it had given back is asked about
 * once more, as long as providers give anything back.
 */
export const lateMessageSql = `
with kept as (
  insert into messages (id, verification_id, tenant_id, sealed, fingerprint, received_at, hidden)
  values ($3, $1, $2, $4, $5, $6, $7)
  on conflict on constraint messages_once do nothing
  returning id, verification_id, tenant_id
), late as (
  insert into late_codes (message_id, verification_id, tenant_id, arrived_at, due_at) select id, verification_id, tenant_id, $8, $8 from kept
), claimed as (
  update provider_settlements s set state = 'claimed', evidence = null, settled_at = null, attempts = 0, due_at = $8::timestamptz + interval '30 seconds'
  from kept where s.verification_id = kept.verification_id and s.state = 'refunded' and s.ended_at > $8::timestamptz - interval '1 day'
)
select id from kept`;

/** What a status read shows beside the verification, once it has a code. */
export const messagesSql = `
select id, sealed, fingerprint, received_at as "receivedAt", hidden from messages
where tenant_id = $1 and verification_id = $2 and not hidden order by received_at, id`;

export const messagesOfManySql = `
select w.position, m.* from unnest($1::uuid[], $2::uuid[]) with ordinality as w (tenant_id, verification_id, position)
cross join lateral (
  select id, sealed, fingerprint, received_at as "receivedAt", hidden from messages
  where tenant_id = w.tenant_id and verification_id = w.verification_id and not hidden offset 0
) m
order by w.position, m."receivedAt", m.id`;

export const knownMessageSql = `select 1 from messages where verification_id = $1 and fingerprint = $2`;

/**
 * Across tenants: the scheduler works for all of them. A number that waits is not leased but due again at its next look, so that a look
 * writes once; it does no harm should two workers look at once. For all others the lease stands beside the due time, which is indexed: a leased row stays
 * first in the index, where the next turns step over it, until its step moves the due time on.
 */
export const dueSql = `
with due as (
  select id from verifications where due_at <= $1 and (leased_until is null or leased_until <= $1)
  order by due_at limit $3 for update skip locked
)
update verifications v set attempts = v.attempts + 1,
  leased_until = case when v.state = 'waiting' and v.expires_at > $1 then null else $2::timestamptz end,
  due_at = case when v.state = 'waiting' and v.expires_at > $1
    then least(v.expires_at, $1 + ($4::float8[])[least(v.attempts + 1, cardinality($4))] * interval '1 millisecond') else v.due_at end
from due where v.id = due.id returning v.*`;

/** Each lease raises the attempts: a worker whose lease another one took over moves nothing. */
export const rescheduleSql = `select from reschedule_verifications(${values(1, 5)})`;

export const unclaimedSql = `
select wanted.id from unnest($2::text[]) as wanted (id)
where not exists (select 1 from verifications v where v.provider = $1 and v.activation_id = wanted.id)`;

export const othersBuyingSql = `
select 1 from verifications where provider = $1 and service = $2 and country = $3 and state in ('reserving', 'unknown') and id <> $4 limit 1`;

export const newestIdSql = 'select id from verifications where tenant_id = $1 order by id desc limit 1';

export const historySql = 'select created_at, history from verifications where tenant_id = $1 and id = $2';
