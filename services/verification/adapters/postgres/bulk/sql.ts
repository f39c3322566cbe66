/** The batch and its items, unless its key is known. */
export const createSql = `
with made as (
  insert into batches (id, tenant_id, idempotency_key, request_hash, state, version, currency, amount_micros, hold_open, created_at,
    buy_until, due_at, attempts, actor)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, $23)
  on conflict on constraint batches_idempotency do nothing
  returning id, tenant_id, created_at
)
insert into batch_items (batch_id, tenant_id, next_at, attempts, position, service, country, capability, operator, area_code, price_micros,
  quote_id, state, reason, excluded_providers, preferred_providers)
select made.id, made.tenant_id, made.created_at, 0, item.position, item.service, item.country, item.capability, item.operator, item.area_code,
  item.price_micros, item.quote_id, item.state, item.reason, string_to_array(item.without, ','), string_to_array(item.rather, ',')
  from made, unnest($13::int[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::bigint[], $20::uuid[], $21::text[], $22::text[],
    $24::text[], $25::text[]) item (position, service, country, capability, operator, area_code, price_micros, quote_id, state, reason, without, rather)
returning position`;

/** Of several batches at once. An item that was bought counts as its verification stands. */
export const progressSql = `
select i.batch_id, case when i.state = 'bought' then v.state else i.state end as state, count(*)::int as count,
       coalesce(sum(i.price_micros), 0)::bigint as price_micros
  from batch_items i left join verifications v on v.id = i.verification_id and v.tenant_id = i.tenant_id
 where i.tenant_id = $1 and i.batch_id = any($2::uuid[])
 group by 1, 2`;

const movedSql = `
with moved as (
  update batches set state = $5, version = $6, hold_id = $7, hold_open = $8, reason = $9, ended_at = $10, due_at = $11, attempts = $12,
    leased_until = null
   where id = $1 and tenant_id = $2 and state = $3 and version = $4
  returning id
)`;

/** Of a batch that fails nothing will be bought. */
export const saveSql = `${movedSql}, dropped as (
  update batch_items set state = 'cancelled'
   where batch_id = (select id from moved) and tenant_id = $2 and state = 'pending' and $5 = 'failed'
)
select id from moved`;

/** With its event in the same statement: it is told once, by whoever moved the row. */
export const completeSql = `${movedSql}
insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload)
select $13::uuid, $14::text, $15::text, $16::bigint, $17::jsonb, $18::bytea from moved
returning id`;

export const askCancelSql = `
update batches set cancel_asked_at = $3, due_at = $3, leased_until = null, attempts = 0, version = version + 1
 where id = $1 and tenant_id = $2 and state in ('buying', 'waiting') and cancel_asked_at is null
returning id`;

/** What somebody buys at this moment is left to him; what somebody bought who died, is found by its key. */
export const dropPendingSql = `
update batch_items set state = 'cancelled'
 where batch_id = $1 and tenant_id = $2 and state = 'pending' and attempts = 0 and (leased_until is null or leased_until <= $3)`;

export const waitingSql = `
select v.id from batch_items i join verifications v on v.id = i.verification_id and v.tenant_id = i.tenant_id
 where i.batch_id = $1 and i.tenant_id = $2 and i.state = 'bought' and v.state = 'waiting'`;

/**
 * Across tenants. Each tenant's next items, numbered on from what the tenant has under way: the lowest numbers go first, so that nobody
 * waits for all of a large order of somebody else.
 */
export const claimItemsSql = `
with tenants as materialized (
  -- Counted once for each tenant, not for each item.
  select t.tenant_id, (select count(*) from batch_items l where l.tenant_id = t.tenant_id and l.state = 'pending'
                          and l.leased_until is not null and l.leased_until > $1) as running
    from (select distinct tenant_id from batches where state = 'buying') t
), turns as (
  select i.batch_id, i.position, i.next_at, i.turn + tenant.running as turn
    from tenants tenant
    cross join lateral (
      select n.batch_id, n.position, n.next_at, row_number() over (order by n.next_at, n.batch_id, n.position) as turn
        from (select i.batch_id, i.position, i.next_at
                from batch_items i join batches b on b.id = i.batch_id and b.state = 'buying'
               where i.tenant_id = tenant.tenant_id and i.state = 'pending' and i.next_at <= $1 and (i.leased_until is null or i.leased_until <= $1)
               order by i.next_at, i.batch_id, i.position limit $3) n
    ) i
   order by turn, i.next_at limit $3
), claimed as (
  select i.batch_id, i.position from batch_items i
   where (i.batch_id, i.position) in (select batch_id, position from turns)
     and i.state = 'pending' and (i.leased_until is null or i.leased_until <= $1)
   for update skip locked
)
update batch_items i set leased_until = $2, attempts = i.attempts + 1
  from claimed where i.batch_id = claimed.batch_id and i.position = claimed.position
returning i.batch_id, i.position`;

/** A verification that exists is noted by whoever knows of it; for the rest the worker must still have its lease. */
export const settleItemSql = `
update batch_items set state = $5, verification_id = $6, reason = $7, leased_until = null
 where batch_id = $1 and position = $2 and tenant_id = $3 and state = 'pending' and (attempts = $4 or $5 = 'bought')`;

export const retryItemSql = `
update batch_items set next_at = $5, leased_until = null
 where batch_id = $1 and position = $2 and tenant_id = $3 and attempts = $4 and state = 'pending'`;

export const claimDueSql = `
with due as (
  select id from batches where due_at <= $1 and (leased_until is null or leased_until <= $1) order by due_at limit $3 for update skip locked
)
update batches b set leased_until = $2, attempts = b.attempts + 1 from due where b.id = due.id returning b.id`;

/** Not when somebody has called for a look meanwhile, or has the lease now. */
export const rescheduleSql = `
update batches set due_at = $5, leased_until = null where id = $1 and tenant_id = $2 and version = $3 and attempts = $4`;

export const callForSql = `
update batches set due_at = $2, leased_until = null, attempts = attempts + 1 where hold_id = any($1::uuid[]) and state = 'waiting'`;
