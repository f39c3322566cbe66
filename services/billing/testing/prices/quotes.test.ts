import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import { addMs, dayMs, hourMs, minuteMs } from '#platform/time/index.ts';
import { loadPlans } from '../../adapters/plans/load.ts';
import { postgresSubscriptions } from '../../adapters/postgres/plans/subscriptions.ts';
import { canonicalRequest } from '../../app/canonical-request.ts';
import { captureHold } from '../../app/ledger/capture-hold.ts';
import { placeHold } from '../../app/ledger/place-hold.ts';
import { refundCharge } from '../../app/ledger/refund-charge.ts';
import { changeSubscription } from '../../app/plans/change-subscription.ts';
import { createQuotes, quoteLifeMs } from '../../app/prices/create-quotes.ts';
import { explainCharge } from '../../app/prices/explain-charge.ts';
import { getQuote } from '../../app/prices/get-quote.ts';
import { resolvePrices } from '../../app/prices/resolve-prices.ts';
import { formatAttos } from '../../domain/prices/exact.ts';
import type { Quote } from '../../domain/prices/quote.ts';
import { verifyDatabase } from '../../verify.ts';
import { content, listed, openPriceHouse, type PriceHouse, rule, telegram } from './price-house.ts';

const code = (expected: string) => (error: unknown) => isAppError(error) && error.code === expected;
const monitor = new Proxy({}, { get: () => () => undefined }) as Parameters<typeof placeHold>[0]['monitor'];
const usd = (micros: bigint) => money('USD', micros);

describe('quotes', () => {
  let house: PriceHouse;
  before(async () => {
    house = await openPriceHouse();
  });
  after(async () => {
    assert.equal(await verifyDatabase(house.url), undefined);
    await house.close();
  });

  const quote = async (tenantId: string, micros = 1_000_000n, item = telegram): Promise<Quote> => {
    const [answer] = await createQuotes(house)([{ tenantId, items: [{ ask: listed(micros, item), quantity: 1n }] }]);
    assert.ok(answer && 'quote' in answer);
    return answer.quote;
  };
  const richTenant = async (plan = 'starter'): Promise<string> => {
    const tenantId = newId();
    house.plans.set(tenantId, plan);
    await house.ledger.grant({
      ...{ tenantId, idempotencyKey: newId(), request: canonicalRequest('grant'), transferId: newId(), amount: usd(900_000_000n) },
      ...{ reason: 'test', priority: 20, expiresAt: undefined, now: house.clock.now() },
    } as Parameters<typeof house.ledger.grant>[0]);
    return tenantId;
  };
  const hold = (tenantId: string, micros: bigint, quoteId: string, reference = newId()) =>
    placeHold({ holds: house.ledger, clock: house.clock, monitor })(tenantId, {
      ...{ idempotencyKey: `verification:${reference}`, amount: usd(micros), product: 'verification', reference, quoteId },
      ...{ description: 'Telegram code, Indonesia', expiresAt: addMs(house.clock.now(), hourMs) },
    });
  const capture = (tenantId: string, holdId: string, micros: bigint) =>
    captureHold({ holds: house.ledger, clock: house.clock, monitor })(tenantId, {
      ...{ idempotencyKey: newId(), holdId, amount: usd(micros), final: true },
    });
  const buy = async (tenantId: string, micros = 1_000_000n): Promise<void> => {
    const { id, total } = await quote(tenantId, micros);
    const placed = await hold(tenantId, total.micros, id);
    await capture(tenantId, placed.id, total.micros);
  };

  it('bind the charge: a hold never exceeds its quote, serves one tenant, and only until it expires', async () => {
    const tenantId = await richTenant('pro');
    const { id, total } = await quote(tenantId);
    assert.equal(total.micros, 800_000n);
    await assert.rejects(hold(tenantId, 800_001n, id), code('billing.quote_exceeded'));
    await assert.rejects(hold(await richTenant(), 800_000n, id), code('billing.quote_invalid'));
    await assert.rejects(hold(tenantId, 800_000n, newId()), code('billing.quote_invalid'));
    const reference = newId();
    const placed = await hold(tenantId, 800_000n, id, reference);
    await assert.rejects(capture(tenantId, placed.id, 800_001n), code('billing.capture_exceeds_hold'));
    // Again and again, until it expires; a repetition is answered even then.
    await hold(tenantId, 800_000n, id);
    house.clock.advance(quoteLifeMs);
    await assert.rejects(hold(tenantId, 800_000n, id), code('billing.quote_invalid'));
    assert.equal((await getQuote(house)(tenantId, id)).id, id);
    await assert.rejects(getQuote(house)(newId(), id), code('request.not_found'));
  });

  it('of nothing are bought like others: nothing is reserved or charged, and the hold has its end', async () => {
    const tenantId = await richTenant();
    await house.publish({ scope: 'tenant', tenantId }, content(rule({ kind: 'multiple', ppm: 0n })));
    const { id, total } = await quote(tenantId);
    assert.equal(total.micros, 0n);
    await assert.rejects(hold(tenantId, 0n, ''), code('request.invalid'));
    const [delivered, cancelled, order] = [await hold(tenantId, 0n, id), await hold(tenantId, 0n, id), newId()];
    const whole = await placeHold({ holds: house.ledger, clock: house.clock, monitor })(tenantId, {
      ...{ idempotencyKey: `batch:${order}`, amount: usd(500n), product: 'verification', reference: order, description: 'Two numbers' },
      expiresAt: addMs(house.clock.now(), hourMs),
    });
    const reference = newId();
    const part = await placeHold({ holds: house.ledger, clock: house.clock, monitor })(tenantId, {
      ...{ idempotencyKey: `verification:${reference}`, amount: usd(0n), product: 'verification', reference, quoteId: id },
      ...{ description: 'Telegram code, Indonesia', expiresAt: addMs(house.clock.now(), hourMs), fromHoldId: whole.id },
    });
    const at = { tenantId, now: house.clock.now() };
    const collect = { kind: 'collect', ...at, upToMicros: 0n, final: true } as const;
    await house.ledger.settle([
      { ...collect, holdId: delivered.id },
      { ...collect, holdId: part.id },
      { kind: 'give_back', ...at, holdId: cancelled.id },
      { kind: 'give_back', ...at, holdId: whole.id },
    ]);
    for (const { id: holdId } of [delivered, part, cancelled]) assert.equal((await house.ledger.find(tenantId, holdId))?.state, 'released');
    const { balanceMicros, heldMicros } = (await house.ledger.wallet(tenantId)) ?? assert.fail('he has a wallet');
    assert.deepEqual([balanceMicros, heldMicros], [900_000_000n, 0n]);
  });

  it('keep their price when the book changes, and a quote asked then has the new one', async () => {
    const tenantId = await richTenant();
    const before = await quote(tenantId);
    await house.publish({ scope: 'tenant', tenantId }, content(rule({ kind: 'multiple', ppm: 2_000_000n })));
    const after = await quote(tenantId);
    assert.deepEqual([before.total.micros, after.total.micros], [1_000_000n, 2_000_000n]);
    assert.equal((await hold(tenantId, before.total.micros, before.id)).amountMicros, 1_000_000n);
  });

  it('are one row per price that a customer meets, whoever asks at the same moment', async () => {
    const tenantId = newId();
    const asked = await Promise.all(Array.from({ length: 20 }, () => quote(tenantId)));
    assert.equal(new Set(asked.map(({ id }) => id)).size, 1);
    const twice = await createQuotes(house)([0, 1].map(() => ({ tenantId, items: [{ ask: listed(1_000_000n), quantity: 1n }] })));
    assert.deepEqual(
      twice.map((answer) => 'quote' in answer && answer.quote.id),
      [asked[0]?.id, asked[0]?.id],
    );
    house.clock.advance(minuteMs);
    const later = await quote(tenantId);
    assert.deepEqual([later.id, later.expiresAt], [asked[0]?.id, addMs(house.clock.now(), quoteLifeMs)]);
    const [rows] = await house.db.query<{ count: bigint }>('select count(*) from quotes where tenant_id = $1', [tenantId]);
    assert.equal(rows?.count, 1n);
    await assert.rejects(house.db.query('update quotes set total_micros = 1 where tenant_id = $1', [tenantId]), /only its expiry moves/);
  });

  it('answer each item of a batch for itself', async () => {
    const tenantId = newId();
    const items = [{ ask: listed(1_000_000n), quantity: 3n }];
    const answers = await createQuotes(house)([
      { tenantId, items },
      { tenantId: 'nobody', items },
      { tenantId, items: [{ ask: { ...listed(1n), listPrice: undefined }, quantity: 1n }] },
      { tenantId, items: [{ ask: listed(1n, { ...telegram, country: 'Indonesia' }), quantity: 0n }] },
      { tenantId, items: [] },
    ]);
    assert.deepEqual(
      answers.map((answer) => ('quote' in answer ? answer.quote.total.micros : answer.error.code)),
      [3_000_000n, 'request.invalid', 'billing.no_price', 'request.invalid', 'request.invalid'],
    );
    await assert.rejects(createQuotes(house)([]), code('request.invalid'));
    await assert.rejects(resolvePrices(house)(tenantId, []), code('request.invalid'));
  });

  it('follow the volume of the calendar month, which is counted alike whenever it was asked before', async () => {
    const tiers = [
      { from: 2_000_000n, ppm: 100_000n },
      { from: 4_000_000n, ppm: 200_000n },
    ];
    const [tenantId, unasked] = [await richTenant(), await richTenant()];
    const book = { ...content(rule({ kind: 'multiple', ppm: 1_000_000n })), volume: { measure: 'spend' as const, tiers } };
    for (const id of [tenantId, unasked]) await house.publish({ scope: 'tenant', tenantId: id }, book);
    // The last hour of a month, in Kiribati already the next one.
    house.clock.set(new Date('2027-01-31T23:00:00.000Z'));
    assert.equal(await house.price(tenantId), 1_000_000n);
    await buy(tenantId);
    assert.equal(await house.price(tenantId), 1_000_000n);
    await buy(tenantId);
    assert.equal(await house.price(tenantId), 900_000n);
    house.clock.set(new Date('2027-02-01T00:00:00.000Z'));
    assert.equal(await house.price(tenantId), 1_000_000n);

    const months = async (id: string) => {
      const { spentMicros, purchases } = await house.sources.month(id, house.clock.now());
      return [spentMicros, purchases];
    };
    for (const size of [1_000_000n, 300_000n, 200_000n]) {
      for (const id of [tenantId, unasked]) {
        const reference = newId();
        const placed = await hold(id, size, (await quote(id, 5_000_000n)).id, reference);
        await house.ledger.capture({
          ...{
            tenantId: id,
            idempotencyKey: newId(),
            request: newId(),
            holdId: placed.id,
            amount: usd(size / 2n),
            final: false,
            now: house.clock.now(),
          },
        });
        if (id === tenantId) await months(id);
        await capture(id, placed.id, size / 2n);
      }
      house.clock.advance(1_000);
    }
    assert.deepEqual(await months(tenantId), [1_500_000n, 3n]);
    assert.deepEqual(await months(unasked), [1_500_000n, 3n]);
    // Two at once count nothing twice.
    await buy(tenantId);
    const twice = await Promise.all([months(tenantId), months(tenantId), months(tenantId)]);
    assert.deepEqual(twice[0], [2_500_000n, 4n]);
    assert.deepEqual(twice[1], twice[2]);
  });

  it('have nothing of plans in that volume: neither their fees nor what comes back of them', async () => {
    const tenantId = await richTenant();
    const tiers = [{ from: 2_000_000n, ppm: 100_000n }];
    const volume = { measure: 'spend' as const, tiers };
    await house.publish({ scope: 'tenant', tenantId }, { ...content(rule({ kind: 'multiple', ppm: 1_000_000n })), volume });
    house.clock.set(new Date('2027-03-01T00:00:00.000Z'));
    const plans = loadPlans();
    const change = changeSubscription({ subscriptions: postgresSubscriptions(house.db, 'USD'), plans, clock: house.clock });
    await change(tenantId, { idempotencyKey: newId(), plan: 'pro', interval: 'month', timeZone: '' });
    assert.equal(await house.price(tenantId), 1_000_000n);
    await buy(tenantId, 2_000_000n);
    assert.equal(await house.price(tenantId), 900_000n);
    house.clock.advance(dayMs);
    await change(tenantId, { idempotencyKey: newId(), plan: 'enterprise', interval: 'month', timeZone: '' });
    assert.equal(await house.price(tenantId), 900_000n);
    const [charge] = await house.db.query<{ id: string }>(`select id from transfers where tenant_id = $1 and type = 'charge'`, [tenantId]);
    await refundCharge({ wallets: house.ledger, clock: house.clock })(tenantId, {
      ...{ idempotencyKey: newId(), transferId: charge?.id ?? '', amount: usd(1n), reason: 'Given back' },
    });
    assert.equal(await house.price(tenantId), 1_000_000n, 'what was bought and given back counts no more');
  });

  it('explain a charge: its hold, its quote, line by line, for its own tenant only', async () => {
    const tenantId = await richTenant('pro');
    const reference = newId();
    const { id, total } = await quote(tenantId, 370_000n);
    const placed = await hold(tenantId, total.micros, id, reference);
    const explain = explainCharge(house);
    const waiting = await explain(tenantId, { product: 'verification', reference });
    assert.deepEqual([waiting.charges, waiting.quote?.id], [[], id]);
    assert.match(waiting.words, /Nothing has been charged/);
    await capture(tenantId, placed.id, total.micros);
    const bought = await explain(tenantId, { product: 'verification', reference });
    const transactionId = bought.charges[0]?.transactionId ?? '';
    const story = await explain(tenantId, { transactionId });
    assert.deepEqual(story.charges, bought.charges);
    assert.deepEqual(
      story.quote?.items[0]?.unit.lines.map(({ kind, attos }) => `${kind} ${formatAttos(attos)}`),
      ['list 0.37', 'plan_discount -0.074', 'rounding 0.004'],
    );
    assert.equal(story.charges[0]?.amount.micros, 300_000n);
    await assert.rejects(explain(newId(), { transactionId }), code('request.not_found'));
    await assert.rejects(explain(newId(), { product: 'verification', reference }), code('request.not_found'));
  });

  it('explain a charge that came after its hold was given back as what it is: all of what was reserved', async () => {
    const tenantId = await richTenant();
    const { id, total } = await quote(tenantId, 370_000n);
    const reference = newId();
    const placed = await hold(tenantId, total.micros, id, reference);
    await house.ledger.release({ tenantId, idempotencyKey: newId(), request: newId(), holdId: placed.id, now: house.clock.now() });
    await house.ledger.collect({ tenantId, holdId: placed.id, upToMicros: total.micros, final: true, now: house.clock.now() });
    const story = await explainCharge(house)(tenantId, { product: 'verification', reference });
    assert.deepEqual([story.charges[0]?.amount, story.hold?.captured], [total, total]);
    assert.doesNotMatch(story.words, /Less than what was reserved/);
  });

  it('explain what is known of a charge without a quote', async () => {
    const tenantId = await richTenant();
    const reference = newId();
    const placed = await hold(tenantId, 500_000n, '', reference);
    await capture(tenantId, placed.id, 200_000n);
    const story = await explainCharge(house)(tenantId, { product: 'verification', reference });
    assert.equal(story.quote, undefined);
    assert.match(story.words, /without a quote\. Less than what was reserved/);
    house.clock.advance(dayMs);
  });
});
