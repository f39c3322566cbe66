import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import { isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { secondMs } from '#platform/time/index.ts';
import type { FakeProvider } from '../../testing/fake-provider.ts';
import { type Harness, openHarness } from '../../testing/harness.ts';
import { createVerification, type CreateVerificationRequest } from '../create-verification.ts';
import type { NumberProvider, Ports } from '../ports.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const refusals = ['no_numbers', 'price', 'not_offered', 'account', 'unreachable'] as const;
const refusedWith = (code: string) => (error: unknown) => isAppError(error) && error.code === code;

describe('fail-over between providers', () => {
  let h: Harness;
  before(async () => {
    h = await openHarness({ others: ['second', 'third'] });
  });
  after(() => h.close());
  const inOrder = (order: readonly string[] = h.providers.map(({ name }) => name), ports: Ports = h.ports): Ports => ({
    ...ports,
    routes: { ...ports.routes, decide: () => ({ order, candidates: [] }) },
  });
  const named = (name: string): FakeProvider => h.providers.find((one) => one.name === name) ?? assert.fail(name);
  const create = (over: Partial<CreateVerificationRequest> = {}, ports: Ports = inOrder()) => createVerification(ports)(h.request(over));
  const rowOf = async (key: string) => {
    const rows = await h.db.query<{
      id: string;
      state: string;
      provider: string;
      reason: string | null;
      hold_id: string | null;
      route: { refused: { provider: string; reason: string }[] };
    }>('select * from verifications where idempotency_key = $1', [key]);
    assert.ok(rows.length <= 1);
    return rows[0];
  };
  const counts = () => h.providers.map(({ calls }) => calls.acquire);
  const asked = (before_: readonly number[]) => counts().map((count, index) => count - (before_[index] ?? 0));
  /** Numbers that are rented now and nobody's: none may be left when everything has come to rest. */
  const strays = async (): Promise<string[]> => {
    const rows = await h.db.query<{ provider: string; activation_id: string }>(
      'select provider, activation_id from verifications where activation_id is not null',
    );
    const known = new Set(rows.map((row) => `${row.provider} ${row.activation_id}`));
    return h.providers.flatMap(({ name, rented }) =>
      rented.filter(({ id, state }) => state === 'waiting' && !known.has(`${name} ${id}`)).map(({ id }) => `${name} ${id}`),
    );
  };
  beforeEach(() => {
    for (const provider of h.providers) {
      provider.heal();
      provider.during = {};
    }
  });

  for (const reason of refusals)
    it(`goes to the next when one refuses: ${reason}`, async () => {
      const start = counts();
      named('handler-api').refuse(reason);
      const key = newId();
      const { phoneNumber, id } = await create({ idempotencyKey: key });
      assert.notEqual(phoneNumber, '');
      assert.deepEqual(asked(start), [1, 1, 0]);
      const row = await rowOf(key);
      assert.equal(row?.provider, 'second');
      assert.deepEqual(
        row?.route.refused.map((one) => [one.provider, one.reason]),
        [['handler-api', reason]],
      );
      assert.deepEqual(await h.events(id), ['purchased']);
    });

  it('sends the list price as the highest to everybody', async () => {
    const prices: bigint[] = [];
    const spy = (provider: NumberProvider): NumberProvider => ({
      ...provider,
      acquire: async (request) => (prices.push(request.maxPrice.micros), { kind: 'refused', reason: 'price', detail: '' }),
    });
    const providers = { ...h.ports.providers, named: (name: string) => spy(named(name)) };
    await assert.rejects(create({}, inOrder(undefined, { ...h.ports, providers })), refusedWith('verification.no_numbers'));
    assert.equal(prices.length, 3);
    assert.equal(new Set(prices).size, 1);
  });

  for (const [said, code] of [
    [['no_numbers', 'account', 'unreachable'], 'verification.no_numbers'],
    [['not_offered', 'account', 'not_offered'], 'verification.provider_unavailable'],
    [['not_offered', 'not_offered', 'not_offered'], 'verification.not_offered'],
  ] as const)
    it(`tells the customer the weightiest of ${said.join(', ')}, the first time and again`, async () => {
      for (const [index, provider] of h.providers.entries()) provider.refuse(said[index] ?? 'price');
      const request = h.request();
      await assert.rejects(createVerification(inOrder())(request), refusedWith(code));
      const start = counts();
      await assert.rejects(createVerification(inOrder())(request), refusedWith(code));
      assert.deepEqual(asked(start), [0, 0, 0]);
      const row = await rowOf(request.idempotencyKey);
      assert.deepEqual(await h.events(row?.id ?? ''), ['failed']);
    });

  for (const how of ['before', 'after'] as const)
    it(`never after an answer that got lost ${how} the effect`, async () => {
      for (const place of [0, 1]) {
        const start = counts();
        for (const provider of h.providers.slice(0, place)) provider.refuse('no_numbers');
        h.providers[place]?.spoil('acquire', how);
        const key = newId();
        await create({ idempotencyKey: key, country: 'KE' });
        assert.deepEqual(
          asked(start),
          [1, 1, 1].map((one, index) => (index <= place ? one : 0)),
        );
        for (let turn = 0; turn < 6; turn++) await h.pass(10 * secondMs);
        assert.deepEqual(
          asked(start),
          [1, 1, 1].map((one, index) => (index <= place ? one : 0)),
          'recovery never buys',
        );
        const row = await rowOf(key);
        assert.equal(row?.provider, h.providers[place]?.name);
        assert.equal(row?.state, how === 'after' ? 'waiting' : 'failed');
      }
      assert.deepEqual(await strays(), []);
    });

  it('stops at the deadline of the purchase, and gives the hold back', async () => {
    const start = counts();
    named('handler-api').refuse('unreachable');
    named('handler-api').during.acquire = async () => {
      h.clock.advance(5 * secondMs);
    };
    const key = newId();
    await assert.rejects(create({ idempotencyKey: key }), refusedWith('verification.provider_unavailable'));
    assert.deepEqual(asked(start), [1, 0, 0]);
    const row = await rowOf(key);
    assert.deepEqual([row?.state, await h.events(row?.id ?? '')], ['failed', ['failed']]);
  });

  it('asks nobody more when somebody else has taken the row over', async () => {
    const start = counts();
    named('handler-api').refuse('no_numbers');
    named('handler-api').during.acquire = async () => {
      await h.db.query(`update verifications set version = version + 1 where idempotency_key = $1`, [key]);
    };
    const key = newId();
    await create({ idempotencyKey: key });
    assert.deepEqual(asked(start), [1, 0, 0]);
  });

  it('a write of the next provider whose answer is lost is not lost', async () => {
    named('handler-api').refuse('no_numbers');
    const key = newId();
    let writes = 0;
    const store: Ports['store'] = {
      ...h.ports.store,
      reroute: async (from, to) => {
        const done = await h.ports.store.reroute(from, to);
        writes += 1;
        if (writes === 1) throw new Error('the answer got lost');
        return done;
      },
    };
    await create({ idempotencyKey: key }, inOrder(undefined, { ...h.ports, store }));
    assert.equal(writes, 2);
    assert.deepEqual([(await rowOf(key))?.provider, (await rowOf(key))?.state], ['second', 'waiting']);
  });

  it(`killed at any step between attempts: never bought twice, nothing lost, the row names who may have it (seed ${seed})`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          ...{ refusing: fc.integer({ min: 0, max: 3 }), calls: fc.integer({ min: 1, max: 8 }), effect: fc.boolean() },
          spoilt: fc.option(fc.constantFrom('before' as const, 'after' as const), { nil: undefined }),
        }),
        async ({ refusing, calls, effect, spoilt }) => {
          let left = calls;
          /** From the n-th outside step on nothing happens any more: a kill -9 before it, or (effect) after it. */
          const guard = <T extends (...given: never[]) => Promise<unknown>>(step: T): T =>
            (async (...given: never[]) => {
              left -= 1;
              if (left < 0 || (left === 0 && !effect)) throw new Error('killed');
              const answer = await step(...given);
              if (left === 0) throw new Error('killed');
              return answer;
            }) as unknown as T;
          const mortal: Ports = {
            ...h.ports,
            store: {
              ...h.ports.store,
              reserve: guard(h.ports.store.reserve),
              reroute: guard(h.ports.store.reroute),
              save: guard(h.ports.store.save),
              grant: guard(h.ports.store.grant),
              find: guard(h.ports.store.find),
            },
            ledger: { ...h.ledger, placeHold: guard((request) => h.ledger.placeHold(request)) },
            providers: {
              ...h.ports.providers,
              named: (name) => {
                const provider = named(name);
                return { ...provider, acquire: guard(provider.acquire), listActive: guard(provider.listActive) };
              },
            },
          };
          for (const provider of h.providers) provider.heal();
          for (const provider of h.providers.slice(0, refusing)) provider.refuse('no_numbers');
          if (spoilt) h.providers[refusing]?.spoil('acquire', spoilt);
          const key = newId();
          const boughtBefore = h.providers.reduce((sum, { rented }) => sum + rented.length, 0);
          await create({ idempotencyKey: key, country: 'NG' }, inOrder(undefined, mortal)).catch(() => undefined);
          const askedAfterPurchase = counts();
          for (let turn = 0; turn < 7; turn++) await h.pass(10 * secondMs);
          assert.deepEqual(counts(), askedAfterPurchase, 'recovery never buys');
          const bought = h.providers.reduce((sum, { rented }) => sum + rented.length, 0) - boughtBefore;
          assert.ok(bought <= 1, `${bought} numbers`);
          const row = await rowOf(key);
          assert.deepEqual(await strays(), []);
          if (row === undefined) assert.equal(bought, 0);
          else {
            assert.equal(row.state, bought === 1 ? 'waiting' : 'failed');
            assert.deepEqual(await h.events(row.id), [bought === 1 ? 'purchased' : 'failed']);
          }
        },
      ),
      { seed, numRuns: 60, endOnFailure: true },
    );
  });
});
