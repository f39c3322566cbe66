import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { isAppError, type ErrorCode } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import { minuteMs, secondMs } from '#platform/time/index.ts';
import { type Harness, openHarness } from '../testing/harness.ts';
import { createVerification } from './create-verification.ts';
import { getVerification } from './get-verification.ts';
import type { Ports } from './ports.ts';
import { quotePrice } from './quote-price.ts';
import { receivePush } from './receive-push.ts';
import { houseKeep } from './work-due.ts';

const refusedWith = (code: ErrorCode) => (error: unknown) =>
  isAppError(error, code) || assert.fail(`expected ${code}, got ${String(error)}`);

describe('a purchase', () => {
  let h: Harness;
  before(async () => void (h = await openHarness()));
  after(() => h.close());
  beforeEach(async () => {
    h.ledger.balanceMicros = 1_000_000_000n;
    h.provider.namesOrders = false;
    // Numbers of other tests must not be candidates of this one.
    h.clock.advance(60 * minuteMs);
  });
  const create = (over = {}, ports: Ports = h.ports) => createVerification(ports)(h.request(over));
  const read = (tenantId: string, id: string) => getVerification(h.ports)({ tenantId, id });
  const tenant = () => h.request().tenantId;
  const onlyRow = async (key: string) => {
    const [row] = await h.db.query<{ id: string; state: string; reason: string | null; hold_id: string | null }>(
      'select * from verifications where idempotency_key = $1',
      [key],
    );
    return row ?? assert.fail('no row');
  };

  it('insists on an operator: it is part of the request, of the price that is asked for, and of what the customer sees', async () => {
    const key = newId();
    const view = await create({ idempotencyKey: key, operator: 'Telkomsel' });
    assert.deepEqual([view.operator, view.areaCode], ['telkomsel', '']);
    assert.equal((await create({ idempotencyKey: key, operator: 'telkomsel' })).id, view.id);
    await assert.rejects(create({ idempotencyKey: key }), refusedWith('request.idempotency_conflict'));
    const calls = h.ledger.calls;
    await assert.rejects(create({ operator: 'verizon' }), refusedWith('verification.not_offered'));
    await assert.rejects(create({ areaCode: '212' }), refusedWith('verification.not_offered'));
    assert.equal(h.ledger.calls, calls, 'before any money moves');
    const plain = await quotePrice(h.ports)({ tenantId: tenant(), service: 'telegram', country: 'ID', capability: 'sms' });
    await assert.rejects(create({ operator: 'telkomsel', quoteId: plain.id }), refusedWith('billing.quote_invalid'));
  });

  it('stays bought when its offer leaves the catalogue: the same key finds it, another request under it is a conflict', async () => {
    const key = newId();
    const view = await create({ idempotencyKey: key, operator: 'Telkomsel' });
    const left: Ports = { ...h.ports, catalogue: { ...h.ports.catalogue, service: () => undefined } };
    assert.equal((await create({ idempotencyKey: key, operator: 'telkomsel' }, left)).id, view.id);
    await assert.rejects(create({ idempotencyKey: key }, left), refusedWith('request.idempotency_conflict'));
    await assert.rejects(create({}, left), refusedWith('verification.not_offered'));
  });

  it('that a promotion has made free is like any other', async () => {
    const free = async (...asked: Parameters<typeof h.prices.quote>) => ({ ...(await h.prices.quote(...asked)), price: money('USD', 0n) });
    const view = await create({}, { ...h.ports, prices: { ...h.prices, quote: free } });
    assert.deepEqual([view.status, view.price.micros], ['waiting', 0n]);
    assert.equal(h.ledger.holds.get(view.id)?.amountMicros, 0n);
  });

  it('answers with number, price and expiry, holds the price and publishes it once', async () => {
    const view = await create();
    assert.equal(view.status, 'waiting');
    assert.match(view.phoneNumber, /^\+62812\d+$/);
    assert.equal(view.price.micros, 280_000n);
    assert.equal(view.expiresAt?.getTime(), h.clock.now().getTime() + 20 * minuteMs);
    assert.equal(h.ledger.holds.get(view.id)?.amountMicros, 280_000n);
    assert.deepEqual(await h.events(view.id), ['purchased']);
    const [payload] = await h.payloads(view.id);
    assert.equal(payload?.['holdId'], h.ledger.holds.get(view.id)?.holdId);
    assert.ok(!JSON.stringify(payload).includes(view.phoneNumber), 'a phone number never stands in an event');
    assert.deepEqual(await read(tenant(), view.id), view);
  });

  it('costs what billing promises this tenant: shown, held, limited and remembered by its quote', async () => {
    try {
      h.prices.percent = 50n;
      const key = newId();
      const view = await create({ idempotencyKey: key, maxPrice: money('USD', 140_000n) });
      assert.equal(view.price.micros, 140_000n);
      assert.equal(h.ledger.holds.get(view.id)?.amountMicros, 140_000n);
      const [row] = await h.db.query<{ quote_id: string }>('select quote_id from verifications where id = $1', [view.id]);
      assert.ok(h.ledger.holds.get(view.id)?.request.includes(row?.quote_id ?? 'no quote'));
      // Prices have risen since: the repetition is still the same request.
      h.prices.percent = 200n;
      assert.equal((await create({ idempotencyKey: key, maxPrice: money('USD', 140_000n) })).id, view.id);
      await assert.rejects(create({ maxPrice: money('USD', 140_000n) }), refusedWith('verification.price_exceeded'));
      h.prices.percent = 0n;
      await assert.rejects(create(), refusedWith('billing.no_price'));
      h.prices.percent = 100n;
      h.prices.away = true;
      const unpriced = newId();
      await assert.rejects(create({ idempotencyKey: unpriced }), refusedWith('platform.unavailable'));
      const rows = await h.db.query('select 1 from verifications where idempotency_key = $1', [unpriced]);
      assert.equal(rows.length, 0, 'without a price nothing has begun');
    } finally {
      Object.assign(h.prices, { percent: 100n, away: false });
    }
  });

  it('takes the price of the quote that the customer names, for this very thing', async () => {
    const { tenantId } = h.request();
    const quoted = await quotePrice(h.ports)({ tenantId, service: 'telegram', country: 'ID', capability: '' });
    try {
      h.prices.percent = 200n;
      const key = newId();
      const view = await create({ idempotencyKey: key, quoteId: quoted.id });
      assert.deepEqual(view.price, quoted.price);
      await assert.rejects(create({ idempotencyKey: key }), refusedWith('request.idempotency_conflict'));
      await assert.rejects(create({ quoteId: quoted.id, service: 'whatsapp' }), refusedWith('billing.quote_invalid'));
      await assert.rejects(create({ quoteId: newId() }), refusedWith('request.not_found'));
    } finally {
      h.prices.percent = 100n;
    }
  });

  it('refuses what policy forbids before anything is written or asked', async () => {
    const calls = { ...h.provider.calls };
    await assert.rejects(create({ service: 'paypal' }), refusedWith('verification.service_blocked'));
    await assert.rejects(create({ service: 'nonsense' }), refusedWith('verification.not_offered'));
    await assert.rejects(create({ country: 'ZZ' }), refusedWith('verification.not_offered'));
    await assert.rejects(create({ capability: 'voice' }), refusedWith('verification.not_offered'));
    await assert.rejects(create({ maxPrice: money('USD', 279_999n) }), refusedWith('verification.price_exceeded'));
    assert.equal((await create({ maxPrice: money('USD', 280_000n) })).status, 'waiting');
    assert.equal(h.provider.calls.acquire, calls.acquire + 1);
  });

  it('without credit fails without asking the provider, and answers the same under its key', async () => {
    h.ledger.balanceMicros = 1n;
    const asked = h.provider.calls.acquire;
    const key = newId();
    await assert.rejects(create({ idempotencyKey: key }), refusedWith('billing.insufficient_credit'));
    h.ledger.balanceMicros = 1_000_000n;
    await assert.rejects(create({ idempotencyKey: key }), refusedWith('billing.insufficient_credit'));
    assert.equal(h.provider.calls.acquire, asked);
    const row = await onlyRow(key);
    assert.deepEqual(await h.events(row.id), ['failed']);
    assert.equal((await h.payloads(row.id))[0]?.['holdId'] ?? '', '');
  });

  for (const [reason, code] of [
    ['no_numbers', 'verification.no_numbers'],
    ['price', 'verification.no_numbers'],
    ['not_offered', 'verification.not_offered'],
    ['account', 'verification.provider_unavailable'],
    ['unreachable', 'verification.provider_unavailable'],
  ] as const)
    it(`refused by the provider (${reason}) fails with its hold on the event`, async () => {
      h.provider.refuse(reason);
      const key = newId();
      await assert.rejects(create({ idempotencyKey: key }), refusedWith(code));
      const row = await onlyRow(key);
      assert.equal(row.state, 'failed');
      assert.deepEqual(await h.events(row.id), ['failed']);
      assert.equal((await h.payloads(row.id))[0]?.['holdId'], h.ledger.holds.get(row.id)?.holdId);
    });

  it('repeated under its key gives the same verification; with another body a conflict; ten at once buy one number', async () => {
    const key = newId();
    const asked = h.provider.calls.acquire;
    const views = await Promise.all(Array.from({ length: 10 }, () => create({ idempotencyKey: key })));
    assert.equal(new Set(views.map((view) => view.id)).size, 1);
    assert.equal(h.provider.calls.acquire, asked + 1);
    assert.ok(views.every((view) => view.phoneNumber === views[0]?.phoneNumber));
    await assert.rejects(create({ idempotencyKey: key, country: 'PH' }), refusedWith('request.idempotency_conflict'));
    await assert.rejects(create({ idempotencyKey: key, maxPrice: money('USD', 900_000n) }), refusedWith('request.idempotency_conflict'));
  });

  it('the same key of another tenant is another purchase', async () => {
    const key = newId();
    const [mine, theirs] = [await create({ idempotencyKey: key }), await create({ idempotencyKey: key, tenantId: newId() })];
    assert.notEqual(mine.id, theirs.id);
  });

  it('without a key every request is a purchase', async () => {
    const [a, b] = [await create({ idempotencyKey: '' }), await create({ idempotencyKey: '' })];
    assert.notEqual(a.id, b.id);
  });

  it('whose answer was lost finds its number by the list, and never buys again', async () => {
    h.provider.spoil('acquire', 'after');
    const bought = h.provider.rented.length;
    const view = await create({ country: 'KE' });
    assert.notEqual(view.phoneNumber, '', 'alone on this route, so it is found at once');
    assert.equal(h.provider.rented.length, bought + 1);
    assert.deepEqual(await h.events(view.id), ['purchased']);
  });

  it('whose answer and list were lost answers waiting without a number; the scheduler finds it', async () => {
    h.provider.spoil('acquire', 'after');
    h.provider.spoil('listActive', 'before');
    const view = await create({ country: 'NG' });
    assert.equal(view.status, 'waiting');
    assert.equal(view.phoneNumber, '');
    await h.pass(30 * secondMs);
    const later = await read(tenant(), view.id);
    assert.match(later.phoneNumber, /^\+62/);
    assert.equal(h.provider.rented.filter((row) => row.country === 'NG').length, 1);
  });

  it('that never reached the provider fails once its absence is proven, not earlier, and releases', async () => {
    h.provider.spoil('acquire', 'before');
    const view = await create({ country: 'PE' });
    assert.equal(view.status, 'waiting');
    await h.pass(5 * secondMs);
    assert.equal((await read(tenant(), view.id)).status, 'waiting', 'the provider may still be at work');
    await h.pass(30 * secondMs);
    const later = await read(tenant(), view.id);
    assert.equal(later.status, 'failed');
    assert.equal(later.reason, 'provider_unconfirmed');
    assert.deepEqual(await h.events(view.id), ['failed']);
    assert.equal((await h.payloads(view.id))[0]?.['holdId'], h.ledger.holds.get(view.id)?.holdId);
  });

  it('lost in a crowd: no number is given to two, every number bought is owned, nothing is bought twice', async () => {
    const before = h.provider.rented.length;
    for (let index = 0; index < 6; index++) h.provider.spoil('acquire', index % 2 === 0 ? 'after' : 'before');
    const views = await Promise.all(Array.from({ length: 12 }, () => create({ country: 'VN' })));
    for (let turn = 0; turn < 12; turn++) await h.pass(5 * secondMs);
    const ends = await Promise.all(views.map((view) => read(tenant(), view.id)));
    const numbers = ends.map((view) => view.phoneNumber).filter((number) => number !== '');
    assert.equal(new Set(numbers).size, numbers.length);
    assert.deepEqual(
      numbers.toSorted(),
      h.provider.rented
        .slice(before)
        .map((row) => row.phoneNumber)
        .toSorted(),
    );
    assert.ok(ends.every((view) => view.status === (view.phoneNumber === '' ? 'failed' : 'waiting')));
  });

  it('whose hold got lost is asked for again under the same key', async () => {
    h.ledger.spoil('after');
    const view = await create();
    assert.equal(view.status, 'waiting');
    assert.equal(h.ledger.holds.has(view.id), true);
  });

  it('that cannot reach billing answers 503, buys nothing and is cleared up', async () => {
    for (let count = 0; count < 3; count++) h.ledger.spoil('before');
    const key = newId();
    const asked = h.provider.calls.acquire;
    await assert.rejects(create({ idempotencyKey: key }), refusedWith('platform.unavailable'));
    await h.pass(20 * secondMs);
    await h.pass(30 * secondMs);
    const row = await onlyRow(key);
    assert.equal(row.state, 'failed');
    assert.equal(h.provider.calls.acquire, asked);
    assert.equal(
      (await h.payloads(row.id)).at(-1)?.['holdId'],
      h.ledger.holds.get(row.id)?.holdId,
      'the hold that recovery found is released',
    );
  });

  describe('whose process dies', () => {
    /** Ports whose n-th outside step never returns: what a kill -9 there leaves behind. */
    const dying = (at: 'after row' | 'after hold' | 'in acquire' | 'after acquire' | 'before last write'): Ports => {
      const die = () => Promise.reject(new Error('killed'));
      return {
        ...h.ports,
        ledger:
          at === 'after row'
            ? { ...h.ledger, placeHold: die }
            : at === 'after hold'
              ? { ...h.ledger, placeHold: async (request) => (await h.ledger.placeHold(request), die()) }
              : h.ledger,
        providers: {
          ...h.ports.providers,
          named: () => ({
            ...h.provider,
            acquire: async (request) => {
              if (at === 'in acquire') return die();
              const answer = await h.provider.acquire(request);
              return at === 'after acquire' ? die() : answer;
            },
          }),
        },
        store: { ...h.ports.store, grant: at === 'before last write' ? die : h.ports.store.grant },
      };
    };
    for (const [at, bought] of [
      ['after row', 0],
      ['after hold', 0],
      ['in acquire', 0],
      ['after acquire', 1],
      ['before last write', 1],
    ] as const)
      it(`${at}: recovered without buying${bought ? ', the number is kept' : ', the hold is released'}`, async () => {
        const key = newId();
        const before = h.provider.rented.length;
        await assert.rejects(create({ idempotencyKey: key, country: 'GH' }, dying(at)));
        const asked = h.provider.calls.acquire;
        assert.equal((await onlyRow(key)).state, 'reserving');
        await h.pass(10 * secondMs);
        assert.equal((await onlyRow(key)).state, 'reserving', 'not before its time');
        for (let turn = 0; turn < 6; turn++) await h.pass(10 * secondMs);
        const row = await onlyRow(key);
        assert.equal(h.provider.calls.acquire, asked, 'recovery never buys');
        assert.equal(h.provider.rented.length, before + bought);
        assert.equal(row.state, bought ? 'waiting' : 'failed');
        assert.deepEqual(await h.events(row.id), [bought ? 'purchased' : 'failed']);
        assert.equal(row.hold_id, h.ledger.holds.get(row.id)?.holdId ?? null);
        assert.equal((await h.payloads(row.id))[0]?.['holdId'], row.hold_id);
      });

    it('for so long that recovery gave up: the number it gets then is given back', async () => {
      const key = newId();
      const before = h.provider.rented.length;
      h.provider.during.acquire = async () => {
        delete h.provider.during.acquire;
        for (let turn = 0; turn < 6; turn++) await h.pass(10 * secondMs);
      };
      await assert.rejects(create({ idempotencyKey: key, country: 'UG' }), refusedWith('verification.provider_unavailable'));
      assert.equal((await onlyRow(key)).state, 'failed');
      assert.deepEqual(
        h.provider.rented.slice(before).map((row) => row.state),
        ['cancelled'],
      );
    });

    it('a write without an answer is not an error when it happened', async () => {
      let first = true;
      const ports: Ports = {
        ...h.ports,
        store: {
          ...h.ports.store,
          grant: async (from, to, also) => {
            const saved = await h.ports.store.grant(from, to, also);
            if (first) {
              first = false;
              throw new Error('connection lost');
            }
            return saved;
          },
        },
      };
      const view = await create({ country: 'TZ' }, ports);
      assert.equal(view.status, 'waiting');
      assert.notEqual(view.phoneNumber, '');
      assert.deepEqual(await h.events(view.id), ['purchased']);
      assert.equal(h.provider.rented.find((row) => row.country === 'TZ')?.state, 'waiting');
    });
  });

  it('a push that overtakes the purchase is kept and delivered', async () => {
    let early: Promise<void> | undefined;
    const ports: Ports = {
      ...h.ports,
      store: {
        ...h.ports.store,
        grant: async (from, to, also) => {
          if (to.activationId) await (early ??= receivePush(h.ports)(h.push(to.activationId, 'Your code is 482913', '482913')));
          return h.ports.store.grant(from, to, also);
        },
      },
    };
    const view = await create({}, ports);
    assert.equal(view.status, 'received');
    assert.equal(view.code, '482913');
    assert.deepEqual(await h.events(view.id), ['purchased', 'code-received']);
    assert.equal((await h.db.query('select 1 from orphan_pushes')).length, 0);
  });

  it('a push about nothing of ours is kept for a day, then forgotten', async () => {
    await receivePush(h.ports)(h.push('999999999', 'code 1234', '1234'));
    await receivePush(h.ports)(h.push('999999999', 'code 1234', '1234'));
    assert.equal((await h.db.query('select 1 from orphan_pushes')).length, 1);
    h.clock.advance(25 * 60 * minuteMs);
    await houseKeep(h.ports)();
    assert.equal((await h.db.query('select 1 from orphan_pushes')).length, 0);
  });
});
