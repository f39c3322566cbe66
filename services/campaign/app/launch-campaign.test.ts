import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { minuteMs } from '#platform/time/index.ts';
import { openHarness, segmentPrice, testSender, type Harness } from '../testing/harness.ts';
import { launchCampaign } from './launch-campaign.ts';

describe('launch', () => {
  let h: Harness;
  before(async () => {
    h = await openHarness();
  });
  after(() => h.close());

  const rows = async (campaignId: string): Promise<number> =>
    Number((await h.db.query<{ n: bigint }>('select count(*) as n from send_jobs where campaign_id = $1', [campaignId]))[0]?.n);
  const same = async (campaignId: string): Promise<void> => {
    const { kept, counted } = await h.counts(campaignId);
    assert.deepEqual(kept, counted);
  };

  it('plans one message per contact, holds the price of all segments and tells it once', async () => {
    const tenantId = newId();
    await h.addContacts(tenantId, 250, (i) => (i % 2 === 0 ? 'Ann' : 'ы'.repeat(80)));
    const draft = await h.draft(tenantId);
    const launched = await h.launch({ tenantId, id: draft.id, key: 'k' });
    assert.equal(launched.status, 'running');
    assert.equal(launched.counts.planned, 250n);
    // 125 short ones and 125 of two parts
    assert.equal(launched.estimatedCost?.micros, segmentPrice.micros * 375n);
    assert.equal(h.ledger.holds.get(draft.id)?.micros, segmentPrice.micros * 375n);
    await same(draft.id);
    const [event, ...others] = await h.events(draft.id);
    assert.equal(event?.subject, 'campaign.launched');
    assert.equal(event?.payload['planned'], '250');
    assert.deepEqual(others, []);
  });

  it('holds and charges what billing promised for a segment to each country, whatever prices do since', async () => {
    const tenantId = newId();
    await h.addContacts(tenantId, 4);
    const person = { firstName: 'ы'.repeat(80), lastName: '', email: '', tags: [], fields: {} };
    for (const phone of ['+447700900111', '+447700900112'])
      await h.createContact({ tenantId, idempotencyKey: newId(), input: { ...person, phone } });
    try {
      h.ledger.rates.set('GB', 30_000n).set('US', 4_000n);
      const draft = await h.draft(tenantId);
      const launched = await h.launch({ tenantId, id: draft.id, key: 'k' });
      // Four messages of one segment, two of two.
      assert.equal(launched.estimatedCost?.micros, 4n * 4_000n + 4n * 30_000n);
      assert.equal(h.ledger.holds.get(draft.id)?.micros, launched.estimatedCost.micros);
      assert.ok(launched.quoteId);
      h.ledger.rates.set('GB', 1n).set('US', 1n);
      // Campaigns of other tests share the batches.
      for (let round = 0; round < 50 && (await h.send(50)) > 0; round++);
      const done = await h.get({ tenantId, id: draft.id });
      assert.deepEqual([done.status, done.charged.micros], ['completed', launched.estimatedCost.micros]);
    } finally {
      h.ledger.rates.clear();
    }
  });

  it('is undone when there is no price, and can be launched once there is one', async () => {
    const tenantId = newId();
    await h.addContacts(tenantId, 3);
    const draft = await h.draft(tenantId);
    h.ledger.faults.push('unpriced');
    await assert.rejects(h.launch({ tenantId, id: draft.id, key: 'k' }), (e) => isAppError(e, 'billing.no_price'));
    assert.equal((await h.get({ tenantId, id: draft.id })).status, 'draft');
    assert.equal(await rows(draft.id), 0);
    const launched = await h.launch({ tenantId, id: draft.id, key: 'k' });
    assert.equal(launched.estimatedCost?.micros, segmentPrice.micros * 3n);
  });

  it('is repeatable by its key, and refused under another', async () => {
    const { tenantId, campaign } = await h.running(3);
    const again = await h.launch({ tenantId, id: campaign.id, key: 'launch' });
    assert.equal(again.version, campaign.version);
    await assert.rejects(h.launch({ tenantId, id: campaign.id, key: 'other' }), (e) => isAppError(e, 'campaign.wrong_state'));
    assert.equal(await rows(campaign.id), 3);
    assert.equal((await h.events(campaign.id)).length, 1);
  });

  it('keeps those who opted out on the list, and asks no money for them', async () => {
    const tenantId = newId();
    await h.addContacts(tenantId, 3);
    const first = await h.draft(tenantId);
    await h.launch({ tenantId, id: first.id, key: 'k' });
    await h.send(10);
    await h.inbound({ from: '+14152000001', to: testSender, text: 'stop' });
    const second = await h.draft(tenantId);
    const launched = await h.launch({ tenantId, id: second.id, key: 'k' });
    assert.deepEqual([launched.counts.planned, launched.counts.suppressed], [2n, 1n]);
    assert.equal(launched.estimatedCost?.micros, segmentPrice.micros * 2n);
    await same(second.id);
    assert.deepEqual(
      (await h.events(second.id)).map(({ subject }) => subject),
      ['campaign.launched', 'campaign.messages-progressed'],
    );
  });

  it('refuses an audience nobody of which can be reached, and stays a draft', async () => {
    const tenantId = newId();
    const draft = await h.draft(tenantId);
    await assert.rejects(h.launch({ tenantId, id: draft.id, key: 'k' }), (e) => isAppError(e, 'campaign.empty_audience'));
    assert.equal((await h.get({ tenantId, id: draft.id })).status, 'draft');
    await h.addContacts(tenantId, 1);
    assert.equal((await h.launch({ tenantId, id: draft.id, key: 'k' })).status, 'running');
  });

  it('goes back to draft without a row when the balance is too low, and succeeds after a payment', async () => {
    const tenantId = newId();
    await h.addContacts(tenantId, 150);
    const draft = await h.draft(tenantId);
    const balance = h.ledger.balanceMicros;
    h.ledger.balanceMicros = 1n;
    await assert.rejects(h.launch({ tenantId, id: draft.id, key: 'k' }), (e) => isAppError(e, 'billing.insufficient_credit'));
    const after = await h.get({ tenantId, id: draft.id });
    assert.deepEqual([after.status, after.counts.planned, after.estimatedCost, await rows(draft.id)], ['draft', 0n, undefined, 0]);
    h.ledger.balanceMicros = balance;
    assert.equal((await h.launch({ tenantId, id: draft.id, key: 'k2' })).counts.planned, 150n);
  });

  for (const fault of ['unavailable', 'lost'] as const) {
    it(`sends nothing while the hold is unknown (${fault}), then carries on with one hold`, async () => {
      const tenantId = newId();
      await h.addContacts(tenantId, 5);
      const draft = await h.draft(tenantId);
      h.ledger.faults.push(fault);
      await assert.rejects(h.launch({ tenantId, id: draft.id, key: 'k' }), (e) => isAppError(e) && e.row.retryable);
      assert.equal(await h.claim(10).then((jobs) => jobs.filter(({ campaignId }) => campaignId === draft.id).length), 0);
      assert.equal(await h.recover(), 1);
      const running = await h.get({ tenantId, id: draft.id });
      assert.deepEqual([running.status, running.counts.planned, await rows(draft.id)], ['running', 5n, 5]);
      assert.equal(running.holdId, h.ledger.holds.get(draft.id)?.holdId);
      assert.equal((await h.events(draft.id)).length, 1);
    });
  }

  it('carries on after a crash between two pages, without a second row for anybody', async () => {
    const tenantId = newId();
    await h.addContacts(tenantId, 350);
    const draft = await h.draft(tenantId);
    let pages = 0;
    const { transactions } = h.deps;
    const dying = launchCampaign({
      ...h.deps,
      transactions: {
        run: async (work) => {
          pages += 1;
          if (pages === 4) throw new Error('killed');
          return transactions.run(work);
        },
      },
    });
    await assert.rejects(dying({ tenantId, id: draft.id, key: 'k' }), /killed/);
    assert.equal(await rows(draft.id), 200);
    assert.equal(await h.recover(), 0, 'its lease still runs');
    await assert.rejects(h.launch({ tenantId, id: draft.id, key: 'k' }), (e) => isAppError(e, 'request.idempotency_in_progress'));
    h.clock.advance(2 * minuteMs);
    assert.equal(await h.recover(), 1);
    const running = await h.get({ tenantId, id: draft.id });
    assert.deepEqual([running.status, running.counts.planned, await rows(draft.id)], ['running', 350n, 350]);
    assert.equal(running.estimatedCost?.micros, segmentPrice.micros * 350n);
    await same(draft.id);
  });

  it('does nothing twice when two replicas launch at once', async () => {
    const tenantId = newId();
    await h.addContacts(tenantId, 300);
    const draft = await h.draft(tenantId);
    const results = await Promise.allSettled([1, 2, 3].map(() => h.launch({ tenantId, id: draft.id, key: 'k' })));
    assert.ok(results.some(({ status }) => status === 'fulfilled'));
    for (const result of results)
      if (result.status === 'rejected') assert.ok(isAppError(result.reason, 'request.idempotency_in_progress'), String(result.reason));
    assert.equal(await rows(draft.id), 300);
    assert.equal((await h.events(draft.id)).length, 1);
  });

  it('launches to named contacts only, and another tenant sees none of it', async () => {
    const tenantId = newId();
    const ids = await h.addContacts(tenantId, 10);
    const chosen = ids.filter((_, i) => i % 3 === 0);
    const draft = await h.draft(tenantId, 'Hi', { kind: 'contacts', contactIds: chosen });
    const stranger = newId();
    await assert.rejects(h.launch({ tenantId: stranger, id: draft.id, key: 'k' }), (e) => isAppError(e, 'request.not_found'));
    await assert.rejects(
      h.draft(stranger, 'Hi', { kind: 'contacts', contactIds: chosen }),
      (e) => isAppError(e, 'request.invalid') && e.fields[0]?.field === 'audience.contactIds[0]',
    );
    assert.equal((await h.launch({ tenantId, id: draft.id, key: 'k' })).counts.planned, 4n);
  });
});
