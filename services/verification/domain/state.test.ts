import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { happenings, isFinal, isPaid, next, publicStatus, publicStatuses, type State, states, statesOf } from './state.ts';

/** Where happenings lead from `reserving`. */
const run = (sequence: readonly (typeof happenings)[number][]): State[] => {
  const path: State[] = ['reserving'];
  for (const happening of sequence) {
    const to = next(path.at(-1) ?? 'reserving', happening);
    if (to !== undefined) path.push(to);
  }
  return path;
};

const anyLife = fc.array(fc.constantFrom(...happenings), { maxLength: 40 });

describe('the state machine', () => {
  it('never leaves an end, and never un-pays', () => {
    fc.assert(
      fc.property(anyLife, (sequence) => {
        const path = run(sequence);
        for (const [index, state] of path.entries()) {
          const following = path[index + 1];
          if (isFinal(state)) assert.equal(following, undefined);
          if (isPaid(state) && following !== undefined) assert.ok(isPaid(following));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('settles the money exactly once: captured or released, never both', () => {
    fc.assert(
      fc.property(anyLife, (sequence) => {
        const path = run(sequence);
        // A number that waits for a further code is paid for already.
        const captures = path.filter((state, index) => state === 'received' && path[index - 1] !== 'retrying').length;
        const releases = path.filter((state) => state === 'cancelled' || state === 'expired' || state === 'failed').length;
        assert.ok(captures + releases <= 1, path.join(' → '));
      }),
      { numRuns: 2_000 },
    );
  });

  it('can always come to an end, from every state', () => {
    const ends = (state: State, seen: ReadonlySet<State>): boolean =>
      isFinal(state) ||
      happenings.some((happening) => {
        const to = next(state, happening);
        return to !== undefined && !seen.has(to) && ends(to, new Set([...seen, to]));
      });
    for (const state of states) assert.ok(ends(state, new Set([state])), state);
  });

  it('reaches every state', () => {
    const reached = new Set<State>(['reserving']);
    for (const state of reached)
      for (const happening of happenings) {
        const to = next(state, happening);
        if (to !== undefined) reached.add(to);
      }
    assert.deepEqual(reached, new Set(states));
  });

  it('a code wins over a cancel that is not confirmed, and over nothing that has ended', () => {
    assert.equal(next('cancelling', 'codeArrived'), 'received');
    for (const state of ['cancelled', 'expired', 'failed', 'completed'] as const) assert.equal(next(state, 'codeArrived'), undefined);
  });

  it('nothing is cancelled after its code', () => {
    for (const state of ['received', 'retrying', 'completed'] as const)
      for (const happening of ['cancelAsked', 'cancelConfirmed', 'timedOut', 'refused'] as const)
        assert.equal(next(state, happening), undefined);
  });

  it('every state has one public status, every status its states', () => {
    assert.deepEqual(publicStatuses.flatMap(statesOf).toSorted(), [...states].toSorted());
    for (const state of ['reserving', 'unknown', 'waiting', 'cancelling'] as const) assert.equal(publicStatus(state), 'waiting');
  });
});
