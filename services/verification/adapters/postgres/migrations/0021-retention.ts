import { sqlMigration } from '#platform/postgres/index.ts';

/** How long texts and codes are kept, by the plan of their tenant. What is deleted cannot be brought back from here. */
export const retention = sqlMigration(
  '20261121-0021-retention',
  `
create table tenant_plans (
  tenant_id uuid primary key,
  plan text not null,
  since timestamptz not null
);
create index messages_age on messages (received_at);
create index rental_messages_age on rental_messages (received_at);

-- Oldest first, across tenants; a row that somebody else is at waits for the next time.
create function purge_texts(p_now timestamptz, p_days jsonb, p_default integer, p_limit integer) returns bigint language plpgsql as $$
declare
  shortest timestamptz := p_now - (select make_interval(days => least(p_default, min(value::integer))) from jsonb_each_text(p_days));
  gone bigint;
  rented bigint;
begin
  with due as (
    select m.id from messages m left join tenant_plans t on t.tenant_id = m.tenant_id
     where m.received_at < shortest
       and m.received_at < p_now - make_interval(days => coalesce((p_days ->> t.plan)::integer, p_default))
     order by m.received_at limit p_limit for update of m skip locked),
  deleted as (delete from messages m using due where m.id = due.id returning m.verification_id),
  -- The code stands in the verification, too.
  blank as (update verifications v set sealed_code = null from (select distinct verification_id from deleted) d where v.id = d.verification_id)
  select count(*) into gone from deleted;
  with due as (
    select m.id from rental_messages m left join tenant_plans t on t.tenant_id = m.tenant_id
     where m.received_at < shortest
       and m.received_at < p_now - make_interval(days => coalesce((p_days ->> t.plan)::integer, p_default))
     order by m.received_at limit p_limit - gone for update of m skip locked),
  deleted as (delete from rental_messages m using due where m.id = due.id returning m.id)
  select count(*) into rented from deleted;
  return gone + rented;
end $$;
`,
);
