import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import { createTestDatabase, eventually, type TestDatabase } from '#platform/testing/index.ts';
import { hourMs, minuteMs, testClock } from '#platform/time/index.ts';
import { gatewayHealth } from '../../../app/payments/gateway-health.ts';
import { getPaymentLog } from '../../../app/payments/get-payment-log.ts';
import { getRefund } from '../../../app/payments/get-refund.ts';
import { listRefunds } from '../../../app/payments/list-refunds.ts';
import { processNotifications } from '../../../app/payments/process-notifications.ts';
import { processRefunds } from '../../../app/payments/process-refunds.ts';
import { receiveNotification } from '../../../app/payments/receive-notification.ts';
import { requestRefund } from '../../../app/payments/request-refund.ts';
import { retryPayment } from '../../../app/payments/retry-payment.ts';
import { startPayment } from '../../../app/payments/start-payment.ts';
import { fakeGateway, silentMonitor } from '../../../testing/payments/fake-gateway.ts';
import { openBooks } from '../../../testing/ledger/postgres-books.ts';
import { postgresAudit } from '../ledger/audit.ts';
import { postgresWallets } from '../ledger/wallets.ts';
import { migrations } from '../migrations/index.ts';
import { postgresNotifications } from './notifications.ts';
import { postgresPayments } from './payments.ts';
import { postgresRefunds } from './refunds.ts';

const usd = (micros: bigint) => money('USD', micros);
const amount = usd(25_000_000n);
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_000);
let database: TestDatabase;
let one: Database;
let two: Database;

before(async () => {
  database = await createTestDatabase('billing', migrations);
  [one, two] = await Promise.all([openBooks(database.url), openBooks(database.url)]);
});
after(async () => {
  const divergence = one && (await postgresAudit(one).firstDivergence());
  await Promise.all([one?.close(), two?.close()]);
  await database?.close();
  assert.equal(divergence, undefined, 'after all of this the books agree');
});

/** Two replicas of the payments with their gateways; one customer. */
const desk = () => {
  const clock = testClock(new Date('2026-04-01T00:00:00Z'));
  const gateway = fakeGateway();
  const second = fakeGateway('stripe');
  const { monitor, seen } = silentMonitor();
  const replicas = [one, two].map((db) => {
    const refunds = postgresRefunds(db);
    const notifications = postgresNotifications(db);
    const deps = {
      payments: postgresPayments(db),
      notifications,
      refunds,
      gateways: new Map([
        ['simulator', gateway.gateway],
        ['stripe', second.gateway],
      ]),
      clock,
      monitor,
      health: gatewayHealth(clock),
      firstCheckMs: 15 * minuteMs,
      wakeRefunds: () => {},
      wakeDisputes: () => {},
      methods: { find: async () => undefined },
      wakeProcessing: () => {},
    };
    return {
      start: startPayment(deps),
      retry: retryPayment(deps),
      receive: receiveNotification(deps),
      process: processNotifications(deps),
      request: requestRefund(deps),
      refund: processRefunds(deps),
      get: getRefund(deps),
      list: listRefunds(deps),
      log: getPaymentLog(deps),
    };
  });
  const [first, other] = replicas;
  if (first === undefined || other === undefined) throw new Error('two replicas');
  const tenantId = newId();
  const wallet = async (): Promise<bigint> => (await postgresWallets(one).wallet(tenantId))?.balanceMicros ?? 0n;
  const hook = (id: string, at = 'simulator', about = '') => ({
    gateway: at,
    headers: { signature: 'good' },
    rawBody: Buffer.from(`${newId()} ${id}${about}`),
  });
  const paid = async (): Promise<string> => {
    const { id } = await first.start(tenantId, { idempotencyKey: newId(), amount, gateway: 'simulator' });
    gateway.decide(id, 'succeeded');
    await first.receive(hook(id));
    while ((await first.process()) > 0);
    return id;
  };
  const ask = (paymentId: string, micros?: bigint, idempotencyKey = newId()) =>
    first.request(
      tenantId,
      { cause: 'customer', subject: 'user:1' },
      { idempotencyKey, paymentId, amount: micros === undefined ? undefined : usd(micros), reason: 'not needed' },
    );
  return { ...first, other, clock, gateway, second, seen, tenantId, wallet, paid, ask, hook };
};

const code = (wanted: Parameters<typeof isAppError>[1]) => (error: unknown) => isAppError(error, wanted);

test('a refund takes the credit at once, reaches the gateway once, and ends', async () => {
  const { paid, ask, refund, get, list, log, wallet, gateway, tenantId } = desk();
  const paymentId = await paid();
  const asked = await ask(paymentId, 5_000_000n, 'r1');
  assert.deepEqual([asked.status, await wallet()], ['pending', 20_000_000n]);
  assert.deepEqual(await ask(paymentId, 5_000_000n, 'r1'), asked, 'the same request is the same refund');
  await assert.rejects(ask(paymentId, 6_000_000n, 'r1'), code('request.idempotency_conflict'));
  await refund();
  const done = await get(tenantId, asked.id);
  assert.deepEqual([done.status, done.gatewayRefundId, gateway.refundCalls], ['succeeded', `re-${asked.id}`, [asked.id]]);
  const rest = await ask(paymentId);
  assert.deepEqual([rest.amount, await wallet()], [usd(20_000_000n), 0n]);
  await refund();
  await assert.rejects(ask(paymentId, 10_000n), code('billing.refund_exceeds_payment'));
  assert.deepEqual(
    (await list(tenantId, paymentId, { limit: 10, cursor: '' })).refunds.map(({ id }) => id).toSorted(),
    [asked.id, rest.id].toSorted(),
  );
  assert.deepEqual(
    (await log(tenantId, paymentId)).map(({ kind }) => kind).filter((kind) => kind.startsWith('refund_')),
    ['refund_requested', 'refund_requested', 'refund_succeeded', 'refund_succeeded'],
  );
  await assert.rejects(get(newId(), asked.id), code('request.not_found'));
  assert.deepEqual((await list(newId(), '', { limit: 10, cursor: '' })).refunds, []);
});

test('what the gateway refuses or fails to do is credit again', async () => {
  for (const fault of ['refundRefused', 'refundFails'] as const) {
    const { paid, ask, refund, get, wallet, gateway, tenantId } = desk();
    const paymentId = await paid();
    gateway.faults[fault] = true;
    const { id } = await ask(paymentId);
    assert.equal(await wallet(), 0n);
    await refund();
    assert.deepEqual([(await get(tenantId, id)).status, await wallet()], ['failed', amount.micros]);
    gateway.faults[fault] = false;
    await ask(paymentId);
    await refund();
    assert.equal(await wallet(), 0n, 'and may be asked for again');
  }
});

test('a refund whose answer was lost is looked for before it is asked for again: the money goes back once', async () => {
  const { paid, ask, refund, other, get, wallet, gateway, clock, tenantId } = desk();
  const paymentId = await paid();
  gateway.faults.refundLost = true;
  const { id } = await ask(paymentId);
  await refund();
  assert.equal((await get(tenantId, id)).status, 'pending', 'no answer is not a no');
  for (let turn = 0; turn < 5; turn++) {
    clock.advance(hourMs);
    await Promise.all([refund(), other.refund()]);
  }
  assert.deepEqual([(await get(tenantId, id)).status, await wallet(), gateway.refundCalls.length], ['succeeded', 0n, 1]);
});

test('only what was paid, is left, and is neither spent nor held can go back', async () => {
  const { paid, ask, start, tenantId, gateway } = desk();
  const unpaid = await start(tenantId, { idempotencyKey: 'u', amount, gateway: 'simulator' });
  await assert.rejects(ask(unpaid.id), code('billing.payment_not_paid'));
  await assert.rejects(ask(newId()), code('request.not_found'));
  const paymentId = await paid();
  await assert.rejects(ask(paymentId, 25_010_000n), code('billing.refund_exceeds_payment'));
  await assert.rejects(ask(paymentId, 1n), code('request.invalid'));
  assert.equal(gateway.refundCalls.length, 0);
});

test(`twenty requests at once on two replicas never give back more than was paid (seed ${seed})`, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 1_500 }), { minLength: 10, maxLength: 20 }), async (cents) => {
      const { paid, request, other, refund, wallet, gateway, tenantId } = desk();
      const paymentId = await paid();
      const asks = cents.map((each, index) =>
        (index % 2 === 0 ? request : other.request)(
          tenantId,
          { cause: 'customer', subject: 'user:1' },
          { idempotencyKey: `k${index}`, paymentId, amount: usd(BigInt(each) * 10_000n), reason: 'r' },
        ).then(
          ({ amount: given }) => given.micros,
          (error: unknown) => (isAppError(error, 'billing.refund_exceeds_payment') ? 0n : Promise.reject(error)),
        ),
      );
      const given = (await Promise.all(asks)).reduce((sum, each) => sum + each, 0n);
      while ((await refund()) > 0);
      const left = [...gateway.refunds.values()].reduce((sum, { amount: each }) => sum - each.micros, amount.micros);
      assert.ok(given <= amount.micros);
      assert.deepEqual([await wallet(), left], [amount.micros - given, amount.micros - given]);
    }),
    { seed, numRuns: 12, endOnFailure: true },
  );
});

test('a payment paid twice is credited once, and the second goes back where it came from, once', async () => {
  const { start, retry, receive, process, refund, other, list, wallet, gateway, second, hook, tenantId, clock } = desk();
  const { id } = await start(tenantId, { idempotencyKey: 'k', amount, gateway: 'simulator' });
  await retry(tenantId, { idempotencyKey: 'again', id, gateway: 'stripe' });
  const [reference = ''] = second.starts;
  gateway.decide(id, 'succeeded');
  second.decide(reference, 'succeeded');
  second.faults.refundLost = true;
  await Promise.all([
    receive(hook(id)),
    other.receive(hook(reference, 'stripe')),
    receive(hook(reference, 'stripe')),
    other.receive(hook(id)),
  ]);
  for (let turn = 0; turn < 4; turn++) {
    await Promise.all([process(), other.process()]);
    await Promise.all([refund(), other.refund()]);
    clock.advance(hourMs);
  }
  assert.equal(await wallet(), amount.micros);
  const { refunds } = await list(tenantId, id, { limit: 10, cursor: '' });
  assert.deepEqual(
    refunds.map(({ cause, status, amount: given }) => [cause, status, given]),
    [['surplus', 'succeeded', amount]],
  );
  assert.equal(gateway.refundCalls.length + second.refundCalls.length, 1);
});

test('a webhook about a refund has it looked at before its turn', async () => {
  const { paid, ask, refund, receive, process, get, gateway, clock, hook, tenantId } = desk();
  const paymentId = await paid();
  gateway.faults.refundLost = true;
  const { id } = await ask(paymentId);
  await refund();
  clock.advance(1_000);
  await refund();
  assert.equal((await get(tenantId, id)).status, 'pending', 'its turn has not come');
  await receive(hook(paymentId, 'simulator', ' refund'));
  while ((await process()) > 0);
  await refund();
  assert.equal((await get(tenantId, id)).status, 'succeeded');
});

test('a refund that was done and is sent back by the bank is credit again, once, however long the gateway is silent at first', async () => {
  const { paid, ask, refund, receive, process, other, hook, get, wallet, gateway, tenantId, clock, seen } = desk();
  const paymentId = await paid();
  const { id } = await ask(paymentId, 5_000_000n);
  await refund();
  const tell = async (): Promise<void> => {
    await receive(hook(paymentId, 'simulator', ' refund'));
    await Promise.all([process(), other.process()]);
  };
  await tell();
  assert.deepEqual([(await get(tenantId, id)).status, await wallet()], ['succeeded', 20_000_000n], 'it is done');

  clock.advance(7 * 24 * hourMs);
  const made = gateway.refunds.get(id);
  assert.ok(made);
  gateway.refunds.set(id, { ...made, status: 'failed' });
  gateway.faults.verifyLost = true;
  await tell();
  for (let again = 0; again < 20; again++) {
    clock.advance(5 * minuteMs);
    await process();
  }
  gateway.faults.verifyLost = false;
  clock.advance(5 * minuteMs);
  await Promise.all([process(), other.process()]);
  await tell();
  assert.deepEqual([(await get(tenantId, id)).status, await wallet()], ['failed', amount.micros]);
  assert.equal(seen.filter(({ kind }) => kind === 'refunded').length, 2);
  const whole = await ask(paymentId);
  assert.deepEqual([whole.amount, await wallet()], [amount, 0n], 'and may be asked for again');
});

test('a webhook about another refund of the payment makes no second one of a refund that is on its way', async () => {
  const { paid, ask, refund, other, receive, process, get, gateway, clock, hook, tenantId } = desk();
  const paymentId = await paid();
  await ask(paymentId, 5_000_000n);
  await refund();
  const { id } = await ask(paymentId, 5_000_000n);
  const [looked, arrived] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const { refund: give, verifyRefund: look } = gateway.gateway;
  gateway.gateway.refund = async (order) => {
    await arrived.promise;
    return give(order);
  };
  gateway.gateway.verifyRefund = async (known) => {
    const answer = await look(known);
    looked.resolve();
    return answer;
  };
  const asking = refund();
  await eventually(async () => assert.equal((await one.query('select 1 from refunds where id = $1 and tries = 1', [id])).length, 1));
  await receive(hook(paymentId, 'simulator', ' refund'));
  while ((await process()) > 0);
  const hastened = other.refund();
  await looked.promise;
  arrived.resolve();
  await Promise.all([asking, hastened]);
  clock.advance(hourMs);
  await refund();
  assert.equal((await get(tenantId, id)).status, 'succeeded');
  assert.deepEqual(
    gateway.refundCalls.filter((each) => each === id),
    [id],
  );
});

test('one key for refunds of two payments at once: one is made, the other is a conflict', async () => {
  const { paid, request, other, tenantId, wallet } = desk();
  const payments = [await paid(), await paid()];
  const waiting: Promise<string>[] = [];
  // Both have looked for the key before either of them is written.
  await one.transaction(async (tx) => {
    await tx.query(`select 1 from accounts where tenant_id = $1 and kind = 'wallet' for update`, [tenantId]);
    for (const [index, paymentId] of payments.entries())
      waiting.push(
        (index === 0 ? request : other.request)(
          tenantId,
          { cause: 'customer', subject: 'user:1' },
          { idempotencyKey: 'the same', paymentId, amount: undefined, reason: 'r' },
        ).then(
          ({ status }) => status,
          (error: unknown) => (isAppError(error, 'request.idempotency_conflict') ? 'conflict' : Promise.reject(error)),
        ),
      );
    const blocked = `select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%request_refund%' and datname = current_database()`;
    await eventually(async () => assert.equal((await two.query(blocked)).length, 2));
  });
  assert.deepEqual((await Promise.all(waiting)).toSorted(), ['conflict', 'pending']);
  assert.equal(await wallet(), amount.micros);
});
