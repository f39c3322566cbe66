import type { Transaction } from '#platform/postgres/index.ts';
import type { OptOuts } from '../../app/ports.ts';
import { isCovered } from './contacts.ts';

/** Everybody who wrote to this number from this sender, with the last campaign that did. */
const tenantsMessagingSql = `
select distinct on (j.tenant_id) j.tenant_id, j.campaign_id
  from send_jobs j
 where j.phone = $1 and j.sender = $2 and j.tenant_id is not null and j.campaign_id is not null
   and j.state in ('claimed', 'submitted', 'delivered', 'failed', 'unknown') and j.attempt > 0
 order by j.tenant_id, j.id desc`;

export const optOuts = (tx: Transaction): OptOuts => ({
  covers: (tenantId, phone) => isCovered(tx, tenantId, phone),
  lockPhone: async (phone) => {
    await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 1))', [phone]);
  },
  tenantsMessaging: async (phone, sender) => {
    const rows = await tx.query<{ tenant_id: string; campaign_id: string }>(tenantsMessagingSql, [phone, sender]);
    return rows.map(({ tenant_id, campaign_id }) => ({ tenantId: tenant_id, campaignId: campaign_id }));
  },
  add: async ({ id, tenantId, phone, sender, inboundId, at }) => {
    const rows = await tx.query(
      `insert into do_not_contact (id, tenant_id, phone, sender, inbound_id, created_at) values ($1, $2, $3, $4, $5, $6)
       on conflict on constraint do_not_contact_scope do nothing returning id`,
      [id, tenantId ?? null, phone, sender, inboundId, at],
    );
    return rows.length === 1;
  },
  remove: async (phone, sender) => {
    const rows = await tx.query<{ tenant_id: string | null }>(
      'delete from do_not_contact where phone = $1 and sender = $2 returning tenant_id',
      [phone, sender],
    );
    return rows.map(({ tenant_id }) => tenant_id ?? undefined);
  },
  logInbound: async ({ id, tenantIds, from, to, text, intent, at }) => {
    await tx.query(
      'insert into inbound_messages (id, sender, phone, text, intent, tenant_ids, received_at) values ($1, $2, $3, $4, $5, $6, $7)',
      [id, to, from, text.replaceAll('\0', ''), intent, tenantIds, at],
    );
  },
});
