import type { Law } from '../verify/law.ts';

export const priceLaws: readonly Law[] = [
  {
    law: "a hold never exceeds the quote that it names, which is its own tenant's",
    about: 'hold',
    sql: `select h.id as subject, coalesce('at most ' || q.total_micros, 'a quote') as expected, h.amount_micros || ' on ' || h.quote_id as found
        from holds h left join quotes q on q.id = h.quote_id and q.tenant_id = h.tenant_id and q.currency = h.currency
       where h.quote_id is not null and (q.id is null or h.amount_micros > q.total_micros)`,
  },
  {
    law: 'the lines of a quoted price add up to it exactly, and its items to the total of the quote',
    about: 'quote',
    sql: `with items as (
        select q.id, q.total_micros, (i.item->>'price')::numeric as price, (i.item->>'quantity')::numeric as quantity,
               (select coalesce(sum((l.line->>'attos')::numeric), 0) from jsonb_array_elements(i.item->'lines') l (line)) as lines
          from quotes q left join lateral jsonb_array_elements(q.items) i (item) on true)
      select id as subject, (price * 1000000000000)::text as expected, lines::text as found from items where lines is distinct from price * 1000000000000
      union all
      select id, total_micros::text, sum(price * quantity)::text from items group by id, total_micros having sum(price * quantity) is distinct from total_micros`,
  },
  {
    law: "one version of a price book is effective at a time, and a tenant's was decided by a second person",
    about: 'price_book',
    sql: `select a.id as subject, 'no other at that time' as expected, b.id::text as found from price_books a join price_books b on a.book = b.book and a.id < b.id
       where a.state = 'published' and b.state = 'published'
         and tstzrange(a.effective_from, a.effective_to) && tstzrange(b.effective_from, b.effective_to)
      union all
      select id, 'two persons', coalesce(decided_by, 'nobody') from price_books
       where state = 'published' and scope = 'tenant' and (proposed_by is null or decided_by is not distinct from proposed_by)`,
  },
  {
    law: 'a promotion counts its redemptions, within its limits, and each credit of it is in the books with its amount',
    about: 'promotion',
    sql: `with given as (select promotion_id, count(*) as number from redemptions group by 1)
      select p.id as subject, coalesce(g.number, 0) || ' of ' || p.total_limit as expected, p.redeemed::text as found
        from promotions p left join given g on g.promotion_id = p.id
       where p.redeemed <> coalesce(g.number, 0) or p.total_limit > 0 and p.redeemed > p.total_limit
      union all
      select p.id, 'a credit of ' || p.amount_micros, coalesce(t.amount_micros::text, 'none')
        from redemptions r join promotions p on p.id = r.promotion_id
        left join transfers t on t.id = r.transfer_id and t.tenant_id = r.tenant_id and t.type = 'promotion'
       where p.kind = 'credit' and (t.id is null or t.amount_micros <> p.amount_micros)`,
  },
];
