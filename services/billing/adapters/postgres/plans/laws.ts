import type { Law } from '../verify/law.ts';

export const planLaws: readonly Law[] = [
  {
    law: "a billed period of a plan was paid by one transfer of its amount, out of its tenant's wallet",
    about: 'billed_period',
    sql: `select b.id as subject, b.amount_micros as expected, coalesce(t.amount_micros::text, 'no transfer') as found
        from billed_periods b left join transfers t on t.id = b.transfer_id
       where (b.amount_micros > 0) <> (t.id is not null) or t.amount_micros <> b.amount_micros or t.tenant_id <> b.tenant_id
          or t.currency <> b.currency or t.type <> 'subscription'
          or b.transfer_id is not null and 1 < (select count(*) from billed_periods x where x.transfer_id = b.transfer_id)`,
  },
  {
    law: 'no moment of a tenant is billed twice, and each subscription stands in a period that was billed',
    about: 'billed_period',
    sql: `select a.id as subject, 'no overlap' as expected, b.id::text as found
        from billed_periods a join billed_periods b on b.tenant_id = a.tenant_id and b.id > a.id
         and tstzrange(b.starts_at, b.ends_at) && tstzrange(a.starts_at, a.ends_at)
      union all
      select s.billed_id, 'a billed period of ' || s.id, 'none'
        from subscriptions s left join billed_periods b on b.id = s.billed_id and b.tenant_id = s.tenant_id and b.subscription_id = s.id
       where b.id is null`,
  },
];
