import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addMonths, addMs, dayMs, hourMs, minuteMs } from '#platform/time/index.ts';
import { loadPlans } from '../../adapters/plans/load.ts';
import { divideHalfEven, periodAt, unusedPart } from './period.ts';
import type { Interval, PlanId } from './plan.ts';
import { cancel, change, type Effect, isUpgrade, moveTo, renew, resume, subscribe, type Subscription } from './subscription.ts';

const plans = loadPlans();
let last = 0;
const ids = { newId: () => `id-${(last += 1)}` };
const begin = (planId: PlanId = 'pro', interval: Interval = 'month', at = new Date('2026-03-10T12:00:00Z'), timeZone = 'UTC'): Effect =>
  subscribe(plans, ids, { tenantId: 't', planId, interval, timeZone }, at);
const pay = (s: Subscription, at: Date) => {
  const renewal = renew(plans, ids, s, at);
  assert.ok(renewal.kind === 'pay');
  return renewal;
};

/** On every continent, with half and quarter hours, both hemispheres' summers, a zone without, and one that skipped a day. */
const zones = [
  ...['UTC', 'Africa/Lagos', 'Africa/Casablanca', 'America/New_York', 'America/St_Johns', 'America/Sao_Paulo', 'Asia/Kolkata'],
  ...['Asia/Kathmandu', 'Asia/Tehran', 'Australia/Lord_Howe', 'Europe/Berlin', 'Pacific/Auckland', 'Pacific/Apia', 'Pacific/Chatham'],
];

test('periods follow each other without gap or overlap in every zone, whatever the anchor', () => {
  const anchors = fc.date({ min: new Date('2024-01-01T00:00:00Z'), max: new Date('2032-12-31T23:59:59Z'), noInvalidDate: true });
  fc.assert(
    fc.property(
      anchors,
      fc.constantFrom(...zones),
      fc.constantFrom<Interval>('month', 'year'),
      fc.nat(60),
      (anchor, zone, interval, index) => {
        const [a, b] = [periodAt(anchor, zone, interval, index), periodAt(anchor, zone, interval, index + 1)];
        assert.equal(a.end.getTime(), b.start.getTime());
        const days = (a.end.getTime() - a.start.getTime()) / dayMs;
        // 28 to 31 days, or 365 and 366, and an hour or so of a clock change.
        const [from, to] = interval === 'month' ? [28, 31] : [365, 366];
        assert.ok(days > from - 0.1 && days < to + 0.1, `${zone} ${anchor.toISOString()} ${index}: ${days} days`);
      },
    ),
  );
});

test('anniversaries keep the local day and time: the 31st, 29 February, midnight, both clock changes', () => {
  const local = (at: Date, zone: string) =>
    new Intl.DateTimeFormat('sv', { timeZone: zone, dateStyle: 'short', timeStyle: 'short' }).format(at);
  const starts = (anchor: string, zone: string, interval: Interval, count: number) =>
    Array.from({ length: count }, (_, index) => local(periodAt(new Date(anchor), zone, interval, index).start, zone));
  assert.deepEqual(starts('2026-01-31T10:00:00Z', 'UTC', 'month', 5), [
    ...['2026-01-31 10:00', '2026-02-28 10:00', '2026-03-31 10:00', '2026-04-30 10:00', '2026-05-31 10:00'],
  ]);
  assert.deepEqual(starts('2028-02-29T10:00:00Z', 'UTC', 'year', 5), [
    ...['2028-02-29 10:00', '2029-02-28 10:00', '2030-02-28 10:00', '2031-02-28 10:00', '2032-02-29 10:00'],
  ]);
  for (const zone of zones) {
    const midnight = addMonths(new Date(Date.UTC(2026, 0, 14, 12)), zone, 0);
    const times = new Set(Array.from({ length: 24 }, (_, index) => local(periodAt(midnight, zone, 'month', index).start, zone).slice(8)));
    assert.equal(times.size, 1, `${zone}: ${[...times].join(', ')}`);
  }
  // 02:30 does not exist on 29 March in Berlin: the period begins after the gap, and the next one at 02:30 again.
  assert.deepEqual(starts('2026-02-28T01:30:00Z', 'Europe/Berlin', 'month', 3).slice(0, 2), ['2026-02-28 02:30', '2026-03-28 02:30']);
  assert.deepEqual(starts('2026-01-29T01:30:00Z', 'Europe/Berlin', 'month', 4), [
    ...['2026-01-29 02:30', '2026-02-28 02:30', '2026-03-29 03:30', '2026-04-29 02:30'],
  ]);
  // 01:30 comes twice on 1 November in New York: the first of them.
  const fallBack = periodAt(new Date('2026-10-01T05:30:00Z'), 'America/New_York', 'month', 1).start;
  assert.equal(fallBack.toISOString(), '2026-11-01T05:30:00.000Z');
});

test('a month across a clock change is an hour shorter or longer, and costs the same', () => {
  const spring = periodAt(new Date('2026-03-15T12:00:00Z'), 'Europe/Berlin', 'month', 0);
  const autumn = periodAt(new Date('2026-10-15T12:00:00Z'), 'Europe/Berlin', 'month', 0);
  assert.equal(spring.end.getTime() - spring.start.getTime(), 31 * dayMs - hourMs);
  assert.equal(autumn.end.getTime() - autumn.start.getTime(), 31 * dayMs + hourMs);
  assert.equal(begin('pro', 'month', spring.start, 'Europe/Berlin').charge?.amountMicros, 49_000_000n);
  assert.equal(begin('pro', 'month', autumn.start, 'Europe/Berlin').charge?.amountMicros, 49_000_000n);
});

test('the unused part: all at the start, nothing at the end, never more later, rounded once and half to even', () => {
  assert.deepEqual([divideHalfEven(5n, 2n), divideHalfEven(7n, 2n), divideHalfEven(9n, 4n), divideHalfEven(11n, 4n)], [2n, 4n, 2n, 3n]);
  const period = periodAt(new Date('2026-02-01T00:00:00Z'), 'UTC', 'month', 0);
  assert.equal(unusedPart(49_000_000n, period, period.start), 49_000_000n);
  assert.equal(unusedPart(49_000_000n, period, period.end), 0n);
  assert.equal(unusedPart(28_000_000n, period, addMs(period.start, 7 * dayMs)), 21_000_000n);
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 13n }), fc.nat(28 * 24 * 60), fc.nat(28 * 24 * 60), (amount, a, b) => {
      const [early, late] = [Math.min(a, b), Math.max(a, b)].map((minutes) => addMs(period.start, minutes * minuteMs));
      assert.ok(unusedPart(amount, period, early ?? period.start) >= unusedPart(amount, period, late ?? period.end));
    }),
  );
});

test('more begins now for the rest of the period; less waits for its end; the same takes a plan back', () => {
  const { subscription: pro } = begin();
  const middle = new Date((pro.period.start.getTime() + pro.period.end.getTime()) / 2);
  const up = change(plans, ids, pro, { planId: 'enterprise', interval: 'month' }, middle);
  assert.ok(up);
  assert.deepEqual([up.credit?.amountMicros, up.charge?.amountMicros], [24_500_000n, 249_500_000n]);
  assert.deepEqual(up.subscription.period, pro.period, 'the period keeps its end');
  assert.deepEqual([up.charge?.start, up.charge?.end], [middle, pro.period.end]);
  assert.deepEqual(up.facts, [{ kind: 'plan_changed', from: 'pro', to: 'enterprise' }]);

  const down = change(plans, ids, up.subscription, { planId: 'pro', interval: 'month' }, middle);
  assert.deepEqual([down?.charge, down?.credit, down?.facts], [undefined, undefined, []]);
  assert.deepEqual(down?.subscription.next, { planId: 'pro', interval: 'month' });
  assert.equal(change(plans, ids, down?.subscription ?? assert.fail(), { planId: 'pro', interval: 'month' }, middle), undefined);
  const back = change(plans, ids, down?.subscription ?? assert.fail(), { planId: 'enterprise', interval: 'month' }, middle);
  assert.equal(back?.subscription.next, undefined);
  const renewed = pay(down?.subscription ?? assert.fail(), pro.period.end).effect;
  assert.deepEqual([renewed.subscription.planId, renewed.charge?.amountMicros], ['pro', 49_000_000n]);
  assert.deepEqual(
    renewed.facts.map(({ kind }) => kind),
    ['renewed', 'plan_changed'],
  );
});

test('a year instead of a month begins now with a year of its own; a month instead of a year waits', () => {
  const { subscription: monthly } = begin();
  const at = addMs(monthly.period.start, 10 * dayMs);
  const yearly = change(plans, ids, monthly, { planId: 'pro', interval: 'year' }, at);
  assert.ok(yearly);
  assert.equal(yearly.charge?.amountMicros, 490_000_000n);
  assert.deepEqual(yearly.subscription.period, periodAt(at, 'UTC', 'year', 0));
  assert.ok(!isUpgrade(plans, yearly.subscription, { planId: 'pro', interval: 'month' }));
  assert.equal(change(plans, ids, yearly.subscription, { planId: 'pro', interval: 'month' }, at)?.charge, undefined);
});

test('whatever is changed day by day, a period never costs more than all of it on the dearest plan, and less than nothing never', () => {
  const choices = fc.constantFrom<PlanId>('pro', 'enterprise');
  fc.assert(
    fc.property(fc.array(fc.tuple(choices, fc.nat(31 * 24 * 60)), { maxLength: 12 }), (steps) => {
      let { subscription, charge } = begin('pro');
      let net = charge?.amountMicros ?? 0n;
      for (const [planId, minutes] of steps.toSorted((a, b) => a[1] - b[1])) {
        const at = addMs(subscription.period.start, minutes * minuteMs);
        if (at >= subscription.period.end) break;
        const effect = change(plans, ids, subscription, { planId, interval: 'month' }, at);
        if (effect === undefined) continue;
        net += (effect.charge?.amountMicros ?? 0n) - (effect.credit?.amountMicros ?? 0n);
        assert.ok((effect.credit?.amountMicros ?? 0n) <= subscription.billed.amountMicros, 'never more back than was paid');
        ({ subscription } = effect);
        ({ charge } = effect);
      }
      assert.ok(net >= 49_000_000n - 1n && net <= 499_000_000n + 1n, String(net));
    }),
  );
});

test('cancelling ends with what is paid and can be taken back; unpaid it ends at once', () => {
  const { subscription } = begin();
  const cancelled = cancel(subscription, subscription.period.start)?.subscription ?? assert.fail();
  assert.deepEqual(cancelled.next, { planId: 'starter', interval: 'month' });
  assert.equal(cancel(cancelled, subscription.period.start), undefined);
  assert.equal(resume(cancelled)?.subscription.next, undefined);
  assert.equal(resume(subscription), undefined);
  const ended = renew(plans, ids, cancelled, subscription.period.end);
  assert.ok(ended.kind === 'end');
  assert.deepEqual([ended.effect.subscription.state, ended.effect.subscription.endedAt], ['ended', subscription.period.end]);
  assert.deepEqual(
    ended.effect.facts.map(({ kind }) => kind),
    ['ended', 'plan_changed'],
  );
  const unpaid = pay(subscription, subscription.period.end).otherwise.subscription;
  assert.equal(cancel(unpaid, addMs(subscription.period.end, dayMs))?.subscription.state, 'ended');
});

test('dunning: on days 0, 1, 3, 5 and 7 after it was due, then it ends unpaid; paid meanwhile, the period is the one that was due', () => {
  let { subscription } = begin();
  const due = subscription.period.end;
  const tries: number[] = [];
  for (let turn = 0; subscription.state !== 'ended' && turn < 20; turn++) {
    tries.push((subscription.dueAt.getTime() - due.getTime()) / dayMs);
    const { effect, otherwise } = pay(subscription, subscription.dueAt);
    assert.equal(effect.subscription.period.start.getTime(), due.getTime());
    subscription = otherwise.subscription;
  }
  assert.deepEqual(tries, [0, 1, 3, 5, 7]);
  assert.equal(subscription.state, 'ended');
});

test('after a standstill the tries keep their distance instead of all being made at once', () => {
  const { subscription } = begin();
  const late = addMs(subscription.period.end, 30 * dayMs);
  const first = pay(subscription, late).otherwise.subscription;
  assert.equal(first.dueAt.getTime(), late.getTime() + dayMs);
  const second = pay(first, first.dueAt).otherwise.subscription;
  assert.equal(second.dueAt.getTime(), first.dueAt.getTime() + 2 * dayMs);
});

test('a zone whose clocks were decided otherwise since the period was paid: the next one begins where that ends', () => {
  const { subscription } = begin('pro', 'month', new Date('2026-03-10T12:00:00Z'), 'Africa/Casablanca');
  for (const change of [hourMs, -hourMs]) {
    const period = { ...subscription.period, end: addMs(subscription.period.end, change) };
    const { charge, subscription: next } = pay({ ...subscription, period, dueAt: period.end }, period.end).effect;
    assert.deepEqual([charge?.start, next.period.start], [period.end, period.end]);
    assert.deepEqual(next.period.end, periodAt(subscription.anchorAt, 'Africa/Casablanca', 'month', 1).end);
  }
});

test('another time zone counts from the end of the present period on', () => {
  const { subscription } = begin('pro', 'month', new Date('2026-03-10T12:00:00Z'), 'UTC');
  const moved = moveTo(subscription, 'Pacific/Auckland')?.subscription ?? assert.fail();
  assert.deepEqual(moved.period, subscription.period);
  const next = pay(moved, moved.period.end).effect.subscription;
  assert.deepEqual(
    [next.timeZone, next.nextTimeZone, next.period.start.getTime()],
    ['Pacific/Auckland', undefined, moved.period.end.getTime()],
  );
  assert.deepEqual(next.period, periodAt(moved.period.end, 'Pacific/Auckland', 'month', 0));
  assert.equal(moveTo(moved, 'UTC')?.subscription.nextTimeZone, undefined);
});
