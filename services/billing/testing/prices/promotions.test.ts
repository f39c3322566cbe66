import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import { addMs, dayMs, hourMs } from '#platform/time/index.ts';
import { loadPlans } from '../../adapters/plans/load.ts';
import { postgresSubscriptions } from '../../adapters/postgres/plans/subscriptions.ts';
import { changeSubscription } from '../../app/plans/change-subscription.ts';
import { createPromotion, type NewPromotion } from '../../app/prices/create-promotion.ts';
import { endPromotion } from '../../app/prices/end-promotion.ts';
import { listPromotions } from '../../app/prices/list-promotions.ts';
import { listRedemptions } from '../../app/prices/list-redemptions.ts';
import { redeemPromotion } from '../../app/prices/redeem-promotion.ts';
import { verifyDatabase } from '../../verify.ts';
import { openPriceHouse, type PriceHouse, telegram } from './price-house.ts';

const refused = (reason: string) => (error: unknown) => isAppError(error, 'billing.promotion_refused') && error.meta['reason'] === reason;
const code = (expected: string) => (error: unknown) => isAppError(error) && error.code === expected;
const usd = (micros: bigint) => money('USD', micros);

describe('promotions', () => {
  let house: PriceHouse;
  before(async () => {
    house = await openPriceHouse();
  });
  after(async () => {
    assert.equal(await verifyDatabase(house.url), undefined);
    await house.close();
  });

  let codes = 0;
  const make = (over: Partial<NewPromotion> = {}) =>
    createPromotion(house)('user:ada', {
      ...{ idempotencyKey: newId(), code: `CODE-${(codes += 1)}`, kind: 'percent', percentPpm: 0, amount: undefined, products: [] },
      ...{
        minimum: undefined,
        firstPurchaseOnly: false,
        startsAt: undefined,
        endsAt: undefined,
        totalLimit: 0,
        tenantLimit: 1,
        benefitDays: 0,
      },
      ...over,
    });
  const credit = (over: Partial<NewPromotion> = {}) => make({ kind: 'credit', amount: usd(5_000_000n), totalLimit: 10, ...over });
  const redeem = (tenantId: string, of: string, idempotencyKey = newId()) => redeemPromotion(house)(tenantId, { idempotencyKey, code: of });
  const balance = async (tenantId: string): Promise<bigint> => (await house.ledger.wallet(tenantId))?.balanceMicros ?? 0n;

  it('put a credit into the wallet once, however often it is asked for', async () => {
    const tenantId = newId();
    const promotion = await credit({ code: 'welcome-5' });
    const key = newId();
    const answers = await Promise.all(Array.from({ length: 8 }, () => redeem(tenantId, ' Welcome-5 ', key)));
    assert.equal(new Set(answers.map(({ id }) => id)).size, 1);
    assert.equal(await balance(tenantId), 5_000_000n);
    await assert.rejects(redeem(tenantId, 'welcome-5'), refused('redeemed'));
    await assert.rejects(redeem(tenantId, 'OTHER', key), code('request.idempotency_conflict'));
    const { redemptions } = await listRedemptions(house)(tenantId, { limit: 10, cursor: '' });
    assert.deepEqual(
      redemptions.map(({ promotionId, transferId }) => [promotionId, transferId]),
      [[promotion.id, answers[0]?.transferId]],
    );
    const told = await house.db.query<{ subject: string }>('select subject from outbox where headers::text like $1 order by seq', [
      `%${tenantId}%`,
    ]);
    assert.deepEqual(
      told.map(({ subject }) => subject.replace('namaskah.billing.v1.', '')),
      ['credit.granted', 'promotion.redeemed'],
    );
  });

  it('answer one key with two codes at the same moment: one is redeemed, the other is a conflict', async () => {
    for (let turn = 0; turn < 5; turn++) {
      const [tenantId, key] = [newId(), newId()];
      const pair = [await credit(), await credit()];
      const outcomes = await Promise.all(
        pair.map((promotion) =>
          redeem(tenantId, promotion.code, key).then(
            () => 'redeemed',
            (error: unknown) => (isAppError(error) ? error.code : String(error)),
          ),
        ),
      );
      assert.deepEqual(outcomes.toSorted(), ['redeemed', 'request.idempotency_conflict']);
      assert.equal(await balance(tenantId), 5_000_000n);
    }
  });

  it('hold their limits against many tenants at once', async () => {
    const promotion = await credit({ totalLimit: 3 });
    const tenants = Array.from({ length: 12 }, () => newId());
    const outcomes = await Promise.allSettled(tenants.map((tenantId) => redeem(tenantId, promotion.code)));
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 3);
    const balances = await Promise.all(tenants.map(balance));
    assert.equal(
      balances.reduce((a, b) => a + b, 0n),
      15_000_000n,
    );
    await assert.rejects(redeem(newId(), promotion.code), refused('used_up'));
    const { promotions } = await listPromotions(house)({ limit: 100, cursor: '' });
    assert.equal(promotions.find(({ id }) => id === promotion.id)?.redeemed, 3);
  });

  it('take something off every price of their products while the benefit lasts', async () => {
    const tenantId = newId();
    const { code: ten } = await make({ percentPpm: 100_000, products: ['verification'], benefitDays: 30 });
    assert.equal(await house.price(tenantId), 1_000_000n);
    await redeem(tenantId, ten);
    assert.equal(await house.price(tenantId), 900_000n);
    assert.equal(await house.price(tenantId, 1_000_000n, { ...telegram, product: 'campaign', service: '' }), 1_000_000n);
    assert.equal(await house.price(newId()), 1_000_000n);
    const { code: dime } = await make({ kind: 'fixed', amount: usd(150_000n), minimum: usd(500_000n) });
    await redeem(tenantId, dime);
    assert.equal(await house.price(tenantId), 850_000n);
    assert.equal(await house.price(tenantId, 400_000n), 360_000n);
    house.clock.advance(30 * dayMs);
    assert.equal(await house.price(tenantId, 400_000n), 400_000n);
    assert.equal(await house.price(tenantId), 850_000n);
  });

  it('refuse whom they are not for, with the reason', async () => {
    const tenantId = newId();
    const now = house.clock.now();
    await assert.rejects(redeem(tenantId, 'NO-SUCH-CODE'), refused('unknown'));
    const later = await credit({ startsAt: addMs(now, hourMs), endsAt: addMs(now, 2 * hourMs) });
    await assert.rejects(redeem(tenantId, later.code), refused('not_started'));
    house.clock.advance(2 * hourMs);
    await assert.rejects(redeem(tenantId, later.code), refused('ended'));
    const open = await credit();
    await endPromotion(house)(open.id);
    await assert.rejects(redeem(tenantId, open.code), refused('ended'));
    await assert.rejects(redeem(tenantId, (await credit({ minimum: usd(1n) })).code), refused('minimum'));
    const fresh = await credit({ firstPurchaseOnly: true, tenantLimit: 2 });
    await redeem(tenantId, fresh.code);
    const hold = {
      ...{
        tenantId,
        idempotencyKey: newId(),
        request: newId(),
        holdId: newId(),
        amount: usd(1_000_000n),
        product: 'verification' as const,
      },
      ...{ reference: 'r', description: 'd', expiresAt: addMs(house.clock.now(), hourMs), expiryAcceptable: true, now: house.clock.now() },
    };
    await house.ledger.place(hold);
    await assert.rejects(redeem(tenantId, fresh.code), refused('not_new'));
    const subscriber = newId();
    await redeem(subscriber, (await credit({ amount: usd(60_000_000n) })).code);
    const change = changeSubscription({ subscriptions: postgresSubscriptions(house.db, 'USD'), plans: loadPlans(), clock: house.clock });
    await change(subscriber, { idempotencyKey: newId(), plan: 'pro', interval: 'month', timeZone: '' });
    await assert.rejects(redeem(subscriber, fresh.code), refused('not_new'));
    assert.equal(await balance(tenantId), 5_000_000n);
  });

  it('are made once for a key, with sensible terms only', async () => {
    const idempotencyKey = newId();
    const first = await make({ idempotencyKey, code: 'ONCE', percentPpm: 1 });
    assert.equal((await make({ idempotencyKey, code: 'once', percentPpm: 1 })).id, first.id);
    await assert.rejects(make({ idempotencyKey, code: 'ONCE', percentPpm: 2 }), code('request.idempotency_conflict'));
    await assert.rejects(make({ code: 'ONCE', percentPpm: 1 }), code('request.invalid'));
    const wrong: readonly Partial<NewPromotion>[] = [
      { percentPpm: 0 },
      { percentPpm: 1_000_001 },
      { percentPpm: 1, code: 'a b' },
      { percentPpm: 1, products: ['pizza'] },
      { percentPpm: 1, endsAt: house.clock.now() },
      { kind: 'gift' },
      { kind: 'fixed' },
      { kind: 'credit', amount: usd(1n), totalLimit: 0 },
      { kind: 'credit', amount: usd(1_000_000_001n), totalLimit: 1 },
      { kind: 'fixed', amount: money('EUR', 1n) },
    ];
    for (const terms of wrong) await assert.rejects(make(terms), code('request.invalid'), JSON.stringify(Object.keys(terms)));
  });
});
