import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CreateQuotesRequest, GetQuoteResponse, Quote, ResolvePricesResponse } from '#proto/namaskah/billing/v1/prices.ts';
import { appError, isAppError } from '#platform/errors/index.ts';
import { errorDetailOf } from '#platform/grpc/index.ts';
import { newId } from '#platform/ids/index.ts';
import { addMs, minuteMs, testClock } from '#platform/time/index.ts';
import { offerFor } from '../../domain/catalogue.ts';
import { testCatalogue } from '../../testing/harness.ts';
import { createPrices } from './prices.ts';

const offer = (service = 'telegram', country = 'ID') => offerFor(testCatalogue, { service, country, capability: 'sms' });
const code = (expected: string) => (error: unknown) => isAppError(error) && error.code === expected;

/** Billing that counts what it is asked and answers when the test lets it. */
const open = (lifeMs = 10 * minuteMs) => {
  const clock = testClock();
  const calls: CreateQuotesRequest[] = [];
  const quotes = new Map<string, Quote>();
  const without = new Set<string>();
  let gate: Promise<void> = Promise.resolve();
  let micros = 1_000n;
  const client = {
    createQuotes: async (request: CreateQuotesRequest) => {
      calls.push(request);
      const price = micros;
      await gate;
      return {
        results: request.asks.map(({ tenantId, items: [item] }) => {
          if (without.has(tenantId)) return { quote: undefined, error: errorDetailOf(appError('billing.no_price')) };
          const total = { currency: 'USD', micros: price };
          const items = [{ item: item?.ask?.item, quantity: item?.quantity ?? 0n, unit: undefined, amount: total }];
          const expiresAt = addMs(clock.now(), lifeMs);
          const quote = { id: newId(), tenantId, items, total, plan: 'starter', expiresAt, createdAt: clock.now() };
          quotes.set(quote.id, quote);
          return { quote, error: undefined };
        }),
      };
    },
    getQuote: async ({ id }: { id: string }): Promise<GetQuoteResponse> => ({ quote: quotes.get(id) }),
    resolvePrices: (): Promise<ResolvePricesResponse> => assert.fail('not asked here'),
  };
  return {
    ...{ clock, calls, without },
    prices: createPrices({ client, clock, keepMs: minuteMs }),
    setPrice: (to: bigint) => void (micros = to),
    /** Answers wait until the returned function is called. */
    hold: (): (() => void) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return resolve;
    },
  };
};

describe('prices of tenants', () => {
  it('are asked for once and used for a minute; by many at once, with one question', async () => {
    const { prices, calls, clock } = open();
    const tenantId = newId();
    const all = await Promise.all(Array.from({ length: 50 }, () => prices.quote(tenantId, offer())));
    assert.equal(new Set(all.map(({ id }) => id)).size, 1);
    assert.equal(calls.flatMap(({ asks }) => asks).length, 1);
    clock.advance(minuteMs - 1);
    await prices.quote(tenantId, offer());
    assert.equal(calls.length, 1);
    clock.advance(1);
    await prices.quote(tenantId, offer());
    assert.equal(calls.length, 2);
  });

  it('are kept apart by tenant and by what is bought', async () => {
    const { prices, calls } = open();
    const [one, two] = [newId(), newId()];
    await Promise.all([
      prices.quote(one, offer()),
      prices.quote(two, offer()),
      prices.quote(one, offer('whatsapp')),
      prices.quote(one, offer('telegram', 'GB')),
    ]);
    assert.equal(calls.flatMap(({ asks }) => asks).length, 4);
    assert.ok(calls.length <= 2, 'those beside each other travel together');
  });

  it('are never used near the end of their quote', async () => {
    const { prices, calls, clock } = open(40_000);
    const tenantId = newId();
    await prices.quote(tenantId, offer());
    clock.advance(10_000);
    await prices.quote(tenantId, offer());
    assert.equal(calls.length, 2);
  });

  it('are asked for anew once they may have changed, also when the old answer was still on its way', async () => {
    const { prices, calls, hold, setPrice } = open();
    const tenantId = newId();
    const release = hold();
    const early = prices.quote(tenantId, offer());
    // Questions leave at the end of the turn.
    await new Promise((resolve) => setImmediate(resolve));
    prices.forget(tenantId);
    setPrice(2_000n);
    const late = prices.quote(tenantId, offer());
    release();
    assert.equal((await early).price.micros, 1_000n);
    assert.equal((await late).price.micros, 2_000n);
    assert.equal((await prices.quote(tenantId, offer())).price.micros, 2_000n);
    setPrice(3_000n);
    prices.forget(newId());
    assert.equal((await prices.quote(tenantId, offer())).price.micros, 2_000n);
    prices.forget(undefined);
    assert.equal((await prices.quote(tenantId, offer())).price.micros, 3_000n);
    assert.equal(calls.length, 3);
  });

  it('that one tenant does not have spoil no other, and are not remembered', async () => {
    const { prices, without } = open();
    const [poor, rich] = [newId(), newId()];
    without.add(poor);
    const [refused, quoted] = await Promise.allSettled([prices.quote(poor, offer()), prices.quote(rich, offer())]);
    assert.ok(refused.status === 'rejected' && code('billing.no_price')(refused.reason));
    assert.equal(quoted.status, 'fulfilled');
    without.delete(poor);
    assert.equal((await prices.quote(poor, offer())).price.micros, 1_000n);
  });

  it('by a quote that the customer names are for the same thing only', async () => {
    const { prices } = open();
    const tenantId = newId();
    const { id } = await prices.fresh(tenantId, offer());
    assert.equal((await prices.named(tenantId, id, offer())).id, id);
    await assert.rejects(prices.named(tenantId, id, offer('whatsapp')), code('billing.quote_invalid'));
    await assert.rejects(prices.named(tenantId, newId(), offer()), code('billing.quote_invalid'));
  });
});
