import type { Law } from '../verify/law.ts';

export const adjustmentLaws: readonly Law[] = [
  {
    law: "an adjustment by hand is in the books exactly when it was posted, with its amount, on its tenant's wallet",
    about: 'adjustment',
    sql: `select coalesce(a.id, t.id) as subject, a.status || ' ' || a.amount_micros as expected, coalesce(t.signed::text, 'no transfer') as found
        from (select * from adjustments where status = 'posted') a
        full join (
          select t.id, t.tenant_id, t.currency, t.type, t.reverses_id, case when c.kind = 'wallet' then t.amount_micros else -t.amount_micros end as signed
            from transfers t join accounts c on c.id = t.credit_account_id
           where t.type = 'adjustment' or exists (select 1 from adjustments x where x.transfer_id = t.id)) t on t.id = a.transfer_id
       where a.id is null or t.id is null or t.signed <> a.amount_micros or t.tenant_id <> a.tenant_id or t.currency <> a.currency
          or t.reverses_id is distinct from a.refund_of`,
  },
  {
    law: 'nobody approved an adjustment of his own',
    about: 'adjustment',
    sql: `select id as subject, 'somebody else than ' || proposed_by as expected, decided_by as found from adjustments where status = 'posted' and decided_by = proposed_by`,
  },
  {
    law: 'what was given back of a charge is not more than the charge, and went to the same wallet',
    about: 'transfer',
    sql: `select o.id as subject, o.amount_micros as expected, sum(t.amount_micros) as found
        from transfers t join transfers o on o.id = t.reverses_id
       group by o.id, o.amount_micros, o.tenant_id, o.currency, o.debit_account_id
      having sum(t.amount_micros) > o.amount_micros or bool_or(t.tenant_id <> o.tenant_id or t.currency <> o.currency or t.credit_account_id <> o.debit_account_id)
      union all
      select t.id, 1, 0 from transfers t left join transfers o on o.id = t.reverses_id where t.reverses_id is not null and o.id is null`,
  },
];
