import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { newId } from '#platform/ids/index.ts';
import { minuteMs } from '#platform/time/index.ts';
import type { Receipt } from '../domain/receipt.ts';
import { openHarness, type Harness } from '../testing/harness.ts';

describe('receipts', () => {
  let h: Harness;
  before(async () => {
    h = await openHarness();
  });
  after(() => h.close());

  const counts = async (campaignId: string): Promise<Record<string, number>> => {
    const { kept, counted } = await h.counts(campaignId);
    assert.deepEqual(kept, counted);
    return Object.fromEntries(Object.entries(kept).filter(([, n]) => n > 0));
  };

  it('matches ids written in hexadecimal by the answer and in decimal by the receipt, and the reverse', async () => {
    const { campaign } = await h.running(2);
    const ids = ['0A1B2C3D', '987654321'];
    h.carrier.answer = () => ({ kind: 'accepted', messageIds: [ids.pop() ?? ''] });
    const jobs = await h.claim(2);
    await h.record(await h.submit(jobs));
    const [second, first] = jobs.map(({ phone }) => phone);
    await h.receipts([
      { messageId: String(0x0a1b2c3d), phone: first ?? '', status: 'delivered', error: undefined },
      { messageId: BigInt(987654321).toString(16).toUpperCase().padStart(10, '0'), phone: second ?? '', status: 'failed', error: '003' },
    ]);
    assert.deepEqual(await counts(campaign.id), { delivered: 1, failed: 1 });
    const events = (await h.events(campaign.id)).at(-1);
    assert.deepEqual([events?.payload['delivered'], events?.payload['failed']], ['1', '1']);
  });

  it('keeps a receipt that names a known id but another handset away from the message', async () => {
    const { campaign } = await h.running(1);
    h.carrier.answer = () => ({ kind: 'accepted', messageIds: ['ab12'] });
    await h.send(1);
    await h.receipts([{ messageId: 'ab12', phone: '+33600000000', status: 'delivered', error: undefined }]);
    assert.deepEqual(await counts(campaign.id), { submitted: 1 });
  });

  it('resolves a parked message only when all its parts are accounted for', async () => {
    const { campaign } = await h.running(1, 'x'.repeat(200));
    const id = newId();
    h.carrier.answer = () => ({ kind: 'unknown', messageIds: [id] });
    const [job] = await h.claim(1);
    assert.ok(job);
    await h.record(await h.submit([job]));
    assert.deepEqual(await counts(campaign.id), { unknown: 1 });
    await h.receipts([{ messageId: id, phone: job.phone, status: 'delivered', error: undefined }]);
    assert.deepEqual(await counts(campaign.id), { unknown: 1 });
    await h.receipts([{ messageId: id, phone: job.phone, status: 'delivered', error: undefined }]);
    assert.deepEqual(await counts(campaign.id), { unknown: 1 });
  });

  it('forgets receipts of strangers after three days', async () => {
    await h.receipts([{ messageId: 'stranger', phone: '+33600000001', status: 'delivered', error: undefined }]);
    const left = async (): Promise<number> => (await h.db.query(`select 1 from orphan_receipts where message_id = 'stranger'`)).length;
    await h.orphans();
    assert.equal(await left(), 1);
    h.clock.advance(3 * 24 * 60 * minuteMs + 1);
    await h.orphans();
    assert.equal(await left(), 0);
  });

  it('ends in the same state for every order, repetition and earliness of the same receipts', async () => {
    const statuses = ['enroute', 'delivered', 'failed'] as const;
    const scenario = fc.record({
      parts: fc.integer({ min: 1, max: 3 }),
      receipts: fc.array(fc.record({ part: fc.nat(2), status: fc.constantFrom(...statuses), early: fc.boolean() }), { maxLength: 8 }),
      shuffle: fc.array(fc.nat(1_000), { minLength: 24, maxLength: 24 }),
      batch: fc.integer({ min: 1, max: 4 }),
    });

    const play = async (
      parts: number,
      list: readonly { part: number; status: Receipt['status']; early: boolean }[],
      batch: number,
    ): Promise<string> => {
      const { campaign } = await h.running(1, 'x'.repeat(153 * parts - (parts === 1 ? 10 : 0)));
      const ids = Array.from({ length: parts }, () => newId());
      h.carrier.answer = () => ({ kind: 'accepted', messageIds: ids });
      const [job] = await h.claim(1);
      assert.ok(job);
      const receipts = list.map(({ part, ...rest }) => ({
        ...rest,
        messageId: ids[part % parts] ?? '',
        phone: job.phone,
        error: undefined,
      }));
      const deliver = async (some: readonly Receipt[]): Promise<void> => {
        for (let i = 0; i < some.length; i += batch) await h.receipts(some.slice(i, i + batch));
      };
      await deliver(receipts.filter(({ early }) => early));
      await h.record(await h.submit([job]));
      await deliver(receipts.filter(({ early }) => !early));
      h.clock.advance(minuteMs);
      await h.orphans();
      return JSON.stringify(await counts(campaign.id));
    };

    await fc.assert(
      fc.asyncProperty(scenario, async ({ parts, receipts, shuffle, batch }) => {
        const inOrder = receipts.map((receipt) => ({ ...receipt, early: false }));
        const disturbed = [...receipts, ...receipts.filter((_, i) => (shuffle[i] ?? 0) % 2 === 0)]
          .map((receipt, i) => ({ receipt, key: shuffle[i] ?? 0 }))
          .toSorted((a, b) => a.key - b.key)
          .map(({ receipt }) => receipt);
        assert.equal(await play(parts, disturbed, batch), await play(parts, inOrder, 4));
      }),
      { numRuns: 60 },
    );
  });
});
