import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appError, type ErrorCode } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import { createLedger } from './ledger.ts';

type Client = Parameters<typeof createLedger>[0];
const unused = (): never => assert.fail('not asked for');

test('a hold is given back under a key of its own; only an answer that says nothing leaves it open', async () => {
  const [tenantId, holdId] = [newId(), newId()];
  const keys: string[] = [];
  const answering = (code: ErrorCode | undefined) =>
    createLedger({
      placeHolds: unused,
      releaseHold: (async ({ idempotencyKey }: { idempotencyKey: string }) => {
        keys.push(idempotencyKey);
        if (code !== undefined) throw appError(code);
        return {};
      }) as unknown as Client['releaseHold'],
    }).giveBack(tenantId, holdId);
  const answers: readonly (readonly [ErrorCode | undefined, boolean])[] = [
    [undefined, true],
    ['billing.hold_released', true],
    ['billing.hold_expired', true],
    ['billing.hold_captured', true],
    ['request.not_found', true],
    ['platform.unavailable', false],
    ['platform.deadline_exceeded', false],
    ['platform.internal', false],
    ['request.idempotency_in_progress', false],
  ];
  for (const [code, known] of answers) assert.equal(await answering(code), known, code ?? 'released');
  assert.deepEqual(new Set(keys), new Set([`verification:${holdId}:unused`]));
});

test("the hold of a late code has its message's key: another one than the purchase's, and the same whenever it is asked for; a further code's, that of its wait", async () => {
  const keys: string[] = [];
  const placeHolds = async ({ items }: { items: readonly { hold: { idempotencyKey: string } }[] }) => {
    keys.push(...items.map(({ hold }) => hold.idempotencyKey));
    return { results: items.map(() => ({ hold: { id: 'hold' } })) };
  };
  const ledger = createLedger({ placeHolds: placeHolds as unknown as Client['placeHolds'], releaseHold: unused });
  const [tenantId, verificationId, lateMessage] = [newId(), newId(), newId()];
  const request = {
    ...{ tenantId, verificationId, amount: money('USD', 40n), quoteId: undefined, fromHoldId: undefined, actor: '', description: 'x' },
    ...{ expiresAt: new Date(), deadline: new Date(Date.now() + 60_000) },
  };
  for (const late of [lateMessage, lateMessage]) assert.equal((await ledger.placeHold({ ...request, lateMessage: late })).kind, 'held');
  await ledger.placeHold(request);
  for (const askedAt of [3, 5]) await ledger.placeHold({ ...request, code: { position: 2, askedAt } });
  const key = `verification:${verificationId}`;
  assert.deepEqual(keys, [`${key}:late:${lateMessage}`, `${key}:late:${lateMessage}`, key, `${key}:2:3`, `${key}:2:5`]);
});
