import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import { openDatabase, type Database } from '#platform/postgres/index.ts';
import { createTestDatabase } from '#platform/testing/index.ts';
import { testClock } from '#platform/time/index.ts';
import { liquidTemplates } from '../adapters/liquid/templates.ts';
import { countryOf, normalisePhone } from '../adapters/phone/numbers.ts';
import { campaignReads } from '../adapters/postgres/campaigns.ts';
import { contactReads } from '../adapters/postgres/contacts.ts';
import { migrations } from '../adapters/postgres/migrations/index.ts';
import { entities } from '../adapters/postgres/rows.ts';
import { transactions } from '../adapters/postgres/transactions.ts';
import { cancelCampaign } from '../app/cancel-campaign.ts';
import { claimMessages } from '../app/claim-messages.ts';
import { createCampaign } from '../app/create-campaign.ts';
import { createContact } from '../app/create-contact.ts';
import { getCampaign } from '../app/get-campaign.ts';
import { handleInbound } from '../app/handle-inbound.ts';
import { launchCampaign } from '../app/launch-campaign.ts';
import { matchOrphans } from '../app/match-orphans.ts';
import { parkLostClaims } from '../app/park-lost-claims.ts';
import { pauseCampaign } from '../app/pause-campaign.ts';
import type { ClaimedJob, SettledJob } from '../app/ports.ts';
import { recordOutcomes } from '../app/record-outcomes.ts';
import { recordReceipts } from '../app/record-receipts.ts';
import { recoverLaunches } from '../app/recover-launches.ts';
import { resumeCampaign } from '../app/resume-campaign.ts';
import { submitMessage } from '../app/submit-message.ts';
import type { Audience, Campaign } from '../domain/campaign.ts';
import { countNames } from '../domain/campaign.ts';
import { fakeCarrier } from './fake-carrier.ts';
import { fakeLedger } from './fake-ledger.ts';

export const testSender = '+15005550006';
export const segmentPrice = money('USD', 4_500n);

export interface OutboxEvent {
  readonly subject: string;
  readonly payload: Record<string, unknown> & { chargedTotal?: { micros: string } };
}

const insertContacts = async (db: Database, tenantId: string, count: number, firstName: (i: number) => string): Promise<string[]> => {
  const rows = Array.from({ length: count }, (_, i) => ({ id: newId(), phone: `+1415${String(2_000_000 + i)}`, firstName: firstName(i) }));
  await db.query(
    `insert into contacts (id, tenant_id, phone, first_name, last_name, email, tags, fields, created_at)
     select id, $1, phone, first_name, '', '', '{}', '{}', now() from unnest($2::uuid[], $3::text[], $4::text[]) as r (id, phone, first_name)`,
    [tenantId, rows.map(({ id }) => id), rows.map(({ phone }) => phone), rows.map((row) => row.firstName)],
  );
  return rows.map(({ id }) => id);
};

/** The use cases over a real database, with a carrier, a ledger and a clock that do as they are told. */
export const openHarness = async () => {
  const database = await createTestDatabase('campaign', migrations);
  const db = await openDatabase({ url: database.url, applicationName: 'campaign-test', entities });
  const clock = testClock(new Date('2026-11-21T09:00:00Z'));
  const carrier = fakeCarrier();
  const ledger = fakeLedger();
  const templates = liquidTemplates();
  const deps = {
    transactions: transactions(db),
    contacts: contactReads(db),
    campaigns: campaignReads(db),
    templates,
    ledger,
    normalisePhone,
    countryOf,
    newId,
    clock,
    wake: () => {},
    sender: testSender,
    segmentPrice,
    pageSize: 100,
  };
  const claim = claimMessages(deps);
  const record = recordOutcomes(deps);
  const create = createCampaign(deps);
  const launch = launchCampaign(deps);

  const submit = async (jobs: readonly ClaimedJob[]): Promise<SettledJob[]> => {
    const bodies = await deps.campaigns.bodies(jobs.flatMap(({ campaignId }) => campaignId ?? []));
    const send = submitMessage({ carrier, templateOf: (id) => templates.compile(bodies.get(id) ?? ''), random: () => 0.5 });
    return Promise.all(jobs.map(send));
  };

  return {
    db,
    clock,
    carrier,
    ledger,
    deps,
    claim,
    submit,
    record,
    launch,
    create,
    get: getCampaign(deps),
    pause: pauseCampaign(deps),
    resume: resumeCampaign(deps),
    cancel: cancelCampaign(deps),
    park: parkLostClaims(deps),
    recover: recoverLaunches(deps),
    receipts: recordReceipts(deps),
    orphans: matchOrphans(deps),
    inbound: handleInbound(deps),
    createContact: createContact(deps),
    addContacts: (tenantId: string, count: number, firstName: (i: number) => string = (i) => `N${i}`) =>
      insertContacts(db, tenantId, count, firstName),

    draft: (tenantId: string, body = 'Hi {{ firstName }}', audience: Audience = { kind: 'all' }): Promise<Campaign> =>
      create({ tenantId, idempotencyKey: newId(), input: { name: 'Autumn', body, audience } }),

    /** A running campaign to `count` new contacts. */
    async running(count: number, body?: string): Promise<{ tenantId: string; campaign: Campaign }> {
      const tenantId = newId();
      await this.addContacts(tenantId, count);
      const { id } = await this.draft(tenantId, body);
      return { tenantId, campaign: await launch({ tenantId, id, key: 'launch' }) };
    },

    /** One round of the engine: at most `limit` messages. */
    async send(limit: number): Promise<number> {
      const jobs = await claim(limit);
      if (jobs.length > 0) await record(await submit(jobs));
      return jobs.length;
    },

    async events(aggregateId: string): Promise<OutboxEvent[]> {
      const rows = await db.query<{ subject: string; payload: Buffer }>(
        'select subject, payload from outbox where aggregate_id = $1 order by seq',
        [aggregateId],
      );
      return rows.map(({ subject, payload }) => ({
        subject: subject.replace('namaskah.campaign.v1.', ''),
        payload: JSON.parse(payload.toString()) as OutboxEvent['payload'],
      }));
    },

    /** The counts kept by transactions, beside those counted now. */
    async counts(campaignId: string): Promise<{ kept: Record<string, number>; counted: Record<string, number> }> {
      const [kept] = await db.query<Record<string, bigint>>(`select ${countNames.join(', ')} from campaigns where id = $1`, [campaignId]);
      const rows = await db.query<{ state: string; n: bigint }>(
        `select case state when 'claimed' then 'planned' else state end as state, count(*) as n from send_jobs where campaign_id = $1 group by 1`,
        [campaignId],
      );
      return {
        kept: Object.fromEntries(countNames.map((name) => [name, Number(kept?.[name])])),
        counted: Object.fromEntries(countNames.map((name) => [name, Number(rows.find(({ state }) => state === name)?.n ?? 0)])),
      };
    },

    async close(): Promise<void> {
      await db.close();
      await database.close();
    },
  };
};

export type Harness = Awaited<ReturnType<typeof openHarness>>;
