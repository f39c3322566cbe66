import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * What providers have granted: the lease of each number, its row and its event in one statement, for many purchases; docs/adr/0067. What may not be
 * leased changes nothing. The rule of a lease is that of migrations 0031 and 0032; `lease_numbers` stays for recovery and rentals, which lease before they
 * decide, and `save_verifications` for all other changes.
 *
 * Rows are locked in the order of ids, then numbers in theirs, before anything is numbered in the outbox. The answer names those whose row was as it should
 * be, by their position from 1, and what became of them.
 */
export const grants = sqlMigration(
  '20261121-0121-grants',
  `
create function grant_verifications(
  p_id uuid[], p_tenant_id uuid[], p_from_state text[], p_from_version int[], p_activation_id text[], p_provider_cost_micros bigint[],
  p_phone_number text[], p_hold_id text[], p_expires_at timestamptz[], p_due_at timestamptz[], p_cancellable_at timestamptz[], p_change jsonb[],
  p_number_hash bytea[], p_event_id uuid[], p_subject text[], p_headers jsonb[], p_payload bytea[]
) returns table (changed bigint, outcome text) language plpgsql
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_material = off
as $$
begin
  return query
  with locked as materialized (
    select w.*, v.service, v.created_at
      from unnest(
        p_id, p_tenant_id, p_from_state, p_from_version, p_activation_id, p_provider_cost_micros, p_phone_number, p_hold_id, p_expires_at,
        p_due_at, p_cancellable_at, p_change, p_number_hash, p_event_id, p_subject, p_headers, p_payload
      ) with ordinality as w (
        id, tenant_id, from_state, from_version, activation_id, provider_cost_micros, phone_number, hold_id, expires_at, due_at, cancellable_at,
        change, number_hash, event_id, subject, headers, payload, place
      )
      join verifications v on v.id = w.id and v.tenant_id = w.tenant_id and v.state = w.from_state and v.version = w.from_version
     order by v.id for no key update of v
  ), leased as (
    insert into number_leases (number_hash, service, verification_id, tenant_id, leased_at)
    select distinct on (l.number_hash, l.service) l.number_hash, l.service, l.id, l.tenant_id, l.created_at from locked l
     where not exists (
       select 1 from number_bans b where b.number_hash = l.number_hash and b.service in (l.service, '*') and b.until > l.created_at
     )
     order by l.number_hash, l.service, l.place
    on conflict (number_hash, service) do update
      set verification_id = excluded.verification_id, tenant_id = excluded.tenant_id, leased_at = excluded.leased_at, free = false
      where number_leases.free or number_leases.verification_id = excluded.verification_id
    returning verification_id
  ), moved as (
    update verifications v set state = 'waiting', version = v.version + 1, activation_id = l.activation_id,
      provider_cost_micros = l.provider_cost_micros, phone_number = l.phone_number, hold_id = l.hold_id, expires_at = l.expires_at,
      due_at = l.due_at, cancellable_at = l.cancellable_at, attempts = 0, history = v.history || l.change, leased_until = null
    from locked l join leased on leased.verification_id = l.id
    where v.id = l.id
    returning v.id, v.version, v.provider, v.activation_id, l.place, l.event_id, l.subject, l.headers, l.payload
  ), event as (
    insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload)
    select m.event_id, m.subject, m.id::text, m.version, m.headers, m.payload from moved m
  )
  select l.place, case
    when m.id is null then 'unleased'
    -- Of two grants to one purchase in one batch.
    when m.place <> l.place then 'lost'
    when exists (select 1 from orphan_pushes o where o.provider = m.provider and o.activation_id = m.activation_id) then 'pushWaits'
    else 'saved' end
  from locked l left join moved m on m.id = l.id;
end $$;
`,
);
