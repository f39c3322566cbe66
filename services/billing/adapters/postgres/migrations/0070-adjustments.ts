import { sqlMigration } from '#platform/postgres/index.ts';

/** What operators do to wallets by hand: who proposed it, who agreed, why. A decision is final. */
export const adjustments = sqlMigration(
  '20261121-0070-adjustments',
  `
create table adjustments (
  id uuid primary key,
  tenant_id uuid not null,
  currency text not null,
  amount_micros bigint not null check (amount_micros <> 0),
  reason text not null,
  note text not null,
  status text not null check (status in ('proposed', 'posted', 'rejected', 'expired')),
  refund_of uuid,
  proposed_by text not null,
  proposed_at timestamptz not null,
  expires_at timestamptz not null,
  decided_by text,
  decision_note text not null default '',
  decided_at timestamptz,
  transfer_id uuid,
  version bigint not null,
  idempotency_key text not null,
  request_hash bytea not null,
  constraint adjustments_decided check ((status = 'proposed') = (decided_at is null)),
  constraint adjustments_posted check ((status = 'posted') = (transfer_id is not null)),
  constraint adjustments_two_people check (status <> 'posted' or decided_by is distinct from proposed_by),
  constraint adjustments_refund check (refund_of is null or amount_micros > 0)
);
create unique index adjustments_idempotency on adjustments (proposed_by, idempotency_key);
create unique index adjustments_transfer on adjustments (transfer_id) where transfer_id is not null;
create index adjustments_all on adjustments (proposed_at desc, id desc);
create index adjustments_tenant on adjustments (tenant_id, proposed_at desc, id desc);
create index adjustments_status on adjustments (status, proposed_at desc, id desc);
create index adjustments_waiting on adjustments (expires_at) where status = 'proposed';
create index adjustments_alone on adjustments (proposed_by, tenant_id, proposed_at) where status = 'posted' and decided_by is null;
create trigger adjustments_kept before delete or truncate on adjustments for each statement execute function refuse_change();
create trigger adjustments_decided_once before update on adjustments for each row when (old.status <> 'proposed') execute function refuse_change();
`,
);
