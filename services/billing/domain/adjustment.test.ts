import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addMs, dayMs } from '#platform/time/index.ts';
import { type AdjustmentStatus, judgeDecision, needsSecondOperator } from './adjustment.ts';

const now = new Date('2026-03-01T12:00:00Z');

test('however it is cut into pieces and whatever the signs, one operator alone moves no more than the limit', () => {
  const seed = Date.now() % 1_000_000_000;
  const amounts = fc.array(fc.bigInt({ min: -80n, max: 80n }), { maxLength: 30 });
  fc.assert(
    fc.property(amounts, fc.bigInt({ min: 0n, max: 100n }), (pieces, limit) => {
      let alone = 0n;
      for (const micros of pieces) if (!needsSecondOperator(micros, alone, limit)) alone += micros < 0n ? -micros : micros;
      return alone <= limit;
    }),
    { seed },
  );
  assert.equal(needsSecondOperator(100n, 0n, 100n), false, 'the limit itself is allowed');
});

test('who may decide: a table of every state', () => {
  const waiting = { status: 'proposed' as AdjustmentStatus, proposedBy: 'ann', decidedBy: undefined, expiresAt: addMs(now, dayMs) };
  const verdict = (
    over: Partial<{ status: AdjustmentStatus; decidedBy: string; expiresAt: Date }>,
    by: string,
    decision: 'posted' | 'rejected',
  ) => judgeDecision({ ...waiting, ...over }, decision, by, now);
  assert.equal(verdict({}, 'bob', 'posted'), 'may_decide');
  assert.equal(verdict({}, 'ann', 'posted'), 'own');
  assert.equal(verdict({}, 'ann', 'rejected'), 'may_decide');
  assert.equal(verdict({ expiresAt: now }, 'bob', 'posted'), 'expired');
  for (const status of ['posted', 'rejected'] as const) {
    const other = status === 'posted' ? 'rejected' : 'posted';
    assert.equal(verdict({ status, decidedBy: 'bob' }, 'bob', status), 'repeated');
    assert.equal(verdict({ status, decidedBy: 'bob' }, 'cid', status), 'decided');
    assert.equal(verdict({ status, decidedBy: 'bob' }, 'bob', other), 'decided');
  }
  assert.equal(verdict({ status: 'expired' }, 'bob', 'posted'), 'decided');
});
