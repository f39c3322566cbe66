import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import { createTestDatabase, eventually, type TestDatabase } from '#platform/testing/index.ts';
import { dayMs, hourMs, minuteMs, testClock } from '#platform/time/index.ts';
import { changePaymentMethod } from '../../../app/payments/change-payment-method.ts';
import { gatewayHealth } from '../../../app/payments/gateway-health.ts';
import { processNotifications } from '../../../app/payments/process-notifications.ts';
import { receiveNotification } from '../../../app/payments/receive-notification.ts';
import { reconcilePayments } from '../../../app/payments/reconcile-payments.ts';
import { retryPayment } from '../../../app/payments/retry-payment.ts';
import { saveMethods } from '../../../app/payments/save-methods.ts';
import { setTopUp } from '../../../app/payments/set-top-up.ts';
import { startPayment } from '../../../app/payments/start-payment.ts';
import { topUpWallets } from '../../../app/payments/top-up.ts';
import { fakeGateway, silentMonitor } from '../../../testing/payments/fake-gateway.ts';
import { openBooks, postgresBooks } from '../../../testing/ledger/postgres-books.ts';
import { postgresAudit } from '../verify/audit.ts';
import { postgresWallets } from '../ledger/wallets.ts';
import { migrations } from '../migrations/index.ts';
import { postgresPaymentMethods, postgresTopUps } from './methods.ts';
import { postgresNotifications } from './notifications.ts';
import { postgresPayments } from './payments.ts';
import { postgresRefunds } from './refunds.ts';

const usd = (micros: bigint) => money('USD', micros);
const dollars = (amount: number) => usd(BigInt(amount) * 1_000_000n);
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

/** A customer, a gateway, and two replicas of everything that charges cards. */
const desk = () => {
  const clock = testClock(new Date('2026-04-10T00:00:00Z'));
  const gateway = fakeGateway();
  const { monitor } = silentMonitor();
  const tenantId = newId();
  const replicas = [one, two].map((db) => {
    const methods = postgresPaymentMethods(db);
    const topUps = postgresTopUps(db);
    const deps = {
      payments: postgresPayments(db),
      notifications: postgresNotifications(db),
      refunds: postgresRefunds(db),
      methods,
      topUps,
      gateways: new Map([['simulator', gateway.gateway]]),
      clock,
      monitor,
      health: gatewayHealth(clock),
      firstCheckMs: 15 * minuteMs,
      wakeRefunds: () => {},
      wakeDisputes: () => {},
      wakeProcessing: () => {},
      wakeTopUps: () => {},
    };
    const start = startPayment(deps);
    return {
      start,
      retry: retryPayment(deps),
      methods,
      receive: receiveNotification(deps),
      process: processNotifications(deps),
      reconcile: reconcilePayments(deps),
      save: saveMethods(deps),
      change: changePaymentMethod(deps),
      set: setTopUp(deps),
      fill: topUpWallets({ ...deps, start }),
      /** One that stands still between its claim and its payment. */
      fillLate: (until: Promise<void>) => topUpWallets({ ...deps, start, methods: { list: (of) => until.then(() => methods.list(of)) } })(),
    };
  });
  const [first, other] = replicas;
  if (first === undefined || other === undefined) throw new Error('two replicas');
  const wallet = async (): Promise<bigint> => (await postgresWallets(one).wallet(tenantId))?.balanceMicros ?? 0n;
  const settle = async (): Promise<void> => {
    clock.advance(2_000);
    while ((await first.reconcile()) > 0);
  };
  /** Pays five dollars on a page and lets the card be kept. */
  const keepCard = async (): Promise<void> => {
    const request = { idempotencyKey: newId(), amount: dollars(5), gateway: 'simulator', saveMethod: true };
    const { id } = await first.start(tenantId, request);
    gateway.decide(id, 'succeeded');
    await first.receive({ gateway: 'simulator', headers: { signature: 'good' }, rawBody: Buffer.from(`${newId()} ${id}`) });
    while ((await first.process()) > 0);
    while ((await first.save()) > 0);
  };
  const spend = (amount: bigint) =>
    postgresBooks(one).charge({
      ...{ tenantId, idempotencyKey: newId(), request: 'r', now: clock.now(), transferId: newId(), amount: usd(amount) },
      ...{ product: 'verification', reference: 'r', description: 'd' },
    });
  const rule = { enabled: true, threshold: dollars(10), amount: dollars(50), monthlyLimit: dollars(120) };
  return { ...first, other, clock, gateway, tenantId, wallet, settle, keepCard, spend, rule };
};

const code = (wanted: Parameters<typeof isAppError>[1]) => (error: unknown) => isAppError(error, wanted);

test('a card that is kept is charged without a page, idempotently; a removed or foreign one is not', async () => {
  const { start, keepCard, methods, change, settle, wallet, gateway, tenantId, save } = desk();
  await keepCard();
  assert.equal(await save(), 0, 'asked for once');
  const [method] = await methods.list(tenantId);
  assert.ok(method?.isDefault === true && method.last4 === '4242');
  const request = { idempotencyKey: 'again', amount: dollars(20), gateway: '', paymentMethodId: method.id };
  const [a, b] = await Promise.all([start(tenantId, request), start(tenantId, request)]);
  assert.deepEqual([a.id, a.checkoutUrl, a.gateway], [b.id, '', 'simulator']);
  await settle();
  assert.deepEqual([await wallet(), new Set(gateway.charges).size], [dollars(25).micros, 1]);
  await assert.rejects(start(newId(), request), code('request.invalid'));
  await assert.rejects(start(tenantId, { ...request, idempotencyKey: 'x', saveMethod: true }), code('request.invalid'));
  await assert.rejects(change(newId(), method.id, 'remove'), code('request.not_found'));
  assert.deepEqual(await change(tenantId, method.id, 'remove'), []);
  await assert.rejects(start(tenantId, { ...request, idempotencyKey: 'y' }), code('request.invalid'));
  assert.equal((await start(tenantId, request)).id, a.id, 'paid with it before it was removed');
  await assert.rejects(start(tenantId, { ...request, amount: dollars(21) }), code('request.idempotency_conflict'));
  assert.deepEqual([await wallet(), new Set(gateway.charges).size], [dollars(25).micros, 1]);
});

test('one default at a time; when it is removed, the newest of the others takes its place', async () => {
  const { keepCard, methods, change, clock, tenantId } = desk();
  for (let each = 0; each < 3; each++) {
    await keepCard();
    clock.advance(minuteMs);
  }
  const [first, newest, second] = await methods.list(tenantId);
  assert.deepEqual([first?.isDefault, newest?.isDefault, second?.isDefault], [true, false, false]);
  await Promise.all([change(tenantId, second?.id ?? '', 'makeDefault'), change(tenantId, newest?.id ?? '', 'makeDefault')]);
  assert.equal((await methods.list(tenantId)).filter(({ isDefault }) => isDefault).length, 1);
  await change(tenantId, first?.id ?? '', 'makeDefault');
  await change(tenantId, first?.id ?? '', 'remove');
  assert.deepEqual(
    (await methods.list(tenantId)).map(({ id, isDefault }) => [id, isDefault]),
    [
      [newest?.id, true],
      [second?.id, false],
    ],
  );
});

test('a declined charge fails the payment with the reason and takes nothing', async () => {
  const { start, keepCard, methods, wallet, gateway, tenantId } = desk();
  await keepCard();
  const [method] = await methods.list(tenantId);
  gateway.faults.chargeRefused = true;
  const payment = await start(tenantId, { idempotencyKey: 'k', amount: dollars(20), gateway: '', paymentMethodId: method?.id ?? '' });
  assert.deepEqual([payment.status, payment.failureReason, await wallet()], ['failed', 'declined', dollars(5).micros]);
});

test('a charge whose answer was lost is found, not repeated', async () => {
  const { start, keepCard, methods, settle, wallet, gateway, tenantId, clock } = desk();
  await keepCard();
  const [method] = await methods.list(tenantId);
  gateway.faults.startLost = true;
  const request = { idempotencyKey: 'k', amount: dollars(20), gateway: '', paymentMethodId: method?.id ?? '' };
  await assert.rejects(start(tenantId, request), code('billing.gateway_unavailable'));
  clock.advance(minuteMs);
  await settle();
  assert.deepEqual([await wallet(), gateway.charges.length], [dollars(25).micros, 1]);
});

test('a charge that the gateway has not decided is followed to its end, also after its owner has opened a page', async () => {
  const { start, retry, keepCard, methods, settle, wallet, gateway, tenantId, clock } = desk();
  await keepCard();
  const [method] = await methods.list(tenantId);
  const { id } = await start(tenantId, { idempotencyKey: 'k', amount: dollars(20), gateway: '', paymentMethodId: method?.id ?? '' });
  gateway.made.set(id, { gatewayPaymentId: `gw-${id}`, reference: id, status: 'pending', amount: dollars(20) });
  await retry(tenantId, { idempotencyKey: 'page', id, gateway: '' });
  clock.advance(hourMs);
  await settle();
  // Its webhook is lost.
  gateway.decide(id, 'succeeded');
  clock.advance(12 * hourMs);
  await settle();
  assert.equal(await wallet(), dollars(25).micros);
});

test('a top-up that failed may be paid by hand while another is under way, and holds up no later one', async () => {
  const { keepCard, set, fill, retry, settle, wallet, spend, clock, tenantId, rule, gateway } = desk();
  await keepCard();
  await set(tenantId, rule);
  gateway.faults.chargeRefused = true;
  await fill();
  const failed = gateway.charges[0] ?? '';
  Object.assign(gateway.faults, { chargeRefused: false, startLost: true, verifyLost: true });
  clock.advance(hourMs);
  await fill();
  Object.assign(gateway.faults, { startLost: false });
  assert.equal((await retry(tenantId, { idempotencyKey: 'by hand', id: failed, gateway: '' })).status, 'pending');
  gateway.faults.verifyLost = false;
  clock.advance(hourMs);
  await settle();
  assert.equal(await wallet(), dollars(55).micros);
  await spend(dollars(50).micros);
  clock.advance(hourMs);
  await fill();
  await settle();
  assert.equal(await wallet(), dollars(55).micros, 'though nobody has paid the page');
});

test('a wallet that runs low fills itself once, from two replicas at once, up to the limit of the month', async () => {
  const { keepCard, set, fill, other, settle, wallet, spend, clock, tenantId, rule, gateway } = desk();
  await assert.rejects(set(tenantId, rule), code('billing.no_payment_method'));
  await keepCard();
  await set(tenantId, rule);
  await Promise.all([fill(), other.fill(), fill(), other.fill()]);
  await settle();
  assert.deepEqual([await wallet(), gateway.charges.length], [dollars(55).micros, 1]);
  clock.advance(hourMs);
  await fill();
  assert.equal(gateway.charges.length, 1, 'it is not low');
  await spend(dollars(50).micros);
  clock.advance(hourMs);
  await Promise.all([fill(), other.fill()]);
  await Promise.all([fill(), other.fill()]);
  await settle();
  assert.equal(await wallet(), dollars(55).micros);
  await spend(dollars(50).micros);
  clock.advance(hourMs);
  await fill();
  await settle();
  assert.deepEqual([await wallet(), gateway.charges.length], [dollars(5).micros, 2], 'a third would exceed 120 a month');
  clock.set(new Date('2026-05-01T00:00:00Z'));
  await fill();
  await settle();
  assert.equal(await wallet(), dollars(55).micros);
});

test('a replica that stood still while another topped up begins no second one', async () => {
  const { keepCard, set, fillLate, other, settle, wallet, clock, tenantId, rule, gateway } = desk();
  await keepCard();
  await set(tenantId, rule);
  const woken = Promise.withResolvers<void>();
  const late = fillLate(woken.promise);
  await eventually(async () =>
    assert.equal((await one.query('select 1 from top_ups where tenant_id = $1 and sequence = 1', [tenantId])).length, 1),
  );
  clock.advance(2 * minuteMs);
  await other.fill();
  await settle();
  woken.resolve();
  await late;
  await settle();
  assert.deepEqual([await wallet(), gateway.charges.length], [dollars(55).micros, 1]);
});

test('a rule in another currency is refused for that, not for its amounts', async () => {
  const { set, tenantId, rule } = desk();
  const inEuros = (amount: bigint) => money('EUR', amount);
  const asked = { ...rule, threshold: inEuros(1n), amount: inEuros(5_000_000n), monthlyLimit: inEuros(9_000_000n) };
  await assert.rejects(set(tenantId, asked), (error) => {
    assert.ok(isAppError(error, 'request.invalid'));
    assert.deepEqual(
      error.fields.map(({ field, reason }) => `${field}: ${reason}`),
      ['amount.currency: Only USD for now.'],
    );
    return true;
  });
  await assert.rejects(set(tenantId, { ...rule, threshold: usd(0n) }), (error) => {
    assert.ok(isAppError(error, 'request.invalid'));
    assert.deepEqual(error.fields, [{ field: 'threshold', reason: 'Must be greater than zero.' }]);
    return true;
  });
});

test('while a charge is unknown no other is begun', async () => {
  const { keepCard, set, fill, other, settle, wallet, clock, tenantId, rule, gateway } = desk();
  await keepCard();
  await set(tenantId, rule);
  gateway.faults.startLost = true;
  gateway.faults.verifyLost = true;
  await fill();
  for (let turn = 0; turn < 5; turn++) {
    clock.advance(hourMs);
    await Promise.all([fill(), other.fill()]);
    await settle();
  }
  assert.equal(new Set(gateway.charges).size, 1);
  Object.assign(gateway.faults, { startLost: false, verifyLost: false });
  clock.advance(hourMs);
  await settle();
  assert.equal(await wallet(), dollars(55).micros);
});

test('after three failures in a row, an hour and six hours apart, it is off, with one event, until it is set again', async () => {
  const { keepCard, set, fill, other, settle, clock, tenantId, rule, gateway, wallet } = desk();
  await keepCard();
  await set(tenantId, rule);
  gateway.faults.chargeRefused = true;
  const attempts: number[] = [];
  const startedAt = clock.now().getTime();
  for (let hour = 0; hour < 48; hour++) {
    const before = gateway.charges.length;
    await Promise.all([fill(), other.fill()]);
    if (gateway.charges.length > before) attempts.push((clock.now().getTime() - startedAt) / hourMs);
    clock.advance(hourMs);
  }
  assert.deepEqual(attempts, [0, 1, 7]);
  const told = await one.query(`select 1 from outbox where aggregate_id = $1 and subject like '%top-up.suspended'`, [tenantId]);
  assert.equal(told.length, 1);
  const topUps = postgresTopUps(one);
  assert.match((await topUps.find(tenantId))?.suspendedReason ?? '', /three times/);
  gateway.faults.chargeRefused = false;
  clock.advance(dayMs);
  await set(tenantId, rule);
  assert.equal((await topUps.find(tenantId))?.suspendedReason, '');
  await fill();
  await settle();
  assert.equal(await wallet(), dollars(55).micros);
});
