import assert from 'node:assert/strict';
import { it } from 'node:test';
import { events } from '#events';
import { newId } from '#platform/ids/index.ts';
import { type Bus, openBus, publishEvent, startRelay } from '#platform/messaging/index.ts';
import { createLogger } from '#platform/logging/index.ts';
import { createMetrics, metricTable } from '#platform/telemetry/index.ts';
import { openDatabase, platformMigration } from '#platform/postgres/index.ts';
import { createTestDatabase, createTestNats, eventually } from '#platform/testing/index.ts';
import { followPrices } from './follow-prices.ts';

it('forgets the prices of a tenant whose book, plan or promotion changed, and all when a book of many did; other facts cost nothing', async () => {
  const [database, nats] = await Promise.all([createTestDatabase('follow-prices', [platformMigration]), createTestNats()]);
  const db = await openDatabase({ url: database.url, applicationName: 'test', poolMax: 3 });
  const bus: Bus = await openBus({ url: nats.url, name: 'test' });
  const logger = createLogger({ service: 'test', level: 'silent' });
  const relay = await startRelay({ db, bus, logger, metrics: createMetrics(metricTable) });
  const forgotten: (string | undefined)[] = [];
  const following = await followPrices(bus, { forget: (tenantId) => void forgotten.push(tenantId) });
  const [contract, redeemer, upgraded] = [newId(), newId(), newId()];
  const facts = (tenantId: string) => ({ tenantId, aggregateId: newId(), aggregateVersion: 1n, occurredAt: new Date() });
  const book = { priceBookId: newId(), plan: '', tenantId: '', version: 1, effectiveFrom: new Date(), effectiveTo: undefined };
  try {
    await db.transaction(async (tx) => {
      const { priceBookPublished, promotionRedeemed, creditGranted, planChanged } = events.billing;
      await publishEvent(tx, creditGranted, { ...facts(newId()), payload: { transferId: newId(), amount: undefined, reason: '' } });
      await publishEvent(tx, priceBookPublished, { ...facts(contract), payload: { ...book, scope: 'tenant', tenantId: contract } });
      await publishEvent(tx, promotionRedeemed, {
        ...facts(redeemer),
        payload: { redemptionId: newId(), promotionId: newId(), kind: 'percent' },
      });
      await publishEvent(tx, planChanged, { ...facts(upgraded), payload: planChanged.codec.fromJSON({}) });
      await publishEvent(tx, priceBookPublished, {
        ...facts('00000000-0000-0000-0000-000000000000'),
        payload: { ...book, scope: 'plan', plan: 'pro' },
      });
    });
    await eventually(async () => assert.equal(forgotten.length, 4), { timeoutMs: 10_000 });
    assert.deepEqual(new Set(forgotten), new Set([contract, redeemer, upgraded, undefined]));
  } finally {
    await following.close();
    await relay.close();
    await bus.close();
    await db.close();
    await Promise.all([database.close(), nats.close()]);
  }
});
