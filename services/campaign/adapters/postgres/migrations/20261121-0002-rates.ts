import { sqlMigration } from '#platform/postgres/index.ts';

export const ratesMigration = sqlMigration(
  '20261121-0002-rates',
  `
-- Of the phone, ISO 3166-1 alpha-2; empty: of no country. Null: planned before prices were by country.
alter table send_jobs add column country text;

-- What a launch plans for each country, and what a segment to it costs this tenant: billing's quote, fixed with the estimate.
create table campaign_rates (
  campaign_id uuid not null references campaigns,
  country text not null,
  segments bigint not null,
  price_micros bigint,
  primary key (campaign_id, country)
);
alter table campaigns add column quote_id uuid;
`,
);
