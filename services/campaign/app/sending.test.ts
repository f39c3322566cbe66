import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { minuteMs } from '#platform/time/index.ts';
import { openHarness, segmentPrice, testSender, type Harness } from '../testing/harness.ts';
import { cancelExpiring } from './cancel-expiring.ts';
import { claimLeaseMs } from './claim-messages.ts';
import { createCampaign } from './create-campaign.ts';
import { finishCancellations } from './finish-cancellations.ts';
import { holdLifeMs } from './launch-campaign.ts';

describe('sending', () => {
  let h: Harness;
  before(async () => {
    h = await openHarness();
  });
  after(() => h.close());

  const settled = async (campaignId: string): Promise<Record<string, number>> => {
    const { kept, counted } = await h.counts(campaignId);
    assert.deepEqual(kept, counted);
    return Object.fromEntries(Object.entries(kept).filter(([, n]) => n > 0));
  };
  const submittedTwice = (): string[] => {
    const seen = new Set<string>();
    return h.carrier.submits.flatMap(({ id, attempt }) => (seen.has(`${id}/${attempt}`) ? [id] : (seen.add(`${id}/${attempt}`), [])));
  };
  const acceptAll = (): void => {
    h.carrier.answer = (message) => ({ kind: 'accepted', messageIds: message.segmentation.parts.map(newId) });
  };

  it('sends everybody their own text once, charges accepted segments and completes', async () => {
    const { campaign } = await h.running(120, 'Hi {{ firstName }}');
    const before = h.carrier.submits.length;
    while ((await h.send(50)) > 0);
    assert.deepEqual(await settled(campaign.id), { submitted: 120 });
    const texts = h.carrier.submits.slice(before).map(({ segmentation }) => segmentation.parts.join(''));
    assert.equal(new Set(texts).size, 120);
    assert.ok(texts.includes('Hi N77'));
    const done = await h.get({ tenantId: campaign.tenantId, id: campaign.id });
    assert.deepEqual([done.status, done.charged.micros], ['completed', segmentPrice.micros * 120n]);
    const events = await h.events(campaign.id);
    assert.equal(events.at(-1)?.subject, 'campaign.completed');
    assert.equal(events.at(-1)?.payload.chargedTotal?.micros, String(segmentPrice.micros * 120n));
    const told = events
      .filter(({ subject }) => subject === 'campaign.messages-progressed')
      .reduce((sum, { payload }) => sum + Number(payload['submitted']), 0);
    assert.equal(told, 120);
  });

  it('never submits again what a dead process had claimed: parked as unknown', async () => {
    const { tenantId, campaign } = await h.running(30);
    // Dies after the claim and half of the submits, before any answer is stored.
    const lost = await h.claim(20);
    await h.submit(lost.slice(0, 10));
    const before = h.carrier.submits.length;
    assert.equal(await h.park(), 0, 'its lease still runs');
    h.clock.advance(claimLeaseMs + 1);
    while ((await h.send(50)) > 0);
    assert.equal(await h.park(), 20);
    while ((await h.send(50)) > 0);
    assert.equal(h.carrier.submits.length - before, 10, 'only the ones nobody had claimed');
    assert.deepEqual(submittedTwice(), []);
    assert.deepEqual(await settled(campaign.id), { submitted: 10, unknown: 20 });
    const done = await h.get({ tenantId, id: campaign.id });
    assert.deepEqual([done.status, done.charged.micros], ['completed', segmentPrice.micros * 10n]);
  });

  it('takes a late answer of a parked message, and charges nothing after the end was told', async () => {
    const { campaign } = await h.running(2);
    const jobs = await h.claim(2);
    h.clock.advance(claimLeaseMs + 1);
    await h.park();
    const { charged } = await h.get({ tenantId: campaign.tenantId, id: campaign.id });
    await h.record(await h.submit(jobs));
    assert.deepEqual(await settled(campaign.id), { submitted: 2 });
    assert.equal((await h.get({ tenantId: campaign.tenantId, id: campaign.id })).charged.micros, charged.micros);
    assert.equal((await h.events(campaign.id)).filter(({ subject }) => subject === 'campaign.completed').length, 1);
  });

  it('charges and counts an answer once, however often it is stored', async () => {
    const { campaign } = await h.running(3);
    const answers = await h.submit(await h.claim(3));
    await h.record(answers);
    await h.record(answers);
    await h.record([...answers, ...answers]);
    assert.deepEqual(await settled(campaign.id), { submitted: 3 });
    assert.equal((await h.get({ tenantId: campaign.tenantId, id: campaign.id })).charged.micros, segmentPrice.micros * 3n);
  });

  it('backs off and sends later when throttled, without counting it as a failure', async () => {
    const { campaign } = await h.running(5);
    h.carrier.answer = () => ({ kind: 'rejected', status: 0x58, messageIds: [] });
    for (let i = 0; i < 8; i += 1) {
      await h.send(10);
      assert.equal(await h.send(10), 0, 'not before the pause is over');
      h.clock.advance(2 * minuteMs);
    }
    assert.deepEqual(await settled(campaign.id), { planned: 5 });
    acceptAll();
    await h.send(10);
    assert.deepEqual(await settled(campaign.id), { submitted: 5 });
  });

  it('gives up after five temporary refusals, and at once after a permanent one', async () => {
    const { campaign } = await h.running(2);
    let first = '';
    h.carrier.answer = ({ phone }) => {
      first ||= phone;
      return { kind: 'rejected', status: phone === first ? 0x0b : 0x08, messageIds: [] };
    };
    await h.send(10);
    assert.deepEqual(await settled(campaign.id), { planned: 1, failed: 1 });
    for (let i = 0; i < 4; i += 1) {
      h.clock.advance(2 * minuteMs);
      assert.equal(await h.send(10), 1);
    }
    assert.deepEqual(await settled(campaign.id), { failed: 2 });
    acceptAll();
    const done = await h.get({ tenantId: campaign.tenantId, id: campaign.id });
    assert.deepEqual([done.status, done.charged.micros], ['completed', 0n]);
  });

  it('charges the parts that were taken of a long message that broke off', async () => {
    const { campaign } = await h.running(1, 'x'.repeat(400));
    h.carrier.answer = () => ({ kind: 'rejected', status: 0x45, messageIds: [newId()] });
    await h.send(10);
    acceptAll();
    assert.deepEqual(await settled(campaign.id), { failed: 1 });
    assert.equal((await h.get({ tenantId: campaign.tenantId, id: campaign.id })).charged.micros, segmentPrice.micros);
  });

  it('pauses, resumes and cancels before the next claim', async () => {
    const { tenantId, campaign } = await h.running(40);
    const target = { tenantId, id: campaign.id };
    await h.send(10);
    await h.pause(target);
    assert.equal(await h.send(10), 0);
    assert.equal((await h.pause(target)).status, 'paused');
    await h.resume(target);
    await h.send(10);
    const claimed = await h.claim(5);
    await h.cancel(target);
    assert.equal(await h.send(10), 0);
    assert.deepEqual(await settled(campaign.id), { planned: 5, submitted: 20, cancelled: 15 });
    assert.ok(!(await h.events(campaign.id)).some(({ subject }) => subject === 'campaign.cancelled'), 'five answers are outstanding');
    await h.record(await h.submit(claimed));
    const events = await h.events(campaign.id);
    assert.equal(events.at(-1)?.subject, 'campaign.cancelled');
    assert.equal(events.at(-1)?.payload.chargedTotal?.micros, String(segmentPrice.micros * 25n));
    assert.deepEqual(await settled(campaign.id), { submitted: 25, cancelled: 15 });
  });

  it('strikes out a message that was put back after the cancellation', async () => {
    const { tenantId, campaign } = await h.running(2);
    const claimed = await h.claim(2);
    await h.cancel({ tenantId, id: campaign.id });
    h.carrier.answer = () => ({ kind: 'not-sent' });
    await h.record(await h.submit(claimed));
    acceptAll();
    assert.deepEqual(await settled(campaign.id), { planned: 2 });
    assert.equal(await finishCancellations(h.deps)(), 1);
    assert.deepEqual(await settled(campaign.id), { cancelled: 2 });
    assert.equal((await h.events(campaign.id)).at(-1)?.subject, 'campaign.cancelled');
    assert.equal(await finishCancellations(h.deps)(), 0);
  });

  it('ends a campaign whose last answer came while it was paused', async () => {
    const { tenantId, campaign } = await h.running(2);
    const claimed = await h.claim(2);
    await h.pause({ tenantId, id: campaign.id });
    await h.record(await h.submit(claimed));
    assert.equal((await h.get({ tenantId, id: campaign.id })).status, 'paused');
    assert.equal((await h.resume({ tenantId, id: campaign.id })).status, 'completed');
    assert.equal((await h.events(campaign.id)).at(-1)?.subject, 'campaign.completed');
  });

  it('stops at the kill switch of a tenant, and at an opt-out written after planning', async () => {
    const { tenantId, campaign } = await h.running(4);
    await h.db.query('insert into tenant_controls values ($1, now())', [tenantId]);
    assert.equal(await h.send(10), 0);
    await h.db.query('delete from tenant_controls where tenant_id = $1', [tenantId]);
    // Straight into the table: nothing has touched the planned rows.
    await h.db.query(`insert into do_not_contact values ($1, $2, '+14152000002', '', $1, now())`, [newId(), tenantId]);
    await h.send(10);
    assert.deepEqual(await settled(campaign.id), { submitted: 3, suppressed: 1 });
    assert.equal((await h.get({ tenantId, id: campaign.id })).status, 'completed');
  });

  it('shares the batch between campaigns, and claims no message twice under two replicas', async () => {
    const one = await h.running(60);
    const two = await h.running(60);
    const first = await h.claim(20);
    assert.deepEqual(new Set(first.map(({ campaignId }) => campaignId)), new Set([one.campaign.id, two.campaign.id]));
    const batches = await Promise.all(Array.from({ length: 8 }, () => h.claim(20)));
    const ids = [...first, ...batches.flat()].map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    await h.record(await h.submit([...first, ...batches.flat()]));
    while ((await h.send(50)) > 0);
    assert.deepEqual(await settled(one.campaign.id), { submitted: 60 });
    assert.deepEqual(await settled(two.campaign.id), { submitted: 60 });
  });

  it('cancels a campaign before the hold behind it ends', async () => {
    const { tenantId, campaign } = await h.running(2);
    h.clock.advance(holdLifeMs - 60 * minuteMs);
    assert.ok((await cancelExpiring(h.deps)()) > 0);
    assert.equal((await h.get({ tenantId, id: campaign.id })).status, 'cancelled');
    assert.deepEqual(await settled(campaign.id), { cancelled: 2 });
  });

  it('sends nothing longer than what was paid for', async () => {
    const { campaign, tenantId } = await h.running(1);
    await h.db.query(`update contacts set first_name = repeat('x', 300) where tenant_id = $1`, [tenantId]);
    const before = h.carrier.submits.length;
    await h.send(10);
    assert.equal(h.carrier.submits.length, before);
    assert.deepEqual(await settled(campaign.id), { failed: 1 });
  });

  describe('opt-out', () => {
    it('STOP during sending stops the rest to that number, tells it, and is confirmed once a day', async () => {
      const tenantId = newId();
      const [contact = ''] = await h.addContacts(tenantId, 1);
      const phone = '+14152000000';
      // Other tests wrote to the same number: this one has a sender of its own.
      const sender = '+15005550099';
      const create = createCampaign({ ...h.deps, sender });
      const input = { name: 'A', body: 'Hi', audience: { kind: 'all' } } as const;
      const first = await create({ tenantId, idempotencyKey: newId(), input });
      const second = await create({ tenantId, idempotencyKey: newId(), input });
      await h.launch({ tenantId, id: first.id, key: 'k' });
      await h.send(1);
      await h.launch({ tenantId, id: second.id, key: 'k' });

      await h.inbound({ from: phone, to: sender, text: 'Stop!' });
      await h.inbound({ from: phone, to: sender, text: 'STOP' });
      assert.deepEqual(await settled(second.id), { suppressed: 1 });
      assert.equal((await h.get({ tenantId, id: second.id })).status, 'completed');
      const [optedOut, ...more] = await h.events(contact);
      assert.deepEqual([optedOut?.subject, optedOut?.payload['jobsStopped'], more.length], ['contact.opted-out', '1', 0]);

      const before = h.carrier.submits.length;
      while ((await h.send(10)) > 0);
      const confirmations = h.carrier.submits.slice(before).filter((m) => m.phone === phone && m.sender === sender);
      assert.equal(confirmations.length, 1);
      assert.match(confirmations[0]?.segmentation.parts[0] ?? '', /unsubscribed/);

      await h.inbound({ from: phone, to: sender, text: 'help' });
      await h.send(10);
      assert.match(h.carrier.submits.at(-1)?.segmentation.parts[0] ?? '', /STOP to unsubscribe/);

      const listed = await h.deps.contacts.find(tenantId, contact);
      assert.equal(listed?.doNotContact, true);
      const timeline = (await h.deps.contacts.timeline({ ...listed!, phone }, 50)).map(({ type }) => type);
      for (const type of ['opted_out', 'message.submitted', 'message.suppressed', 'inbound'])
        assert.ok(timeline.includes(type as never), type);

      await h.inbound({ from: phone, to: sender, text: 'UNSTOP' });
      assert.equal((await h.deps.contacts.find(tenantId, contact))?.doNotContact, false);
      assert.equal((await h.events(contact)).at(-1)?.subject, 'contact.opted-in');
      const third = await create({ tenantId, idempotencyKey: newId(), input });
      assert.equal((await h.launch({ tenantId, id: third.id, key: 'k' })).counts.planned, 1n);
      while ((await h.send(10)) > 0);
    });

    it('STOP from a number nobody wrote to holds for the whole platform', async () => {
      const phone = '+33612345678';
      await h.inbound({ from: '33612345678', to: testSender, text: 'ARRÊT' });
      const tenantId = newId();
      const contact = await h.createContact({
        tenantId,
        idempotencyKey: newId(),
        input: { phone, firstName: '', lastName: '', email: '', tags: [], fields: {} },
      });
      assert.equal(contact.doNotContact, true);
      await h.inbound({ from: phone, to: testSender, text: 'start' });
      assert.equal((await h.deps.contacts.find(tenantId, contact.id))?.doNotContact, false);
    });

    it('YES without an opt-out is only a reply', async () => {
      const before = (await h.db.query('select 1 from send_jobs where reply_kind is not null')).length;
      await h.inbound({ from: '+33612345699', to: testSender, text: 'yes' });
      assert.equal((await h.db.query('select 1 from send_jobs where reply_kind is not null')).length, before);
    });
  });
});
