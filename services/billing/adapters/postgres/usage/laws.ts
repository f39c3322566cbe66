import type { Law } from '../verify/law.ts';

export const usageLaws: readonly Law[] = [
  {
    law: 'a total of usage is the sum of its events',
    about: 'usage',
    sql: `with counted as (select tenant_id, period_id, meter, sum(quantity) as quantity, count(*) as events from usage_events group by 1, 2, 3)
      select coalesce(t.period_id, c.period_id) || ' ' || coalesce(t.meter, c.meter) as subject,
             coalesce(c.quantity, 0) || ' in ' || coalesce(c.events, 0) as expected, coalesce(t.quantity, 0) || ' in ' || coalesce(t.event_count, 0) as found
        from usage_totals t full join counted c using (tenant_id, period_id, meter)
       where coalesce(t.quantity, 0) <> coalesce(c.quantity, 0) or coalesce(t.event_count, 0) <> coalesce(c.events, 0)`,
  },
  {
    law: 'what was charged for usage is the sum of its charges, and each is a transfer of that amount',
    about: 'usage',
    sql: `select t.period_id || ' ' || t.meter as subject, coalesce(sum(c.amount_micros), 0) as expected, t.charged_micros as found
        from usage_totals t left join usage_charges c using (tenant_id, period_id, meter)
       group by t.tenant_id, t.period_id, t.meter, t.charged_micros having coalesce(sum(c.amount_micros), 0) <> t.charged_micros
      union all
      select c.period_id || ' ' || c.meter, c.amount_micros, case when t.reverses_id is null then t.amount_micros else -t.amount_micros end
        from usage_charges c left join transfers t on t.id = c.transfer_id and t.tenant_id = c.tenant_id
       where t.id is null or c.amount_micros <> case when t.reverses_id is null then t.amount_micros else -t.amount_micros end`,
  },
];
