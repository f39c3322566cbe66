import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { addMs, minuteMs } from '#platform/time/index.ts';
import type { Deliveries, NewDelivery } from '../app/ports.ts';

const start = new Date('2026-05-01T10:00:00Z');
const fresh = (overrides: Partial<NewDelivery> = {}): NewDelivery => ({
  id: newId(),
  tenantId: newId(),
  kind: 'email.verify_address',
  subjectId: newId(),
  facts: {},
  eventId: newId(),
  createdAt: start,
  ...overrides,
});

/** @param open gives an empty store */
export const deliveriesContract = (name: string, open: () => Promise<Deliveries> | Deliveries): void => {
  describe(`deliveries: ${name}`, () => {
    const lease = addMs(start, minuteMs);

    it('keeps what a mail is to say', async () => {
      const deliveries = await open();
      const delivery = fresh({ kind: 'billing.subscription_ended', facts: { plan: 'pro', reason: 'unpaid' } });
      await deliveries.add(delivery);
      const [claimed] = (await deliveries.claimDue(start, lease, 1_000)).filter(({ id }) => id === delivery.id);
      assert.deepEqual(claimed?.facts, delivery.facts);
    });
    it('an event asks once, however often it comes', async () => {
      const deliveries = await open();
      const delivery = fresh();
      await Promise.all([deliveries.add(delivery), deliveries.add({ ...delivery, id: newId() })]);
      assert.equal((await deliveries.list(delivery.tenantId, { limit: 10, cursor: '' })).deliveries.length, 1);
    });
    it("what is claimed is nobody else's until the lease ends", async () => {
      const deliveries = await open();
      const wanted = await Promise.all(
        Array.from({ length: 30 }, async () => {
          const delivery = fresh();
          await deliveries.add(delivery);
          return delivery.id;
        }),
      );
      const taken = (await Promise.all(Array.from({ length: 4 }, () => deliveries.claimDue(start, lease, 10)))).flat().map(({ id }) => id);
      assert.equal(new Set(taken).size, taken.length);
      assert.deepEqual(taken.toSorted(), wanted.toSorted());
      assert.equal((await deliveries.claimDue(addMs(lease, -1), lease, 100)).length, 0);
      assert.equal((await deliveries.claimDue(lease, addMs(lease, minuteMs), 100)).length, 30);
    });
    it('a sender that lost its claim changes nothing', async () => {
      const deliveries = await open();
      const { id, tenantId } = fresh();
      await deliveries.add(fresh({ id, tenantId }));
      const [slow] = await deliveries.claimDue(start, lease, 1);
      const [quick] = await deliveries.claimDue(lease, addMs(lease, minuteMs), 1);
      assert.ok(slow && quick && slow.id === id && quick.id === id);
      await deliveries.finish(slow, 'failed', lease, { reason: 'late' });
      await deliveries.finish(quick, 'sent', lease, { recipientMasked: 'a***@example.com' });
      await deliveries.retry(quick, start, 'too late');
      const [row] = (await deliveries.list(tenantId, { limit: 1, cursor: '' })).deliveries;
      assert.deepEqual([row?.status, row?.attempts, row?.recipientMasked, row?.sentAt], ['sent', 2, 'a***@example.com', lease]);
      assert.equal(
        (await deliveries.claimDue(addMs(lease, 10 * minuteMs), lease, 100)).some((other) => other.id === id),
        false,
      );
    });
    it('a retry comes when it is due, not before', async () => {
      const deliveries = await open();
      await deliveries.add(fresh());
      const [first] = await deliveries.claimDue(start, lease, 1);
      assert.ok(first);
      const at = addMs(start, 5 * minuteMs);
      await deliveries.retry(first, at, 'mailer away');
      assert.equal((await deliveries.claimDue(addMs(at, -1), lease, 10)).length, 0);
      const [second] = await deliveries.claimDue(at, addMs(at, minuteMs), 10);
      assert.deepEqual([second?.id, second?.attempts], [first.id, 2]);
    });
    it('lists pages of one tenant, newest first, and sweeps what ended long ago', async () => {
      const deliveries = await open();
      const tenantId = newId();
      const ids: string[] = [];
      for (let count = 0; count < 5; count++) {
        const delivery = fresh({ tenantId });
        ids.unshift(delivery.id);
        await deliveries.add(delivery);
      }
      const first = await deliveries.list(tenantId, { limit: 3, cursor: '' });
      const second = await deliveries.list(tenantId, { limit: 3, cursor: first.nextCursor });
      assert.deepEqual(
        [...first.deliveries, ...second.deliveries].map(({ id }) => id),
        ids,
      );
      assert.equal(second.nextCursor, '');
      for (const delivery of await deliveries.claimDue(start, lease, 2)) await deliveries.finish(delivery, 'sent', start, {});
      await deliveries.sweep(addMs(start, 1));
      assert.equal((await deliveries.list(tenantId, { limit: 10, cursor: '' })).deliveries.length, 3);
    });
  });
};
