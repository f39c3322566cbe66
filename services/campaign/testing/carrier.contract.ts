import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { eventually } from '#platform/testing/index.ts';
import type { Carrier, OutboundMessage } from '../app/ports.ts';
import { segment } from '../domain/segments.ts';
import type { PartAnswer } from './fake-carrier.ts';

export interface CarrierUnderTest {
  readonly carrier: Carrier;
  /** Decides the answers from now on. */
  answer(with_: (phone: string, part: number) => PartAnswer): void;
  /** Cuts the connection, for good. */
  cut(): Promise<void>;
  close(): Promise<void>;
}

export const outbound = (text: string, phone = '+447700900123'): OutboundMessage => ({
  id: newId(),
  attempt: 1,
  sender: '+15005550006',
  phone,
  segmentation: segment(text),
});

/** What the sending engine relies on, from any carrier. */
export const carrierContract = (name: string, open: () => Promise<CarrierUnderTest>): void => {
  describe(`carrier: ${name}`, () => {
    let t: CarrierUnderTest;
    beforeEach(async () => {
      t = await open();
      await eventually(() => assert.ok(t.carrier.isReady()));
    });
    afterEach(() => t.close());

    it('gives one id for each part, in order', async () => {
      t.answer((_, part) => ({ messageId: `id-${part}` }));
      assert.deepEqual(await t.carrier.submit(outbound('x')), { kind: 'accepted', messageIds: ['id-0'] });
      assert.deepEqual(await t.carrier.submit(outbound('x'.repeat(400))), { kind: 'accepted', messageIds: ['id-0', 'id-1', 'id-2'] });
    });

    it('reports a refusal with its status, and what was taken before it', async () => {
      t.answer((_, part) => (part === 1 ? { status: 0x0b } : { messageId: `id-${part}` }));
      assert.deepEqual(await t.carrier.submit(outbound('x'.repeat(400))), { kind: 'rejected', status: 0x0b, messageIds: ['id-0'] });
    });

    it('reports silence as unknown, never as a refusal', async () => {
      t.answer((_, part) => (part === 1 ? 'silence' : { messageId: `id-${part}` }));
      assert.deepEqual(await t.carrier.submit(outbound('x'.repeat(200))), { kind: 'unknown', messageIds: ['id-0'] });
    });

    it('says that nothing was sent while it has no connection', async () => {
      await t.cut();
      await eventually(() => assert.ok(!t.carrier.isReady()));
      assert.deepEqual(await t.carrier.submit(outbound('x')), { kind: 'not-sent' });
    });
  });
};
