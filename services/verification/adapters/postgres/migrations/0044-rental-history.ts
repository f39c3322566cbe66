import { sqlMigration } from '#platform/postgres/index.ts';

/** What a rental has cost altogether, and lists of the few in one state among many that ended. */
export const rentalHistory = sqlMigration(
  '20261121-0044-rental-history',
  `
alter table rentals add column currency text not null default 'USD';
alter table rentals add column charged_micros bigint not null default 0;
alter table rentals add column refunded_micros bigint not null default 0;
update rentals r set charged_micros = o.charged, refunded_micros = o.refunded from (
  select rental_id, sum(price_micros) as charged, sum(refund_micros) as refunded from rental_orders
   where state in ('capturing','charged','refunding','refunded') group by rental_id
) o where o.rental_id = r.id;
create index rentals_by_state on rentals (tenant_id, state, id);
`,
);
