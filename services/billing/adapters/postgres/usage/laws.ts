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
       where t.id is null or c.amount_micros <> case when t.reverses_id is null then t.amount_micros else -t.amount_micros end
          or t.type <> case when t.reverses_id is null then 'usage' else 'refund' end
      union all
      select u.period_id || ' ' || u.meter, t.amount_micros, null
        from transfers t join usage_totals u on u.tenant_id = t.tenant_id and t.reference = u.period_id || '/' || u.meter
        left join usage_charges c on c.transfer_id = t.id
       where t.type = 'usage' and t.idempotency_key like 'usage/' || t.reference || '/%' and c.transfer_id is null`,
  },
  {
    law: 'usage was charged as it was rated, unless it is owed, waits, or was given back by hand',
    about: 'usage',
    sql: `select t.period_id || ' ' || t.meter as subject, t.rated_micros || ' for ' || t.quantity as expected, t.charged_micros || ' for ' || t.rated_quantity as found
        from usage_totals t
        left join lateral (
          select sum(r.amount_micros) as micros from usage_charges c join transfers r on r.reverses_id = c.transfer_id
            left join usage_charges own on own.transfer_id = r.id
           where c.tenant_id = t.tenant_id and c.period_id = t.period_id and c.meter = t.meter and own.transfer_id is null) by_hand on t.charged_micros > t.rated_micros
       where t.due_at is null and (t.rated_quantity <> t.quantity or t.charged_micros < t.rated_micros
          or t.charged_micros - t.rated_micros > coalesce(by_hand.micros, 0))`,
  },
  {
    law: 'what rounding left of a total of usage is half a micro at most',
    about: 'usage',
    sql: `select period_id || ' ' || meter as subject, 'at most 500000 either way' as expected, remainder_picos as found
        from usage_totals where abs(remainder_picos) > 500000`,
  },
  {
    law: 'the days of usage sum to its periods',
    about: 'tenant',
    sql: `with days as (select tenant_id, meter, sum(quantity) as quantity from usage_days group by 1, 2),
             periods as (select tenant_id, meter, sum(quantity) as quantity from usage_totals group by 1, 2)
      select tenant_id || ' ' || meter as subject, coalesce(p.quantity, 0) as expected, coalesce(d.quantity, 0) as found
        from periods p full join days d using (tenant_id, meter) where coalesce(p.quantity, 0) <> coalesce(d.quantity, 0)`,
  },
  {
    law: 'what a budget has counted in its newest window is what the holds and charges of that window say',
    about: 'tenant',
    sql: `select b.tenant_id || ' ' || b.id as subject, spent_in_window(b, w.starts_at) as expected, w.spent_micros as found
        from budgets b cross join lateral (select * from budget_windows where budget_id = b.id order by starts_at desc limit 1) w
       where w.spent_micros <> spent_in_window(b, w.starts_at)`,
  },
  {
    law: 'an alert has told each of its crossings, numbered without gaps',
    about: 'tenant',
    sql: `select a.tenant_id || ' ' || a.id as subject, a.fired as expected, coalesce(max(e.number), 0) || ' in ' || count(e.number) as found
        from usage_alerts a left join usage_alert_events e on e.alert_id = a.id
       group by a.id having a.fired <> count(e.number) or a.fired <> coalesce(max(e.number), 0)`,
  },
];
