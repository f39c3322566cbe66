import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addMs, dayMs, hourMs, minuteMs } from '#platform/time/index.ts';
import { testRules as rules } from '../../testing/policy/rules.ts';
import { admit, type Wish } from './admit.ts';
import { limitsOf, scaledRules, type Standing } from './rules.ts';
import { countsOf, noUsage, type Usage, usageAt } from './usage.ts';

const at = new Date('2026-11-21T10:30:00Z');
const old: Standing = { kycLevel: 1, ownLimits: {}, since: addMs(at, -10 * dayMs) };
const young: Standing = { ...old, since: addMs(at, -minuteMs) };
const wish: Wish = { priceMicros: 1_000_000n, at, policyClass: 'open', switchedOff: undefined };
const used = (over: Partial<Usage>): Usage => ({ ...noUsage(at), ...over });
const reason = (standing: Standing, usage: Usage, over: Partial<Wish> = {}) =>
  admit(rules, standing, usage, { ...wish, ...over }).refused?.reason;

describe('limits of a tenant', () => {
  it('are its level’s; lower while it is new, unless its holder is known well; an operator’s word goes before both', () => {
    assert.equal(limitsOf(rules, old, at).maxOpen, rules.levels[1].maxOpen);
    assert.equal(limitsOf(rules, young, at).maxOpen, rules.newAccount.maxOpen);
    assert.equal(limitsOf(rules, { ...young, kycLevel: 2 }, at).maxOpen, rules.levels[2].maxOpen);
    assert.equal(limitsOf(rules, { ...young, ownLimits: { maxOpen: 77 } }, at).maxOpen, 77);
    assert.equal(limitsOf(rules, { ...young, ownLimits: { maxOpen: 77 } }, at).maxPurchasesPerHour, rules.newAccount.maxPurchasesPerHour);
  });
  it('stop being those of a new account at the very end of its time', () => {
    const end = addMs(young.since, rules.newAccount.lifeMs);
    assert.equal(limitsOf(rules, young, addMs(end, -1)).maxOpen, rules.newAccount.maxOpen);
    assert.equal(limitsOf(rules, young, end).maxOpen, rules.levels[1].maxOpen);
  });
  it('can be scaled, never to nothing', () => {
    assert.equal(scaledRules(rules, 10).levels[1].maxOpen, 10 * rules.levels[1].maxOpen);
    assert.equal(scaledRules(rules, 0.01).newAccount.maxOpen, 1);
    assert.equal(scaledRules(rules, 2).levels[0].maxSpendPerDayMicros, 2n * rules.levels[0].maxSpendPerDayMicros);
  });
});

describe('a purchase', () => {
  const { maxOpen, maxPurchasesPerHour, maxCancelsPerHour, maxSpendPerDayMicros } = rules.levels[1];
  it('is allowed up to each limit and refused above it', () => {
    assert.equal(reason(old, used({ open: maxOpen - 1 })), undefined);
    assert.equal(reason(old, used({ open: maxOpen })), 'open_activations');
    assert.equal(reason(old, used({ purchases: maxPurchasesPerHour - 1 })), undefined);
    assert.equal(reason(old, used({ purchases: maxPurchasesPerHour })), 'purchases_per_hour');
    assert.equal(reason(old, used({ cancels: maxCancelsPerHour - 1 })), undefined);
    assert.equal(reason(old, used({ cancels: maxCancelsPerHour })), 'cancels_per_hour');
    assert.equal(reason(old, used({ spentMicros: maxSpendPerDayMicros - wish.priceMicros })), undefined);
    assert.equal(reason(old, used({ spentMicros: maxSpendPerDayMicros - wish.priceMicros + 1n })), 'spend_per_day');
  });
  it('follows the class of the service and the level', () => {
    assert.equal(reason(old, used({}), { policyClass: 'blocked' }), 'service_blocked');
    assert.equal(reason(old, used({}), { policyClass: 'restricted' }), undefined);
    assert.equal(reason({ ...old, kycLevel: 0 }, used({}), { policyClass: 'restricted' }), 'kyc_required');
  });
  it('is stopped by a switch before anything else', () => {
    for (const switchedOff of ['tenant', 'service', 'provider'] as const)
      assert.equal(reason(old, used({ open: maxOpen }), { switchedOff, policyClass: 'blocked' }), `${switchedOff}_switched_off`);
  });
  it('below the success floor blocks, once; what led to it is forgotten', () => {
    const { minOutcomes, blockMs } = rules.successFloor;
    assert.equal(reason(old, used({ unpaid: minOutcomes - 1 })), undefined, 'too few to judge');
    assert.equal(reason(old, used({ unpaid: 93, paid: 7 })), undefined, 'exactly at the floor');
    const { refused, usage } = admit(rules, old, used({ unpaid: 94, paid: 6 }), wish);
    assert.equal(refused?.reason, 'success_floor');
    assert.deepEqual(usage.blockedUntil, addMs(at, blockMs));
    assert.equal(reason(old, usage, { at: addMs(at, blockMs - 1) }), 'success_floor');
    assert.equal(reason(old, usage, { at: addMs(at, blockMs) }), undefined);
  });
});

describe('counts', () => {
  it('of an hour slide: what was in the hour before counts for the part that is left of it', () => {
    const hour = new Date('2026-11-21T10:00:00Z');
    const full = usageAt(used({ hour: addMs(hour, -hourMs), purchases: 100 }), hour);
    assert.equal(countsOf(full, hour).purchasesPerHour, 100);
    assert.equal(countsOf(full, addMs(hour, 1)).purchasesPerHour, 99);
    assert.equal(countsOf(full, addMs(hour, 30 * minuteMs)).purchasesPerHour, 50);
    assert.equal(countsOf(usageAt(full, addMs(hour, hourMs)), addMs(hour, hourMs)).purchasesPerHour, 0);
  });
  it('of a day begin anew at midnight UTC, those of outcomes slide', () => {
    const spent = used({ spentMicros: 5n, paid: 10, unpaid: 10 });
    const midnight = new Date('2026-11-22T00:00:00Z');
    assert.equal(countsOf(usageAt(spent, addMs(midnight, -1)), addMs(midnight, -1)).spentMicros, 5n);
    const next = countsOf(usageAt(spent, addMs(midnight, dayMs / 2)), addMs(midnight, dayMs / 2));
    assert.deepEqual([next.spentMicros, next.paid, next.outcomes], [0n, 5, 10]);
  });
  it('are not moved by a clock that is behind', () => {
    const usage = used({ purchases: 3 });
    assert.deepEqual(usageAt(usage, addMs(at, -2 * hourMs)), usage);
  });
});
