import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { type ErrorCode, isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import { minuteMs, secondMs } from '#platform/time/index.ts';
import { type BulkHouse, buyMs, openBulkHouse } from '../../testing/bulk/bulk-house.ts';
import { receivePush } from '../receive-push.ts';
import { buyItems } from './buy-items.ts';
import { cancelBatch } from './cancel-batch.ts';
import { createBatch, type CreateBatchRequest } from './create-batch.ts';
import { getBatch } from './get-batch.ts';
import { listBatches } from './list-batches.ts';
import type { BulkPorts } from './ports.ts';
import { workBatches } from './work-batches.ts';

const refusedWith = (code: ErrorCode) => (error: unknown) =>
  isAppError(error, code) || assert.fail(`expected ${code}, got ${String(error)}`);
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_000);
const price = 280_000n;

describe('a bulk order', () => {
  let house: BulkHouse;
  let startMicros: bigint;
  before(async () => {
    house = await openBulkHouse();
    startMicros = house.h.ledger.balanceMicros;
  });
  after(() => house?.close());
  afterEach(async () => {
    // Whatever was ordered has its end within a day, and then the money adds up.
    for (let turn = 0; turn < 12; turn++) await house.pass(10 * minuteMs);
    await house.assertMoney(startMicros);
    assert.deepEqual(house.failures, []);
    const [left] = await house.h.db.query<{ count: number }>(
      `select count(*)::int as count from batches where state not in ('completed', 'failed')`,
    );
    assert.equal(left?.count, 0);
  });

  const create = (request: CreateBatchRequest, ports: BulkPorts = house.ports) => createBatch(ports)(request);
  const look = (request: CreateBatchRequest, id: string, limit = 100, after = 0) =>
    getBatch(house.ports)({ tenantId: request.tenantId, id, after, limit });
  const bought = (batchId: string) =>
    house.h.db.query<{ id: string; activation_id: string }>(
      `select v.id, v.activation_id from batch_items i join verifications v on v.id = i.verification_id where i.batch_id = $1 and v.state = 'waiting' order by i.position`,
      [batchId],
    );
  const deliver = async (activationId: string): Promise<void> => {
    house.h.provider.deliver(activationId, 'Your code is 48151', '48151');
    await receivePush(house.ports.purchases)(house.h.push(activationId, 'Your code is 48151', '48151'));
  };
  /** By key: no purchase key may have met the provider twice. */
  const assertNothingTwice = () => {
    const orders = house.h.provider.rented.map(({ orderId }) => orderId);
    assert.equal(new Set(orders).size, orders.length);
  };

  it('carries what each item says of routes to its purchase', async () => {
    const { name } = house.h.provider;
    const asked = new Map<string, readonly unknown[]>();
    const decide: BulkPorts['purchases']['routes']['decide'] = (wish) => {
      asked.set(wish.offer.country.code, [wish.excluded, wish.preferred]);
      return house.ports.purchases.routes.decide({ ...wish, excluded: [] });
    };
    const ports = { ...house.ports, purchases: { ...house.ports.purchases, routes: { ...house.ports.purchases.routes, decide } } };
    const request = house.order([{ preferredProviders: [name] }, { country: 'GB', excludedProviders: ['nobody', 'else'] }]);
    await create(request, ports);
    await Promise.all(await buyItems(ports)({ limit: 10, leaseMs: minuteMs }));
    assert.deepEqual(Object.fromEntries(asked), { GB: [['nobody', 'else'], []], ID: [[], [name]] });
    await assert.rejects(create({ ...request, items: request.items.map((item) => ({ ...item, preferredProviders: [] })) }), {
      code: 'request.idempotency_conflict',
    });
  });

  it('that a promotion has made free is bought without a reservation', async () => {
    const { prices } = house.h;
    const quote = async (...asked: Parameters<typeof prices.quote>) => ({ ...(await prices.quote(...asked)), price: money('USD', 0n) });
    const ports = { ...house.ports, purchases: { ...house.ports.purchases, prices: { ...prices, quote } } };
    const { id } = await create(house.order([{ count: 2 }]), ports);
    await house.settle(ports);
    assert.equal((await bought(id)).length, 2);
  });

  it('reserves once for all, buys each, charges those whose code comes, and tells its end once', async () => {
    const { h } = house;
    const calls = h.ledger.balanceMicros;
    const request = house.order([{ count: 3 }, { country: 'GB' }]);
    const taken = await create(request);
    assert.deepEqual([taken.status, taken.progress.byStatus.pending, taken.progress.total], ['buying', 4, 4]);
    assert.equal(calls - h.ledger.balanceMicros, taken.reserved.micros);
    await house.settle();
    const numbers = await bought(taken.id);
    assert.equal(numbers.length, 4);
    assert.equal((await look(request, taken.id)).batch.status, 'waiting');
    for (const { activation_id } of numbers.slice(0, 2)) await deliver(activation_id);
    // Codes call for a look; nobody has to wait for the next one.
    await house.settle();
    const half = await look(request, taken.id);
    assert.equal(half.batch.progress.byStatus.received + half.batch.progress.byStatus.completed, 2);
    assert.equal(half.batch.charged.micros, 2n * price);
    assert.deepEqual(
      half.items.map(({ position, verification }) => [position, verification?.code]),
      [1, 2, 3, 4].map((position) => [position, position <= 2 ? '48151' : '']),
    );
    assert.deepEqual(await house.told(taken.id), []);
    for (let turn = 0; turn < 3; turn++) await house.pass(10 * minuteMs);
    const done = await look(request, taken.id);
    assert.deepEqual(
      [done.batch.status, done.batch.progress.byStatus.completed, done.batch.progress.byStatus.expired],
      ['completed', 2, 2],
    );
    const [told, ...others] = await house.told(taken.id);
    assert.deepEqual(others, []);
    assert.deepEqual(
      [told?.['batchId'], told?.['total'], told?.['received'], told?.['expired'], told?.['charged']],
      [taken.id, 4, 2, 2, { currency: 'USD', micros: String(2n * price) }],
    );
  });

  it('fails item by item: what cannot be sold, what is too dear, what the provider does not have', async () => {
    const request = house.order([{ service: 'no-such-thing' }, { service: 'paypal' }, { maxPrice: money('USD', 10_000n) }, { count: 2 }]);
    const taken = await create(request);
    assert.equal(taken.reserved.micros, 2n * price, 'only what can be bought is reserved');
    house.h.provider.refuse('no_numbers');
    await house.settle();
    const { items } = await look(request, taken.id);
    assert.deepEqual(
      items.slice(0, 3).map(({ status, reason }) => [status, reason]),
      [
        ['failed', 'verification.not_offered'],
        ['failed', 'verification.service_blocked'],
        ['failed', 'verification.price_exceeded'],
      ],
    );
    assert.deepEqual(new Set(items.slice(3).map(({ status }) => status)), new Set(['failed', 'waiting']));
    assert.ok(items.some(({ reason }) => reason === 'verification.no_numbers'));
  });

  it('of nothing that can be sold ends at once and holds nothing', async () => {
    const before = house.h.ledger.balanceMicros;
    const taken = await create(house.order([{ service: 'no-such-thing', count: 2 }]));
    assert.equal(house.h.ledger.balanceMicros, before);
    await house.settle();
    assert.deepEqual(
      (await house.told(taken.id)).map(({ total, failed }) => [total, failed]),
      [[2, 2]],
    );
  });

  it('without credit for the sum buys nothing at all, and says so again under its key', async () => {
    const { h } = house;
    const balance = h.ledger.balanceMicros;
    h.ledger.balanceMicros = 3n * price - 1n;
    const calls = h.provider.calls.acquire;
    const request = house.order([{ count: 3 }]);
    await assert.rejects(create(request), refusedWith('billing.insufficient_credit'));
    h.ledger.balanceMicros = balance;
    await assert.rejects(create(request), refusedWith('billing.insufficient_credit'));
    await house.settle();
    assert.equal(h.provider.calls.acquire, calls);
    const { batches } = await listBatches(house.ports)({ tenantId: request.tenantId, before: undefined, limit: 1 });
    assert.deepEqual(
      batches.map(({ status, reason, progress }) => [status, reason, progress.byStatus.cancelled]),
      [['failed', 'billing.insufficient_credit', 3]],
    );
  });

  it('is one order under one key, however often and at once it is asked for; another order under it is a conflict', async () => {
    const request = house.order([{ count: 5 }]);
    const views = await Promise.all(Array.from({ length: 6 }, () => create(request)));
    assert.equal(new Set(views.map(({ id }) => id)).size, 1);
    const before = house.h.provider.calls.acquire;
    await house.settle();
    assert.equal((await create(request)).id, views[0]?.id);
    assert.equal(house.h.provider.calls.acquire - before, 5);
    await assert.rejects(create({ ...request, items: [...request.items, ...request.items] }), refusedWith('request.idempotency_conflict'));
  });

  it('refuses more than 100 numbers, none, and counts that are none, and names the field', async () => {
    for (const items of [[{ count: 101 }], [{ count: 60 }, { count: 41 }], [], [{ count: 0 }], [{ count: 1.5 }]])
      await assert.rejects(create(house.order(items)), refusedWith('request.invalid'));
    await assert.rejects(
      create(house.order([{}, { maxPrice: money('EUR', 1n) }])),
      (error: unknown) => isAppError(error, 'request.invalid') && error.fields[0]?.field === 'items[1].maxPrice.currency',
    );
  });

  it('asked for while billing does not answer: repeated it goes on; not repeated, the money goes back and nothing is bought', async () => {
    for (const how of ['before', 'after'] as const) {
      house.money.spoil(how);
      const request = house.order([{ count: 2 }]);
      await assert.rejects(create(request), refusedWith('platform.unavailable'));
      assert.equal((await create(request)).status, 'buying');

      const balance = house.h.ledger.balanceMicros;
      house.money.spoil(how);
      const forgotten = house.order([{ count: 2 }]);
      await assert.rejects(create(forgotten), refusedWith('platform.unavailable'));
      const before = house.h.provider.calls.acquire;
      await house.pass(7 * secondMs);
      assert.equal(house.h.provider.calls.acquire - before, 2, 'only those of the repeated one');
      assert.equal(house.h.ledger.balanceMicros, balance);
      const again = await create(forgotten);
      assert.deepEqual([again.status, again.reason], ['failed', 'platform.unavailable'], 'given up is an end, and no reason to ask again');
    }
  });

  it('cancelled: nothing more is bought, what waits is cancelled, codes that were faster stay and are charged', async () => {
    const request = house.order([{ count: 6 }]);
    const { id, tenantId } = { ...(await create(request)), tenantId: request.tenantId };
    await Promise.all(await buyItems(house.ports)({ limit: 4, leaseMs: 45_000 }));
    const [first] = await bought(id);
    await deliver(first?.activation_id ?? '');
    const before = house.h.provider.calls.acquire;
    const view = await cancelBatch(house.ports)({ tenantId, id });
    assert.ok(view.cancelAskedAt);
    assert.equal(view.progress.byStatus.cancelled, 2);
    await house.settle();
    const done = await look(request, id);
    assert.equal(done.batch.status, 'completed');
    assert.deepEqual([done.batch.progress.byStatus.cancelled, done.batch.charged.micros], [5, price]);
    assert.equal(house.h.provider.calls.acquire, before);
    assert.equal((await cancelBatch(house.ports)({ tenantId, id })).status, 'completed', 'repeated, it answers how far it is');
    assert.deepEqual(
      (await house.told(id)).map(({ cancelAsked }) => cancelAsked),
      [true],
    );
    const finished = house.order([{ service: 'no-such-thing' }]);
    const other = await create(finished);
    await house.settle();
    await assert.rejects(cancelBatch(house.ports)({ tenantId, id: other.id }), refusedWith('verification.not_cancellable'));
  });

  it('cancelled before the provider allows it: asked again until it does', async () => {
    const request = house.order([{ count: 2 }]);
    const { id } = await create(request);
    await house.settle();
    house.h.provider.earlyCancelMs = 2 * minuteMs;
    await cancelBatch(house.ports)({ tenantId: request.tenantId, id });
    await house.settle();
    assert.equal((await look(request, id)).batch.status, 'waiting');
    for (let turn = 0; turn < 6; turn++) await house.pass(30 * secondMs);
    house.h.provider.earlyCancelMs = 0;
    assert.equal((await look(request, id)).batch.progress.byStatus.cancelled, 2);
  });

  it("is bought by two replicas at once: every item once, one end; another tenant's is unknown", async () => {
    const request = house.order([{ count: 40 }]);
    const { id } = await create(request);
    const before = house.h.provider.rented.length;
    const replica = async () => {
      for (let turn = 0; turn < 40; turn++) {
        await Promise.all(await buyItems(house.ports)({ limit: 7, leaseMs: 45_000 }));
        await workBatches(house.ports)({ limit: 4, leaseMs: 45_000 });
      }
    };
    await Promise.all([replica(), replica(), replica()]);
    assert.equal(house.h.provider.rented.length - before, 40);
    for (const { activation_id } of await bought(id)) await deliver(activation_id);
    house.h.clock.advance(2 * secondMs);
    await Promise.all([house.settle(), house.settle(), house.settle()]);
    await house.settle();
    assert.equal((await look(request, id)).batch.status, 'completed');
    assert.equal((await house.told(id)).length, 1);
    const stranger = { ...request, tenantId: newId() };
    await assert.rejects(look(stranger, id), refusedWith('request.not_found'));
    await assert.rejects(cancelBatch(house.ports)({ tenantId: stranger.tenantId, id }), refusedWith('request.not_found'));
    assert.deepEqual((await listBatches(house.ports)({ tenantId: stranger.tenantId, before: undefined, limit: 5 })).batches, []);
  });

  it('pages its items in their order', async () => {
    const request = house.order([{ count: 5 }]);
    const { id } = await create(request);
    const first = await look(request, id, 3);
    const second = await look(request, id, 3, first.next);
    assert.deepEqual(
      [first, second].flatMap(({ items }) => items.map(({ position }) => position)),
      [1, 2, 3, 4, 5],
    );
    assert.equal(second.next, undefined);
  });

  it('leaves room for others: a small order is bought among the first of a large one', async () => {
    const large = house.order([{ count: 100 }]);
    await create(large);
    const claimed = await house.ports.batches.claimItems(house.h.clock.now(), new Date(house.h.clock.now().getTime() + 1), 8);
    assert.equal(claimed.length, 8);
    const small = house.order([{ count: 3 }], { tenantId: newId() });
    await create(small);
    const next = await house.ports.batches.claimItems(house.h.clock.now(), new Date(house.h.clock.now().getTime() + 1), 4);
    assert.deepEqual(next.filter(({ item }) => item.tenantId === small.tenantId).length, 3, 'those come first who have nothing under way');
    house.h.clock.advance(10);
  });

  it('does not buy for ever: what was not bought in time fails, and its money is back', async () => {
    const request = house.order([{ count: 3 }]);
    const { id } = await create(request);
    const before = house.h.provider.calls.acquire;
    // Nobody worked all the time.
    house.h.clock.advance(buyMs);
    await house.settle();
    const { batch, items } = await look(request, id);
    assert.equal(house.h.provider.calls.acquire, before);
    assert.equal(batch.status, 'completed');
    assert.deepEqual(new Set(items.map(({ reason }) => reason)), new Set(['platform.unavailable']));
  });

  /** Ports that stop for good at their n-th call, before or after its effect: what a kill -9 there leaves behind. */
  const mortal = (calls: number, effect: boolean): BulkPorts => {
    let left = calls;
    const die = () => Promise.reject(new Error('killed'));
    const guard = <T extends object>(target: T, only?: readonly string[]): T =>
      new Proxy(target, {
        get: (object, name) => {
          const value = Reflect.get(object, name) as unknown;
          if (typeof value !== 'function' || (only && !only.includes(String(name)))) return value;
          return (...args: readonly unknown[]): unknown => {
            left -= 1;
            if (left < 0) return die();
            const answer = value.apply(object, args) as Promise<unknown>;
            return left === 0 && effect ? Promise.resolve(answer).then(die) : answer;
          };
        },
      });
    const { batches, money: ledger, purchases } = house.ports;
    const provider = guard(house.h.provider, ['acquire', 'cancel', 'status', 'listActive', 'finish']);
    return {
      ...house.ports,
      observer: { ended: () => {}, failedStep: () => {} },
      batches: guard(batches),
      money: guard(ledger),
      purchases: {
        ...purchases,
        ledger: guard(purchases.ledger),
        store: guard(purchases.store, ['reserve', 'save', 'find', 'findByKey']),
        providers: { ...purchases.providers, named: () => provider },
      },
    };
  };

  it(`killed at any moment of its making, buying, cancelling: nothing is bought twice, nothing stays reserved (seed ${seed})`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 60 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 6 }),
        fc.boolean(),
        fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
        async (calls, effect, count, cancelled, codes) => {
          const dying = mortal(calls, effect);
          const request = house.order([{ count }]);
          const made = await create(request, dying).catch(() => undefined);
          for (let turn = 0; turn < 3; turn++) {
            await Promise.all(await buyItems(dying)({ limit: 2, leaseMs: 45_000 }).catch(() => []));
            if (cancelled && turn === 1 && made)
              await cancelBatch(dying)({ tenantId: request.tenantId, id: made.id }).catch(() => undefined);
            await workBatches(dying)({ limit: 4, leaseMs: 45_000 }).catch(() => 0);
          }
          // Another process comes, after the leases of the dead one.
          for (let turn = 0; turn < 6; turn++) await house.pass(20 * secondMs);
          const [batch] = await house.h.db.query<{ id: string; state: string }>(
            'select id, state from batches where idempotency_key = $1',
            [request.idempotencyKey],
          );
          for (const [index, { activation_id }] of (batch ? await bought(batch.id) : []).entries())
            if (codes[index] === true) await deliver(activation_id);
          for (let turn = 0; turn < 4; turn++) await house.pass(10 * minuteMs);
          assertNothingTwice();
          if (batch === undefined) return;
          const { batch: view } = await look(request, batch.id);
          assert.ok(view.status === 'completed' || view.status === 'failed', view.status);
          assert.equal(view.progress.open, 0);
          assert.equal((await house.told(batch.id)).length, view.status === 'completed' ? 1 : 0);
          await house.assertMoney(startMicros);
        },
      ),
      { seed, numRuns: 40, endOnFailure: true },
    );
  });
});
