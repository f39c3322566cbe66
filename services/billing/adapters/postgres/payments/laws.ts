import type { Law } from '../verify/law.ts';

export const paymentLaws: readonly Law[] = [
  {
    law: 'a payment shows the attempt that was credited, of which there is one exactly when it succeeded',
    about: 'payment',
    sql: `select p.id as subject, p.status || ' by ' || p.gateway as expected, count(a.*) filter (where a.status = 'succeeded') || ' successes' as found
        from payments p left join payment_attempts a on a.payment_id = p.id
       group by p.id
      having count(a.*) filter (where a.status = 'succeeded') <> case when p.status = 'succeeded' then 1 else 0 end
          or p.status = 'succeeded' and not bool_or(a.status = 'succeeded' and a.id = p.attempt_id and a.gateway = p.gateway)
          or not coalesce(bool_or(a.id = p.attempt_id), false)`,
  },
  {
    law: 'what was paid twice has a refund of its own, and only that',
    about: 'payment',
    sql: `select coalesce(a.payment_id, r.payment_id) as subject, coalesce(a.status, 'no attempt') as expected, coalesce(r.status, 'no refund') as found
        from (select * from payment_attempts where status = 'surplus') a
        full join (select * from refunds where cause = 'surplus') r on r.attempt_id = a.id
       where a.id is null or r.id is null`,
  },
  {
    law: 'a refund took its amount from the wallet of its payment, a failed one gave it back, and all of a payment together are not more than it',
    about: 'payment',
    sql: `select r.payment_id as subject, r.status || ' ' || r.amount_micros as expected, coalesce(t.amount_micros::text, 'no debit') || ' ' || coalesce(b.amount_micros::text, 'nothing back') as found
        from refunds r left join transfers t on t.id = r.transfer_id left join transfers b on b.id = r.returned_id
       where r.cause <> 'surplus' and (t.id is null or t.amount_micros <> r.amount_micros or t.tenant_id <> r.tenant_id or t.type <> 'payment_refund'
          or (r.status = 'failed') <> (b.id is not null) or b.amount_micros <> r.amount_micros or b.tenant_id <> r.tenant_id)
      union all
      select p.id, p.amount_micros::text, sum(r.amount_micros)::text from payments p join refunds r on r.payment_id = p.id and r.cause <> 'surplus' and r.status <> 'failed'
       group by p.id having sum(r.amount_micros) > p.amount_micros`,
  },
  {
    law: 'a dispute took from the wallet of its payment what it says, and gave it back exactly when it was won',
    about: 'payment',
    sql: `select d.payment_id as subject, d.status || ' ' || d.taken_micros as expected, coalesce(t.amount_micros::text, 'no debit') || ' ' || coalesce(b.amount_micros::text, 'nothing back') as found
        from disputes d left join transfers t on t.id = d.transfer_id left join transfers b on b.id = d.returned_id
       where coalesce(t.amount_micros, 0) <> d.taken_micros or t.tenant_id <> d.tenant_id or t.type <> 'dispute'
          or coalesce(b.amount_micros, 0) <> case when d.status = 'won' then d.taken_micros else 0 end or b.tenant_id <> d.tenant_id`,
  },
];
