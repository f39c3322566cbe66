/** The statements of the life cycle. Their texts are constant, so each connection plans them once. */

export const reserveSql = `
insert into verifications (id, tenant_id, idempotency_key, request_hash, state, version, service, country, capability,
  currency, price_micros, provider, created_at, purchase_deadline, due_at, attempts)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
on conflict on constraint verifications_idempotency do nothing
returning id`;

const values = (first: number, count: number): string => Array.from({ length: count }, (_, index) => `$${first + index}`).join(', ');

const saveColumns = 17;
const outboxColumns = 6;
const messageColumns = 5;

const buildSave = (event: boolean, message: boolean): string => {
  const messageFirst = saveColumns + (event ? outboxColumns : 0) + 1;
  const [id, sealed, fingerprint, receivedAt, hidden] = Array.from({ length: messageColumns }, (_, index) => `$${messageFirst + index}`);
  // The row is locked before the outbox row is numbered: events of one verification commit in their order.
  return `
with moved as (
  update verifications set state = $5, version = $6, activation_id = $7, provider_cost_micros = $8, phone_number = $9,
    hold_id = $10, sealed_code = $11, reason = $12, expires_at = $13, received_at = $14, ended_at = $15, due_at = $16, attempts = $17
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
select state = 'waiting' and exists (
  select 1 from orphan_pushes o where o.provider = moved.provider and o.activation_id = moved.activation_id
) as push_waits from moved`;
};

const outboxTypes = ['uuid', 'text', 'text', 'bigint', 'jsonb', 'bytea'] as const;
const castOutbox = (list: string): string =>
  list
    .split(', ')
    .map((parameter, index) => `${parameter}::${outboxTypes[index] ?? 'text'}`)
    .join(', ');

const saves = {
  plain: { name: 'verification-save', text: buildSave(false, false) },
  event: { name: 'verification-save-event', text: buildSave(true, false) },
  message: { name: 'verification-save-message', text: buildSave(false, true) },
  both: { name: 'verification-save-event-message', text: buildSave(true, true) },
} as const;

/** One row when the compare-and-set held, else none. */
export const saveSql = (event: boolean, message: boolean): { name: string; text: string } =>
  event ? (message ? saves.both : saves.event) : message ? saves.message : saves.plain;

export const messageSql = `
with added as (
  insert into messages (id, verification_id, tenant_id, sealed, fingerprint, received_at, hidden)
  values ($4, $1, $2, $5, $6, $7, $8)
  on conflict on constraint messages_once do nothing
  returning id, hidden
), seen as (
  update verifications set version = version + 1, sealed_code = coalesce($3::bytea, sealed_code)
  where id = $1 and tenant_id = $2 and exists (select 1 from added where not hidden)
)
select id from added`;

/** Across tenants: the scheduler works for all of them. */
export const dueSql = `
with due as (
  select id from verifications where due_at <= $1 order by due_at limit $3 for update skip locked
)
update verifications v set due_at = $2, attempts = v.attempts + 1 from due where v.id = due.id returning v.*`;

export const rescheduleSql = `
update verifications set due_at = $5 where id = $1 and tenant_id = $2 and state = $3 and due_at is not distinct from $4::timestamptz`;

export const unclaimedSql = `
select wanted.id from unnest($2::text[]) as wanted (id)
where not exists (select 1 from verifications v where v.provider = $1 and v.activation_id = wanted.id)`;

export const othersBuyingSql = `
select 1 from verifications where provider = $1 and service = $2 and country = $3 and state in ('reserving', 'unknown') and id <> $4 limit 1`;
