/** Our account at a provider against what it should hold: over the real database, purchases and claims. */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import fc from 'fast-check';
import { isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import { addMs, dayMs, hourMs, minuteMs } from '#platform/time/index.ts';
import { listAdjustments } from '../../../app/balance/list-adjustments.ts';
import { recordAdjustment } from '../../../app/balance/record-adjustment.ts';
import { cancelVerification } from '../../../app/cancel-verification.ts';
import { createVerification } from '../../../app/create-verification.ts';
import { recoupDue } from '../../../app/settlement/recoup-due.ts';
import { carriedDrift, reconcile } from '../../../domain/balance/reconcile.ts';
import { claimTiming } from '../../../domain/settlement/claim.ts';
import { type Harness, openHarness } from '../../../testing/harness.ts';
import { createSettlementStore } from '../settlement/store.ts';
import { createBalanceStore } from './store.ts';

const rules = { floorMicros: 100_000n, sharePercent: 2 };
let h: Harness;
before(async () => void (h = await openHarness()));
after(() => h?.close());

/** What the provider has: what it began with, less what it took. */
let account = 10_000_000n;
const read = async (provider = h.provider.name) =>
  (await createBalanceStore(h.db).reconcile(provider, { micros: account, at: h.clock.now() }, rules)) ?? assert.fail('too old');
const buy = async () => {
  const request = h.request({ idempotencyKey: newId(), tenantId: newId() });
  const { id } = await createVerification(h.ports)(request);
  account -= 200_000n;
  h.clock.advance(minuteMs);
  return { id, tenantId: request.tenantId };
};
const recoup = () =>
  recoupDue({
    ...{ settlements: createSettlementStore(h.db), providers: h.ports.providers, clock: h.clock, timing: claimTiming },
    observer: { settled: () => {}, open: () => {}, failedStep: (_claim, error) => assert.fail(String(error)) },
  })({ limit: 100, leaseMs: minuteMs });
const accounts = () => ({ balances: createBalanceStore(h.db), providers: [h.provider.name], clock: h.clock });
const adjust = (micros: bigint, over: Partial<Parameters<ReturnType<typeof recordAdjustment>>[0]> = {}) =>
  recordAdjustment(accounts())({
    ...{ provider: h.provider.name, kind: 'top_up', amount: money('USD', micros), reference: newId(), note: 'card', by: 'user:o' },
    ...{ happenedAt: undefined, ...over },
  });

it('purchases, refunds and top-ups explain a balance; what nobody knows of is drift until it is written down', async () => {
  assert.deepEqual(await read(), { expectedMicros: 10_000_000n, driftMicros: 0n, limitMicros: 100_000n }, 'where counting begins');
  h.clock.advance(minuteMs);
  const first = await buy();
  await buy();
  assert.deepEqual(await read(), { expectedMicros: 9_600_000n, driftMicros: 0n, limitMicros: 100_000n });

  await cancelVerification(h.ports)(first);
  h.clock.advance(minuteMs);
  assert.equal((await read()).driftMicros, 0n, 'it may have been given back, and may not');
  account += 200_000n;
  assert.equal((await read()).driftMicros, 0n);
  await recoup();
  h.clock.advance(minuteMs);
  assert.deepEqual([(await read()).driftMicros, (await read()).expectedMicros], [0n, 9_800_000n]);

  account += 5_000_000n;
  assert.equal((await read()).driftMicros, 5_000_000n, 'a top-up that nobody has written down');
  const reference = newId();
  await adjust(5_000_000n, { reference });
  h.clock.advance(minuteMs);
  assert.equal((await read()).driftMicros, 0n);
  assert.equal((await adjust(5_000_000n, { reference })).reference, reference, 'written once');
  await assert.rejects(adjust(6_000_000n, { reference }), { code: 'request.idempotency_conflict' });
  assert.equal((await read()).driftMicros, 0n);

  account -= 700_000n;
  assert.deepEqual([(await read()).driftMicros, (await read()).limitMicros], [-700_000n, 100_000n], 'a fee');
  const [state] = await h.db.query<{ drift_micros: bigint; expected_micros: bigint }>(
    'select drift_micros, expected_micros from provider_states where provider = $1',
    [h.provider.name],
  );
  assert.deepEqual([state?.drift_micros, state?.expected_micros], [-700_000n, 14_800_000n]);
});

it('goes on from a newer reading after a day, and forgets nothing of what was unexplained', async () => {
  const { length } = await h.db.query('select 1 from verifications where activation_id is not null');
  for (let hour = 0; hour < 60; hour++) {
    h.clock.advance(hourMs);
    if (hour % 7 === 0) await buy();
    assert.equal((await read()).driftMicros, -700_000n, `hour ${hour}`);
  }
  const [base] = await h.db.query<{ at: Date; drift_micros: bigint }>(
    'select at, drift_micros from provider_baselines where provider = $1',
    [h.provider.name],
  );
  assert.ok(base && base.at > addMs(h.clock.now(), -27 * hourMs), 'a day and a little is all that is ever counted');
  assert.equal(base.drift_micros, -700_000n);
  assert.ok(length > 0);
  await adjust(-700_000n, { kind: 'correction' });
  h.clock.advance(minuteMs);
  assert.equal((await read()).driftMicros, 0n);
});

it('readings of two replicas at once, and late ones, are one account; another provider has its own', async () => {
  const before = await read();
  const both = await Promise.all([read(), read(), read('other')]);
  assert.deepEqual(both.slice(0, 2), [before, before]);
  assert.equal(both[2]?.expectedMicros, account);
  const late = await createBalanceStore(h.db).reconcile(h.provider.name, { micros: 1n, at: addMs(h.clock.now(), -9 * dayMs) }, rules);
  assert.equal(late, undefined);
});

it('adjustments are refused with the field, listed newest first', async () => {
  const refused = (field: string, over: Parameters<typeof adjust>[1], micros = 1_000_000n) =>
    assert.rejects(adjust(micros, over), (error: unknown) => isAppError(error, 'request.invalid') && error.fields[0]?.field === field);
  await refused('kind', { kind: 'gift' });
  await refused('amount', {}, 0n);
  await refused('amount', {}, -1n);
  await refused('amount', {}, 10n ** 13n);
  await refused('amount', { amount: money('EUR', 1n) });
  await refused('reference', { reference: ' ' });
  await refused('note', { note: '' });
  await refused('happenedAt', { happenedAt: addMs(h.clock.now(), hourMs) });
  await refused('happenedAt', { happenedAt: addMs(h.clock.now(), -2 * dayMs) });
  await assert.rejects(adjust(1n, { provider: 'nobody' }), { code: 'request.not_found' });
  const list = listAdjustments(accounts());
  const one = await list({ provider: h.provider.name, before: undefined, limit: 1 });
  const two = await list({ provider: h.provider.name, before: one.next, limit: 5 });
  assert.deepEqual(
    [...one.rows, ...two.rows].map(({ amountMicros }) => amountMicros),
    [-700_000n, 5_000_000n],
  );
  await assert.rejects(list({ provider: 'nobody', before: undefined, limit: 1 }), { code: 'request.not_found' });
});

it('counted in one piece or over a baseline in between, the drift is the same', () => {
  const amount = fc.bigInt({ min: 0n, max: 10n ** 9n });
  const facts = fc.record({ costs: amount, refunds: amount, claimed: fc.constant(0n), pending: fc.constant(0n), adjustments: amount });
  fc.assert(
    fc.property(amount, amount, amount, facts, facts, (start, middle, end, first, second) => {
      const base = { at: new Date(0), balanceMicros: start, driftMicros: 0n };
      const moved = { at: new Date(1), balanceMicros: middle, driftMicros: carriedDrift(base, middle, first) };
      const all = {
        ...{ costs: first.costs + second.costs, refunds: first.refunds + second.refunds, claimed: 0n, pending: 0n },
        adjustments: first.adjustments + second.adjustments,
      };
      assert.equal(reconcile(moved, end, second, rules).driftMicros, reconcile(base, end, all, rules).driftMicros);
    }),
  );
});
