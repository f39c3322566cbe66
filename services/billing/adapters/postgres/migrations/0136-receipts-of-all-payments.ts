import { sqlMigration } from '#platform/postgres/index.ts';

/** A payment that succeeds after other money came for it has a receipt, too: its credit is in the wallet like any other. */
export const receiptsOfAllPayments = sqlMigration(
  '20261122-0136-receipts-of-all-payments',
  `
drop trigger payments_receipt on payments;
create trigger payments_receipt after update on payments for each row
  when (new.status = 'succeeded' and old.status <> 'succeeded') execute function queue_receipt();
insert into receipts_due (payment_id, settled_at)
  select p.id, coalesce(p.settled_at, p.created_at) from payments p
   where p.status = 'succeeded' and not exists (select 1 from documents d where d.payment_id = p.id)
  on conflict do nothing;
`,
);
