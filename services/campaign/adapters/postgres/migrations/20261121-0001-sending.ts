import { sqlMigration } from '#platform/postgres/index.ts';

export const sendingMigration = sqlMigration(
  '20261121-0001-sending',
  `
create table contacts (
  id uuid primary key,
  tenant_id uuid not null,
  phone text not null check (phone ~ '^\\+[1-9][0-9]{1,14}$'),
  first_name text not null,
  last_name text not null,
  email text not null,
  tags text[] not null,
  fields jsonb not null,
  created_at timestamptz not null,
  constraint contacts_tenant_phone unique (tenant_id, phone)
);
-- Newest first: ids are UUIDv7. Also the order in which a launch walks the audience.
create unique index contacts_tenant_id on contacts (tenant_id, id);
create index contacts_phone on contacts (phone);
-- Prefix search; text_pattern_ops because the database's collation need not be "C".
create index contacts_search_phone on contacts (tenant_id, phone text_pattern_ops);
create index contacts_search_name on contacts (tenant_id, lower(first_name || ' ' || last_name) text_pattern_ops);
create index contacts_search_last_name on contacts (tenant_id, lower(last_name) text_pattern_ops);
create index contacts_search_email on contacts (tenant_id, lower(email) text_pattern_ops);

-- The tags column again, as an index that keeps the list's order.
create table contact_tags (
  tenant_id uuid not null,
  tag text not null,
  contact_id uuid not null references contacts (id) on delete cascade,
  primary key (tenant_id, tag, contact_id)
);
create index contact_tags_contact on contact_tags (contact_id);

-- What happened with a person apart from messages, which are read from send_jobs.
create table contact_events (
  id uuid primary key,
  tenant_id uuid not null,
  contact_id uuid not null references contacts (id) on delete cascade,
  type text not null,
  at timestamptz not null,
  campaign_id uuid,
  detail text not null
);
create index contact_events_contact on contact_events (contact_id, at desc);

-- tenant_id null: the whole platform.
create table do_not_contact (
  id uuid primary key,
  tenant_id uuid,
  phone text not null,
  sender text not null,
  inbound_id uuid not null,
  created_at timestamptz not null,
  constraint do_not_contact_scope unique nulls not distinct (phone, tenant_id)
);

-- Proof of every opt-out, and the beginning of the inbox.
create table inbound_messages (
  id uuid primary key,
  sender text not null,
  phone text not null,
  text text not null,
  intent text not null,
  tenant_ids uuid[] not null,
  received_at timestamptz not null
);
create index inbound_messages_phone on inbound_messages (phone, received_at desc);

-- Kill switch per tenant, read by every claim.
create table tenant_controls (
  tenant_id uuid primary key,
  sending_paused_at timestamptz
);

create table campaigns (
  id uuid primary key,
  tenant_id uuid not null,
  name text not null,
  body text not null,
  audience_kind text not null check (audience_kind in ('all', 'contacts')),
  audience_ids uuid[] not null,
  sender text not null,
  status text not null check (status in ('draft', 'launching', 'running', 'paused', 'completed', 'cancelled')),
  planned bigint not null default 0 check (planned >= 0),
  submitted bigint not null default 0 check (submitted >= 0),
  delivered bigint not null default 0 check (delivered >= 0),
  failed bigint not null default 0 check (failed >= 0),
  suppressed bigint not null default 0 check (suppressed >= 0),
  unknown bigint not null default 0 check (unknown >= 0),
  cancelled bigint not null default 0 check (cancelled >= 0),
  -- Messages the carrier ever took; unlike the states above it never falls.
  accepted bigint not null default 0 check (accepted >= 0),
  currency text not null,
  segment_price_micros bigint not null,
  planned_segments bigint not null default 0,
  estimated_micros bigint,
  charged_micros bigint not null default 0,
  hold_id uuid,
  hold_expires_at timestamptz,
  launch_key text,
  launch_lease_until timestamptz,
  created_at timestamptz not null,
  launched_at timestamptz,
  completed_at timestamptz,
  closed_at timestamptz,
  version bigint not null,
  -- Nothing is ever charged that is not held.
  constraint campaigns_charge_within_estimate check (charged_micros <= coalesce(estimated_micros, 0))
) with (fillfactor = 70);
create unique index campaigns_tenant_id on campaigns (tenant_id, id);
create index campaigns_tenant_status on campaigns (tenant_id, status, id);
-- The few that are moving now.
create index campaigns_active on campaigns (status, id) where status in ('launching', 'running', 'paused') or (status = 'cancelled' and closed_at is null);

-- One row per message: campaign messages, and automatic answers (campaign_id null). Never deleted once launched: it is
-- the ledger that shows one outcome for each planned recipient.
create table send_jobs (
  id uuid primary key,
  tenant_id uuid,
  campaign_id uuid references campaigns (id),
  contact_id uuid,
  phone text not null,
  sender text not null,
  state text not null check (state in ('planned', 'claimed', 'submitted', 'delivered', 'failed', 'suppressed', 'unknown', 'cancelled')),
  segments smallint not null,
  attempt integer not null default 0,
  refusals integer not null default 0,
  accepted smallint not null default 0,
  delivered_parts smallint not null default 0,
  failed_parts smallint not null default 0,
  available_at timestamptz not null,
  lease_until timestamptz,
  submitted_at timestamptz,
  finished_at timestamptz,
  reason text,
  reply_kind text,
  reply_text text,
  created_at timestamptz not null,
  constraint send_jobs_once_per_contact unique (campaign_id, contact_id),
  check ((campaign_id is null) = (reply_kind is not null))
) with (fillfactor = 80);
create index send_jobs_claim on send_jobs (campaign_id, available_at, id) where state = 'planned';
create index send_jobs_claim_replies on send_jobs (available_at, id) where state = 'planned' and campaign_id is null;
create index send_jobs_lease on send_jobs (lease_until) where state = 'claimed';
create index send_jobs_phone on send_jobs (phone, sender);

-- Parts the carrier took; message_id in canonical form (lower case, no leading zeros).
create table message_parts (
  job_id uuid not null references send_jobs (id) on delete cascade,
  part smallint not null,
  message_id text not null,
  status text not null default 'accepted' check (status in ('accepted', 'enroute', 'failed', 'delivered')),
  primary key (job_id, part)
) with (fillfactor = 80);
create index message_parts_message_id on message_parts (message_id);

-- Receipts that came before the answer to their submit was stored.
create table orphan_receipts (
  id uuid primary key,
  message_id text not null,
  phone text not null,
  status text not null,
  error text,
  received_at timestamptz not null,
  tries smallint not null default 0,
  next_try_at timestamptz not null
);
create index orphan_receipts_due on orphan_receipts (next_try_at);
create index orphan_receipts_age on orphan_receipts (received_at);
`,
);
