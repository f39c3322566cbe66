import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addMs, dayMs } from '#platform/time/index.ts';
import { burn, expiryAfterReturn, giveBackCredit, type Grant, type GrantPart, lapse, returnedLifeMs } from './credit.ts';

const now = new Date('2026-03-01T12:00:00.000Z');
const days = (count: number): Date => addMs(now, count * dayMs);

const grants: fc.Arbitrary<Grant[]> = fc
  .array(
    fc.record({
      priority: fc.integer({ min: 1, max: 3 }),
      remainingMicros: fc.bigInt({ min: 0n, max: 50n }),
      expires: fc.option(fc.integer({ min: -3, max: 3 }), { nil: undefined }),
      age: fc.integer({ min: 0, max: 3 }),
    }),
    { maxLength: 8 },
  )
  .map((list) =>
    list.map(({ priority, remainingMicros, expires, age }, at) => ({
      id: `grant ${at}`,
      kind: 'promotional',
      priority,
      amountMicros: 50n,
      remainingMicros,
      expiresAt: expires === undefined ? undefined : days(expires),
      createdAt: days(-age),
    })),
  );
const sum = (parts: readonly GrantPart[]): bigint => parts.reduce((total, { micros }) => total + micros, 0n);
const total = (list: readonly Grant[]): bigint => list.reduce((all, { remainingMicros }) => all + remainingMicros, 0n);
const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const minus = (list: readonly Grant[], parts: readonly GrantPart[]): Grant[] =>
  list.map((grant) => {
    const taken = sum(parts.filter(({ grantId }) => grantId === grant.id));
    return { ...grant, remainingMicros: grant.remainingMicros - taken };
  });

test('a charge takes exactly its amount, no grant more than it has, and in two steps the same as in one', () => {
  fc.assert(
    fc.property(grants, fc.bigInt({ min: 0n, max: 300n }), fc.bigInt({ min: 0n, max: 300n }), (list, a, b) => {
      const whole = burn(list, least(a + b, total(list)), now);
      assert.equal(sum(whole), least(a + b, total(list)));
      const first = burn(list, least(a, total(list)), now);
      const rest = minus(list, first);
      assert.ok(rest.every(({ remainingMicros }) => remainingMicros >= 0n));
      const second = burn(rest, least(a + b, total(list)) - sum(first), now);
      assert.deepEqual(minus(rest, second), minus(list, whole));
    }),
  );
});

test('what is given back in full restores every grant; in part, what was burnt last', () => {
  fc.assert(
    fc.property(grants, fc.bigInt({ min: 0n, max: 300n }), fc.bigInt({ min: 0n, max: 300n }), (list, amount, part) => {
      const taken = burn(list, least(amount, total(list)), days(-4));
      assert.deepEqual(
        giveBackCredit(list, taken, sum(taken)).toSorted((a, b) => (a.grantId < b.grantId ? -1 : 1)),
        taken.toSorted((a, b) => (a.grantId < b.grantId ? -1 : 1)),
      );
      const back = giveBackCredit(list, taken, least(part, sum(taken)));
      const left = burn(list, sum(taken) - sum(back), days(-4));
      assert.deepEqual(
        minus(
          minus(list, taken),
          back.map(({ grantId, micros }) => ({ grantId, micros: -micros })),
        ),
        minus(list, left),
      );
    }),
  );
});

test('nothing lapses that has not expired or that is held, and everything else that has', () => {
  fc.assert(
    fc.property(grants, fc.bigInt({ min: 0n, max: 300n }), (list, held) => {
      const reserved = least(held, total(list));
      const parts = lapse(list, reserved, now);
      const expired = list.filter(({ expiresAt }) => expiresAt !== undefined && expiresAt <= now);
      assert.ok(parts.every(({ grantId }) => expired.some(({ id }) => id === grantId)));
      const due = total(expired) - reserved;
      assert.equal(sum(parts), due > 0n ? due : 0n, 'expired credit is the first to be held');
      assert.ok(total(list) - sum(parts) >= reserved);
    }),
  );
});

test('what returns to an expired grant lives thirty days more; a living one keeps its day', () => {
  const grant: Grant = {
    id: 'g',
    kind: 'paid',
    priority: 50,
    amountMicros: 1n,
    remainingMicros: 0n,
    expiresAt: days(-1),
    createdAt: days(-9),
  };
  assert.deepEqual(expiryAfterReturn(grant, now), addMs(now, returnedLifeMs));
  assert.deepEqual(expiryAfterReturn({ ...grant, expiresAt: days(2) }, now), days(2));
  assert.equal(expiryAfterReturn({ ...grant, expiresAt: undefined }, now), undefined);
});
