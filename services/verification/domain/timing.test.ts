import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addMs, hourMs, minuteMs, secondMs } from '#platform/time/index.ts';
import { testTiming as timing } from '../testing/harness.ts';
import { expiryOf, looksMs, pollAt, recoverAt, retryAt } from './timing.ts';

const start = new Date('2026-01-01T00:00:00Z');
const after = (date: Date): number => date.getTime() - start.getTime();

describe('timing', () => {
  it('polls less and less often, and exactly at the end', () => {
    const expiresAt = addMs(start, 20 * minuteMs);
    const seconds = (looks: readonly number[]): number[] => looks.map((ms) => ms / secondMs);
    assert.deepEqual(
      [0, 1, 2, 3, 9].map((attempts) => after(pollAt(start, attempts, expiresAt, timing))),
      [10, 20, 40, 60, 60].map((s) => s * secondMs),
    );
    assert.equal(pollAt(start, 9, addMs(start, secondMs), timing).getTime(), start.getTime() + secondMs);
    assert.deepEqual(seconds(looksMs(timing)), [20, 40, 60]);
    assert.deepEqual(seconds(looksMs({ pollFirstMs: secondMs, pollMaxMs: secondMs })), [1]);
    assert.equal(looksMs({ pollFirstMs: 1, pollMaxMs: Number.MAX_SAFE_INTEGER }).length, 20);
  });
  it('repeats with doubling pauses up to a limit', () => {
    assert.deepEqual(
      [0, 1, 5, 500].map((attempts) => after(retryAt(start, attempts, timing))),
      [1, 2, 30, 30].map((s) => s * secondMs),
    );
  });
  it('recovers only when nobody can be buying any more', () => {
    const deadline = addMs(start, timing.purchaseMs);
    assert.ok(recoverAt(deadline, timing) >= addMs(deadline, timing.providerTimeoutMs));
  });
  it('a number ends an hour before the hold that pays for it, at the latest, however long its provider names', () => {
    assert.equal(after(expiryOf(undefined, start, start, timing)), 20 * minuteMs);
    assert.equal(after(expiryOf(addMs(start, 15 * minuteMs), start, start, timing)), 15 * minuteMs);
    const longest = expiryOf(addMs(start, 24 * hourMs), start, start, timing);
    assert.equal(after(longest) + timing.giveUpMs + hourMs, timing.holdMs);
  });
});
