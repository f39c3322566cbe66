import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { isAppError } from '#platform/errors/index.ts';
import { grpcClient, type Principal, type Role, systemPrincipal } from '#platform/grpc/index.ts';
import { newId } from '#platform/ids/index.ts';
import type { RunningService } from '#platform/lifecycle/index.ts';
import { type Bus, openBus, publishEvent, startRelay } from '#platform/messaging/index.ts';
import { money } from '#platform/money/index.ts';
import { type Database, openDatabase, platformMigration } from '#platform/postgres/index.ts';
import {
  createTestDatabase,
  createTestNats,
  eventually,
  type TestDatabase,
  type TestNats,
  testPrincipal,
  testPrincipalKey,
  childEnvironment,
} from '#platform/testing/index.ts';
import { hourMs } from '#platform/time/index.ts';
import { events } from '#events';
import {
  HoldState,
  LedgerServiceClient,
  PaymentServiceClient,
  PaymentStatus,
  WalletServiceClient,
} from '#proto/namaskah/billing/v1/billing.ts';
import { CreditServiceClient, LedgerCommandServiceClient } from '#proto/namaskah/billing/v1/ledger.ts';
import { sign } from './adapters/simulator-gateway/signature.ts';
import { migrations } from './adapters/postgres/migrations/index.ts';
import { billingConfig } from './config.ts';
import { start } from './main.ts';
import { startStubGateway } from './testing/payments/stub-gateway.ts';
import { verifyDatabase } from './verify.ts';

const secret = 'test-secret-of-the-gateway';
let database: TestDatabase;
/** Another service's database, from which its events come. */
let others: { readonly database: TestDatabase; readonly db: Database; readonly bus: Bus; readonly relay: { close(): Promise<void> } };
let nats: TestNats;
let stub: Awaited<ReturnType<typeof startStubGateway>>;
let services: RunningService[];
let environment: Record<string, string>;
const clients: { close(): Promise<void> }[] = [];

before(async () => {
  [database, nats, stub] = await Promise.all([createTestDatabase('billing', migrations), createTestNats(), startStubGateway(secret)]);
  environment = {
    ENVIRONMENT: 'test',
    LOG_LEVEL: 'silent',
    DATABASE_URL: database.url,
    NATS_URL: nats.url,
    PRINCIPAL_KEY: testPrincipalKey,
    PAYMENT_SIMULATOR_URL: stub.url,
    PAYMENT_SIMULATOR_SECRET: secret,
    PUBLIC_URL: 'http://public.test',
    HOLD_SWEEP_INTERVAL_MS: '50',
  };
  services = await Promise.all([start(billingConfig.parse(environment)), start(billingConfig.parse(environment))]);
  const elsewhere = await createTestDatabase('others', [platformMigration]);
  const db = await openDatabase({ url: elsewhere.url, applicationName: 'others' });
  const bus = await openBus({ url: nats.url, name: 'others' });
  others = { database: elsewhere, db, bus, relay: await startRelay({ db, bus }) };
});
after(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await Promise.all((services ?? []).map((service) => service.close()));
  await others?.relay.close();
  await Promise.all([others?.bus.close(), others?.db.close()]);
  await Promise.all([database?.close(), others?.database.close(), nats?.close(), stub?.close()]);
});

const connect = (port: number) => {
  const options = { address: `127.0.0.1:${port}`, principalKey: testPrincipalKey, caller: 'test', defaultDeadlineMs: 10_000 };
  const made = {
    ledger: grpcClient(LedgerServiceClient, options),
    wallet: grpcClient(WalletServiceClient, options),
    commands: grpcClient(LedgerCommandServiceClient, options),
    credits: grpcClient(CreditServiceClient, options),
    payments: grpcClient(PaymentServiceClient, options),
  };
  clients.push(...Object.values(made));
  return made;
};
const replica = (at: number) => connect(services[at]?.addresses['grpc'] ?? 0);
const usd = (micros: bigint) => money('USD', micros);
const member = (tenantId: string, ...roles: Role[]): { principal: Principal } => ({ principal: testPrincipal({ tenantId, roles }) });
const system = (tenantId: string): { principal: Principal } => ({ principal: systemPrincipal('test', tenantId) });
const hold = (micros: bigint, over: object = {}) => ({
  idempotencyKey: newId(),
  amount: usd(micros),
  product: 'verification',
  reference: newId(),
  description: 'Telegram code, Indonesia',
  expiresAt: new Date(Date.now() + hourMs),
  ...over,
});
const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'ok',
    (error) => (isAppError(error) ? error.code : String(error)),
  );

test('a fresh tenant reads zero at once; credit, hold, capture and the list of entries follow over gRPC', async () => {
  const { ledger, wallet } = replica(0);
  const tenantId = newId();
  const viewer = member(tenantId, 'viewer');
  const none = usd(0n);
  const empty = { currency: 'USD', balance: none, held: none, available: none, paid: none, promotional: none, nextExpiry: undefined };
  assert.deepEqual(await wallet.getWallet({}, viewer), empty);
  await ledger.grantCredit({ idempotencyKey: 'welcome', tenantId, amount: usd(500_000n), reason: 'Welcome' }, system(tenantId));
  const request = hold(300_000n);
  const placed = (await ledger.placeHold(request, system(tenantId))).hold;
  assert.equal(placed?.state, HoldState.HOLD_STATE_HELD);
  assert.deepEqual((await replica(1).ledger.placeHold(request, system(tenantId))).hold, placed);
  const refused = await ledger.placeHold(hold(300_000n), system(tenantId)).catch((error: unknown) => error);
  assert.ok(isAppError(refused, 'billing.insufficient_credit'));
  assert.deepEqual(refused.meta, { available: '0.20', required: '0.30' });
  const capture = { idempotencyKey: 'c', holdId: placed?.id ?? '', amount: usd(250_000n), final: true };
  assert.equal((await ledger.captureHold(capture, system(tenantId))).hold?.state, HoldState.HOLD_STATE_CAPTURED);
  assert.equal(await code(ledger.captureHold({ ...capture, idempotencyKey: 'd' }, system(tenantId))), 'billing.hold_captured');
  assert.equal(await code(ledger.captureHold({ ...capture, final: false }, system(tenantId))), 'request.idempotency_conflict');
  assert.deepEqual(await wallet.getWallet({}, viewer), {
    currency: 'USD',
    balance: usd(250_000n),
    held: usd(0n),
    available: usd(250_000n),
    paid: none,
    promotional: usd(250_000n),
    nextExpiry: undefined,
  });
  const { transactions, nextCursor } = await wallet.listTransactions(
    { page: { limit: 1, cursor: '' }, type: '', from: undefined, to: undefined, filter: undefined },
    viewer,
  );
  assert.deepEqual(
    transactions.map(({ type, amount, description, reference }) => ({ type, amount, description, reference })),
    [{ type: 'charge', amount: usd(-250_000n), description: request.description, reference: request.reference }],
  );
  const older = await wallet.listTransactions(
    { page: { limit: 1, cursor: nextCursor }, type: '', from: undefined, to: undefined, filter: undefined },
    viewer,
  );
  assert.deepEqual([older.transactions[0]?.type, older.nextCursor], ['promotion', '']);
});

test('holds of many tenants in one call: each has its own answer, and no refusal touches another', async () => {
  const { ledger, wallet } = replica(0);
  const [rich, poor] = [newId(), newId()];
  await ledger.grantCredit({ idempotencyKey: 'welcome', tenantId: rich, amount: usd(1_000n), reason: 'Welcome' }, system(rich));
  const first = hold(600n);
  const items = [
    { tenantId: rich, hold: first },
    { tenantId: poor, hold: hold(1n) },
    { tenantId: rich, hold: hold(600n) },
    { tenantId: rich, hold: first },
    { tenantId: 'nobody', hold: hold(1n) },
    { tenantId: rich, hold: { ...hold(1n), product: 'nonsense' } },
    { tenantId: rich, hold: hold(400n) },
  ];
  const { results } = await ledger.placeHolds({ items }, system(poor));
  assert.deepEqual(
    results.map((result) => result.error?.code ?? result.hold?.amount?.micros),
    [600n, 'billing.insufficient_credit', 'billing.insufficient_credit', 600n, 'request.invalid', 'request.invalid', 400n],
  );
  assert.equal(results[0]?.hold?.id, results[3]?.hold?.id);
  assert.deepEqual(results[4]?.error?.fields, [{ field: 'items[4].tenant_id', reason: 'must be a UUID' }]);
  assert.deepEqual((await wallet.getWallet({}, member(rich, 'viewer'))).held, usd(1_000n));
  assert.equal(await code(ledger.placeHolds({ items: [] }, system(rich))), 'request.invalid');
  assert.equal(await code(ledger.placeHolds({ items }, member(rich, 'owner'))), 'auth.forbidden');
});

test('commands of many tenants in one call are decided one by one; a charge needs no hold', async () => {
  const { ledger, commands, wallet } = replica(0);
  const [rich, other] = [newId(), newId()];
  for (const tenantId of [rich, other])
    await ledger.grantCredit({ idempotencyKey: 'welcome', tenantId, amount: usd(1_000n), reason: 'Welcome' }, system(tenantId));
  const none = { place: undefined, capture: undefined, release: undefined, charge: undefined };
  const charge = (micros: bigint) => ({ idempotencyKey: newId(), amount: usd(micros), product: 'usage', reference: 'r', description: 'd' });
  const placed = (await ledger.placeHold(hold(500n), system(rich))).hold?.id ?? '';
  const once = charge(100n);
  const items = [
    { tenantId: rich, ...none, place: hold(100n) },
    { tenantId: rich, ...none, capture: { idempotencyKey: 'c', holdId: placed, amount: usd(200n), final: true } },
    { tenantId: other, ...none, release: { idempotencyKey: 'r', holdId: placed } },
    { tenantId: other, ...none, charge: once },
    { tenantId: other, ...none, charge: once },
    { tenantId: other, ...none, charge: charge(901n) },
    { tenantId: other, ...none },
    { tenantId: 'nobody', ...none, charge: charge(1n) },
  ];
  const { results } = await commands.execute({ items }, system(other));
  assert.deepEqual(
    results.map((result) => result.error?.code ?? result.hold?.state ?? 'charged'),
    [
      HoldState.HOLD_STATE_HELD,
      HoldState.HOLD_STATE_CAPTURED,
      'request.not_found',
      'charged',
      'charged',
      'billing.insufficient_credit',
      'request.invalid',
      'request.invalid',
    ],
  );
  assert.equal(results[3]?.transferId, results[4]?.transferId);
  assert.deepEqual(results[6]?.error?.fields, [{ field: 'items[6]', reason: 'must have exactly one command' }]);
  const { balance, held } = await wallet.getWallet({}, member(rich, 'viewer'));
  assert.deepEqual([balance, held], [usd(800n), usd(100n)]);
  assert.deepEqual((await wallet.getWallet({}, member(other, 'viewer'))).balance, usd(900n));
  assert.equal(await code(commands.charge(charge(901n), system(other))), 'billing.insufficient_credit');
  assert.equal(await code(commands.charge({ ...charge(1n), product: 'x', reference: '' }, system(other))), 'request.invalid');
  assert.equal(await code(commands.charge(charge(1n), member(other, 'owner'))), 'auth.forbidden');
  assert.equal(await code(commands.execute({ items: [] }, system(other))), 'request.invalid');
});

test('credit with priority and expiry: the wallet shows its parts, and the sweeper takes what has expired', async () => {
  const { credits, wallet, commands } = replica(1);
  const tenantId = newId();
  const soon = new Date(Date.now() + hourMs);
  const give = { idempotencyKey: 'spring', amount: usd(300n), reason: 'Spring', priority: 5, expiresAt: soon };
  const { transferId } = await credits.giveCredit(give, system(tenantId));
  assert.equal((await credits.giveCredit(give, system(tenantId))).transferId, transferId);
  assert.equal(await code(credits.giveCredit({ ...give, priority: 6 }, system(tenantId))), 'request.idempotency_conflict');
  assert.equal(await code(credits.giveCredit({ ...give, idempotencyKey: 'x', priority: 101 }, system(tenantId))), 'request.invalid');
  const far = new Date(Date.now() + 11 * 366 * 24 * hourMs);
  assert.equal(await code(credits.giveCredit({ ...give, idempotencyKey: 'x', expiresAt: far }, system(tenantId))), 'request.invalid');
  assert.equal(await code(credits.giveCredit(give, member(tenantId, 'owner'))), 'auth.forbidden');
  await credits.giveCredit({ ...give, idempotencyKey: 'for good', expiresAt: undefined }, system(tenantId));
  const charge = { idempotencyKey: 'c', amount: usd(100n), product: 'usage', reference: 'r', description: 'd' };
  await commands.charge(charge, system(tenantId));
  const viewer = member(tenantId, 'viewer');
  const { promotional, paid, nextExpiry } = await wallet.getWallet({}, viewer);
  assert.deepEqual([promotional, paid, nextExpiry], [usd(500n), usd(0n), { at: soon, amount: usd(200n) }]);
  const { grants } = await credits.listGrants({ page: undefined }, viewer);
  assert.deepEqual(
    grants.map(({ kind, priority, amount, remaining }) => [kind, priority, amount, remaining]),
    [
      ['promotional', 5, usd(300n), usd(300n)],
      ['promotional', 5, usd(300n), usd(200n)],
    ],
  );
  const past = new Date(Date.now() - hourMs);
  await credits.giveCredit({ ...give, idempotencyKey: 'too late', expiresAt: past }, system(tenantId));
  await eventually(
    async () => {
      assert.deepEqual((await wallet.getWallet({}, viewer)).balance, usd(500n));
      const page = { page: undefined, type: 'expiry', from: undefined, to: undefined, filter: undefined };
      assert.deepEqual(
        (await wallet.listTransactions(page, viewer)).transactions.map(({ amount }) => amount),
        [usd(-300n)],
      );
    },
    { timeoutMs: 20_000 },
  );
});

test('who may not, cannot: no principal, wrong role, another tenant', async () => {
  const { ledger, wallet, payments } = replica(0);
  const [tenantId, stranger] = [newId(), newId()];
  await ledger.grantCredit({ idempotencyKey: 'k', tenantId, amount: usd(100n), reason: 'x' }, system(tenantId));
  const { hold: placed } = await ledger.placeHold(hold(50n), system(tenantId));
  const holdId = placed?.id ?? '';
  const grant = { idempotencyKey: 'g', tenantId, amount: usd(1n), reason: 'x' };
  const pay = { idempotencyKey: 'p', amount: usd(5_000_000n), gateway: 'simulator' };
  assert.equal(await code(wallet.getWallet({}, {})), 'auth.unauthenticated');
  assert.equal(await code(ledger.getHold({ holdId }, {})), 'auth.unauthenticated');
  assert.equal(await code(ledger.placeHold(hold(1n), member(tenantId, 'viewer'))), 'auth.forbidden');
  for (const role of ['owner', 'admin', 'staff', 'viewer'] as const)
    assert.equal(await code(ledger.grantCredit(grant, member(tenantId, role))), 'auth.forbidden');
  assert.equal(await code(ledger.grantCredit(grant, system(stranger))), 'request.invalid');
  for (const role of ['staff', 'viewer'] as const)
    assert.equal(await code(payments.startPayment(pay, member(tenantId, role))), 'auth.forbidden');
  assert.equal(await code(ledger.getHold({ holdId }, system(stranger))), 'request.not_found');
  assert.equal(await code(ledger.releaseHold({ idempotencyKey: 'r', holdId }, system(stranger))), 'request.not_found');
  assert.equal(
    await code(ledger.captureHold({ idempotencyKey: 'r', holdId: 'x', amount: usd(1n), final: true }, system(tenantId))),
    'request.not_found',
  );
  assert.equal(
    await code(ledger.placeHold({ ...hold(1n), expiresAt: new Date(Date.now() + 40 * 24 * hourMs) }, system(tenantId))),
    'request.invalid',
  );
  assert.equal(await code(ledger.placeHold({ ...hold(0n), amount: undefined }, system(tenantId))), 'request.invalid');
});

test("other services' events open wallets, capture and release, once, whichever replica hears them", async () => {
  const { ledger, wallet } = replica(0);
  const tenantId = newId();
  const publish = (
    definition: (typeof events.verification)[keyof typeof events.verification] | typeof events.auth.tenantRegistered,
    payload: object,
  ) =>
    others.db.transaction((tx) =>
      publishEvent(tx, definition, { tenantId, aggregateId: newId(), aggregateVersion: 1n, occurredAt: new Date(), payload }),
    );
  await publish(events.auth.tenantRegistered, { tenantId, plan: 'starter' });
  await ledger.grantCredit({ idempotencyKey: 'k', tenantId, amount: usd(1_000n), reason: 'x' }, system(tenantId));
  const [captured, released] = await Promise.all(
    [hold(100n), hold(200n)].map(async (request) => (await ledger.placeHold(request, system(tenantId))).hold?.id ?? ''),
  );
  const about = { verificationId: newId(), service: 'telegram', country: 'ID', provider: 'p', price: usd(100n), latencyMs: 5n };
  for (let twice = 0; twice < 2; twice++) {
    await publish(events.verification.codeReceived, { ...about, holdId: captured });
    await publish(events.verification.cancelled, { ...about, holdId: released });
  }
  await eventually(
    async () => {
      const { balance, held } = await wallet.getWallet({}, system(tenantId));
      assert.deepEqual([balance, held], [usd(900n), usd(0n)]);
    },
    { timeoutMs: 20_000 },
  );
});

test('a hold that nobody resolves is given back by the sweeper, and the fact is published', async () => {
  const { ledger } = replica(0);
  const tenantId = newId();
  const heard: string[] = [];
  const stop = await others.bus.follow('namaskah.billing.v1.hold.expired', (event) => void heard.push(event.aggregateId));
  await ledger.grantCredit({ idempotencyKey: 'k', tenantId, amount: usd(100n), reason: 'x' }, system(tenantId));
  const { hold: placed } = await ledger.placeHold(hold(100n), system(tenantId));
  const holdId = placed?.id ?? '';
  await others.db.ping();
  const billing = await openDatabase({ url: database.url, applicationName: 'test', poolMax: 1 });
  await billing.query(`update holds set expires_at = now() where id = $1`, [holdId]);
  await billing.close();
  await eventually(
    async () => {
      assert.equal((await ledger.getHold({ holdId }, system(tenantId))).hold?.state, HoldState.HOLD_STATE_EXPIRED);
      assert.deepEqual(
        heard.filter((id) => id === holdId),
        [holdId],
      );
    },
    { timeoutMs: 20_000 },
  );
  await stop();
});

test('a payment: start, page, signed webhook many times on both replicas, one credit', async () => {
  const tenantId = newId();
  const owner = member(tenantId, 'owner');
  const replicas = [replica(0).payments, replica(1).payments] as const;
  const request = { idempotencyKey: 'pay-1', amount: usd(20_000_000n), gateway: 'simulator' };
  const { payment } = await replicas[0].startPayment(request, owner);
  assert.equal(payment?.status, PaymentStatus.PAYMENT_STATUS_PENDING);
  const made = stub.payments.get(payment?.id ?? '');
  assert.equal(payment?.checkoutUrl, made?.checkoutUrl);
  assert.equal(made?.webhookUrl, 'http://public.test/v2/callbacks/payments/simulator');
  if (made !== undefined) made.status = 'succeeded';
  const notify = (eventId: string) => {
    const rawBody = Buffer.from(JSON.stringify({ id: eventId, type: 'payment.succeeded', data: { reference: payment?.id } }));
    return { gateway: 'simulator', rawBody, headers: { 'x-simulator-signature': sign(rawBody, secret, new Date()) } };
  };
  const notices = [notify('evt-1'), notify('evt-1'), notify('evt-2'), notify('evt-3')];
  await Promise.all([...notices, ...notices].map((notice, at) => replicas[(at % 2) as 0 | 1].receiveNotification(notice, {})));
  assert.equal(
    await code(replicas[0].receiveNotification({ ...notify('evt-4'), rawBody: Buffer.from('{}') }, {})),
    'billing.invalid_signature',
  );
  await eventually(async () => {
    assert.equal((await replicas[1].getPayment({ id: payment?.id ?? '' }, owner)).payment?.status, PaymentStatus.PAYMENT_STATUS_SUCCEEDED);
  });
  assert.deepEqual((await replica(0).wallet.getWallet({}, owner)).balance, usd(20_000_000n));
});

/** Billing as a process of its own, which can be killed. */
const spawnBilling = async (): Promise<{ readonly child: ChildProcess; readonly port: number }> => {
  const child = spawn(process.execPath, [new URL('main.ts', import.meta.url).pathname], {
    env: childEnvironment({ ...environment, LOG_LEVEL: 'info' }),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const entry = JSON.parse(line) as { msg?: string; addresses?: { grpc: number } };
    if (entry.msg === 'started' && entry.addresses !== undefined) {
      child.stdout.resume();
      return { child, port: entry.addresses.grpc };
    }
  }
  throw new Error('billing did not start');
};

test(
  'kill -9 in the middle of traffic loses and repeats nothing: every call is repeated with its key elsewhere',
  { timeout: 60_000 },
  async () => {
    const { child, port } = await spawnBilling();
    const dying = connect(port).ledger;
    const tenants = Array.from({ length: 5 }, newId);
    const { ledger, wallet } = replica(0);
    for (const tenantId of tenants)
      await ledger.grantCredit({ idempotencyKey: 'k', tenantId, amount: usd(1_000n), reason: 'x' }, system(tenantId));
    const jobs = Array.from({ length: 400 }, (_, at) => ({ tenantId: tenants[at % 5] ?? '', request: hold(10n), captureKey: newId() }));
    const run = async (on: typeof ledger, { tenantId, request, captureKey }: (typeof jobs)[number]): Promise<void> => {
      const { hold: placed } = await on.placeHold(request, system(tenantId));
      await on.captureHold({ idempotencyKey: captureKey, holdId: placed?.id ?? '', amount: usd(10n), final: true }, system(tenantId));
    };
    let finished = 0;
    const traffic = jobs.map((job) =>
      run(dying, job).then(() => {
        if (++finished === 60) child.kill('SIGKILL');
      }),
    );
    const results = await Promise.allSettled(traffic);
    assert.ok(
      results.some(({ status }) => status === 'rejected'),
      'the process died while calls were running',
    );
    for (const job of jobs) await run(ledger, job);
    for (const tenantId of tenants) {
      const { balance, held } = await wallet.getWallet({}, system(tenantId));
      assert.deepEqual([balance, held], [usd(200n), usd(0n)]);
    }
  },
);

test('what an alert watches for its first increase is exposed before it happens', async () => {
  for (const { addresses } of services) {
    const text = await (await fetch(`http://127.0.0.1:${addresses['admin']}/metrics`)).text();
    assert.match(text, /^payments_total\{gateway="simulator",status="mismatched"\} 0$/m);
  }
});

test('both replicas are ready, and after everything the books agree', async () => {
  for (const service of services) assert.equal((await service.ready()).ready, true);
  assert.equal(await verifyDatabase(database.url), undefined);
});
