import { sqlMigration } from '#platform/postgres/index.ts';

/**
 * A rental's message whose text has to go leaves its fingerprint, hidden: a provider lists a number's messages for as long as it is rented,
 * and would otherwise tell the old ones anew. The fingerprint goes a week after the rental has ended.
 */
export const rentalFingerprints = sqlMigration(
  '20261121-0046-rental-fingerprints',
  `
-- Set when the text went: when to look whether the fingerprint may go, too. A rental may have been extended until then.
alter table rental_messages add column forget_at timestamptz;
create index rental_messages_forget on rental_messages (forget_at) where forget_at is not null;
drop index rental_messages_age;
create index rental_messages_age on rental_messages (received_at) where forget_at is null;

-- The last moment at which the provider's list may still be read, by what is known now, and a week.
create function rental_forget_at(p_ended timestamptz, p_ends timestamptz, p_now timestamptz) returns timestamptz language sql immutable as
  $$ select coalesce(p_ended, greatest(p_now, p_ends)) + interval '7 days' $$;

create or replace function purge_texts(p_now timestamptz, p_days jsonb, p_default integer, p_limit integer) returns bigint language plpgsql as $$
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
     where m.forget_at is null and m.received_at < shortest
       and m.received_at < p_now - make_interval(days => coalesce((p_days ->> t.plan)::integer, p_default))
     order by m.received_at limit p_limit - gone for update of m skip locked),
  blank as (
    update rental_messages m set sealed = '', hidden = true, forget_at = rental_forget_at(r.ended_at, r.ends_at, p_now)
      from due, rentals r where m.id = due.id and r.id = m.rental_id returning m.id)
  select count(*) into rented from blank;
  with due as (
    select m.id, rental_forget_at(r.ended_at, r.ends_at, p_now) as forget_at from rental_messages m join rentals r on r.id = m.rental_id
     where m.forget_at <= p_now order by m.forget_at limit p_limit for update of m skip locked),
  later as (update rental_messages m set forget_at = due.forget_at from due where m.id = due.id and due.forget_at > p_now)
  delete from rental_messages m using due where m.id = due.id and due.forget_at <= p_now;
  return gone + rented;
end $$;
`,
);
