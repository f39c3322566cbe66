import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * Many changes of verifications at once, each with its event and its message where it has one, as a function: planned once for each connection.
 * As a statement it was planned at every call, because the plan that a session keeps was made for small tables and read them whole. Here every
 * table is reached by key, whatever its statistics say. docs/benchmarks.md says what that was seen to change.
 *
 * Rows are locked in the order of ids, before their events are numbered. The answer names the changes whose compare-and-set held, by their
 * position from 1; of two changes of one row from the same version one holds.
 */
export const saveInBatches = sqlMigration(
  '20261121-0039-save-in-batches',
  `
create function save_verifications(
  p_id uuid[], p_tenant_id uuid[], p_from_state text[], p_from_version int[], p_state text[], p_version int[],
  p_activation_id text[], p_provider_cost_micros bigint[], p_phone_number text[], p_hold_id text[], p_sealed_code bytea[],
  p_reason text[], p_expires_at timestamptz[], p_received_at timestamptz[], p_ended_at timestamptz[], p_due_at timestamptz[],
  p_attempts int[], p_cancellable_at timestamptz[], p_report_reason text[], p_codes int[], p_another_asked_at timestamptz[],
  p_another_price_micros bigint[], p_another_hold_id text[], p_change jsonb[], p_event_id uuid[], p_subject text[],
  p_aggregate_id text[], p_aggregate_version bigint[], p_headers jsonb[], p_payload bytea[], p_message_id uuid[],
  p_sealed bytea[], p_fingerprint bytea[], p_message_received_at timestamptz[], p_hidden boolean[]
) returns table (changed bigint, push_waits boolean) language plpgsql
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_material = off
as $$
begin
  return query
  with wanted as (
    select * from unnest(
      p_id, p_tenant_id, p_from_state, p_from_version, p_state, p_version, p_activation_id, p_provider_cost_micros,
      p_phone_number, p_hold_id, p_sealed_code, p_reason, p_expires_at, p_received_at, p_ended_at, p_due_at, p_attempts,
      p_cancellable_at, p_report_reason, p_codes, p_another_asked_at, p_another_price_micros, p_another_hold_id, p_change,
      p_event_id, p_subject, p_aggregate_id, p_aggregate_version, p_headers, p_payload, p_message_id, p_sealed, p_fingerprint,
      p_message_received_at, p_hidden
    ) with ordinality as w (
      id, tenant_id, from_state, from_version, state, version, activation_id, provider_cost_micros, phone_number, hold_id,
      sealed_code, reason, expires_at, received_at, ended_at, due_at, attempts, cancellable_at, report_reason, codes,
      another_asked_at, another_price_micros, another_hold_id, change, event_id, subject, aggregate_id, aggregate_version,
      headers, payload, message_id, sealed, fingerprint, message_received_at, hidden, place
    )
  ), locked as (
    select v.id from wanted w join verifications v on v.id = w.id order by v.id for no key update of v
  ), moved as (
    update verifications v set state = w.state, version = w.version, activation_id = w.activation_id,
      provider_cost_micros = w.provider_cost_micros, phone_number = w.phone_number, hold_id = w.hold_id, sealed_code = w.sealed_code,
      reason = w.reason, expires_at = w.expires_at, received_at = w.received_at, ended_at = w.ended_at, due_at = w.due_at,
      attempts = w.attempts, cancellable_at = w.cancellable_at, report_reason = w.report_reason, codes = w.codes,
      another_asked_at = w.another_asked_at, another_price_micros = w.another_price_micros, another_hold_id = w.another_hold_id,
      history = v.history || w.change, leased_until = null
    from wanted w
    -- Asked once, so all are locked before the first is changed.
    where (select count(*) from locked) > 0
      and v.id = w.id and v.tenant_id = w.tenant_id and v.state = w.from_state and v.version = w.from_version
    returning v.id, v.tenant_id, v.provider, v.activation_id, v.state, w.place,
      w.event_id, w.subject, w.aggregate_id, w.aggregate_version, w.headers, w.payload,
      w.message_id, w.sealed, w.fingerprint, w.message_received_at, w.hidden
  ), event as (
    insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload)
    select m.event_id, m.subject, m.aggregate_id, m.aggregate_version, m.headers, m.payload from moved m where m.event_id is not null
  ), message as (
    insert into messages (id, verification_id, tenant_id, sealed, fingerprint, received_at, hidden)
    select m.message_id, m.id, m.tenant_id, m.sealed, m.fingerprint, m.message_received_at, m.hidden from moved m
    where m.message_id is not null
  )
  select m.place, m.state = 'waiting' and exists (
    select 1 from orphan_pushes o where o.provider = m.provider and o.activation_id = m.activation_id
  ) from moved m;
end $$;
`,
);
