import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import { createTestDatabase, type TestDatabase } from '#platform/testing/index.ts';
import { testClock } from '#platform/time/index.ts';
import { followDisputes } from '../../../app/payments/follow-disputes.ts';
import { getDispute } from '../../../app/payments/get-dispute.ts';
import { listDisputes } from '../../../app/payments/list-disputes.ts';
import type { DisputeStatement, DisputeStatus } from '../../../domain/dispute.ts';
import { fakeGateway, silentMonitor } from '../../../testing/payments/fake-gateway.ts';
import { openBooks, postgresBooks } from '../../../testing/ledger/postgres-books.ts';
import { postgresAudit } from '../verify/audit.ts';
import { postgresWallets } from '../ledger/wallets.ts';
import { migrations } from '../migrations/index.ts';
import { listSql, postgresDisputes } from './disputes.ts';
import { postgresPayments } from './payments.ts';

const usd = (micros: bigint) => money('USD', micros);
const amount = usd(25_000_000n);
const byPage = { saveMethod: false, paymentMethodId: undefined, topUp: undefined };
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_000);
const clock = testClock(new Date('2026-04-01T00:00:00Z'));
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

/** A customer who has paid, and two replicas that follow the gateway's disputes. */
const desk = async () => {
  const gateway = fakeGateway();
  const { monitor, seen } = silentMonitor();
  const [tenantId, paymentId] = [newId(), newId()];
  const payments = postgresPayments(one);
  const keyed = { tenantId, idempotencyKey: newId(), request: 'r', now: clock.now() };
  const added = await payments.add({ ...keyed, id: paymentId, gateway: 'simulator', amount, nextCheckAt: clock.now(), ...byPage });
  assert.equal(added.outcome, 'done');
  const [attempt] = await payments.findAttempts([paymentId]);
  assert.ok(attempt);
  await payments.succeed({ attempt, transferId: newId(), refundId: newId(), gatewayPaymentId: 'g', now: clock.now() });
  const follow = [one, two].map((db) =>
    followDisputes({ disputes: postgresDisputes(db), gateways: new Map([['simulator', gateway.gateway]]), clock, monitor }),
  );
  const say = (status: DisputeStatus, over: Partial<DisputeStatement> = {}): void => {
    const statement = { gatewayDisputeId: `dp_${paymentId}`, reference: paymentId, status, amount, reason: 'fraudulent', ...over };
    gateway.disputes.set(statement.gatewayDisputeId, statement);
  };
  const look = () => Promise.all(follow.map((each) => each()));
  const wallet = async (): Promise<bigint> => (await postgresWallets(one).wallet(tenantId))?.balanceMicros ?? 0n;
  const list = async () =>
    (await listDisputes({ disputes: postgresDisputes(one) })(tenantId, { paymentId, status: '' }, { limit: 10, cursor: '' })).disputes;
  return { gateway, seen, tenantId, paymentId, say, look, wallet, list };
};

test('what is disputed leaves the wallet once, however often it is listed, and comes back when it is won', async () => {
  for (const outcome of ['won', 'lost'] as const) {
    const { say, look, wallet, list, seen, tenantId } = await desk();
    say('open');
    await look();
    await look();
    assert.equal(await wallet(), 0n);
    say(outcome);
    await look();
    await look();
    assert.equal(await wallet(), outcome === 'won' ? amount.micros : 0n);
    const [dispute] = await list();
    assert.deepEqual([dispute?.status, dispute?.uncoveredMicros], [outcome, 0n]);
    assert.equal(seen.filter(({ kind }) => kind === 'disputed').length, 2);
    const get = getDispute({ disputes: postgresDisputes(one) });
    assert.deepEqual(await get(tenantId, dispute?.id ?? ''), dispute);
    await assert.rejects(get(newId(), dispute?.id ?? ''), (error) => isAppError(error, 'request.not_found'));
  }
});

test('a bank that takes its decision back is followed: an appeal that is won gives back, a dispute that is taken up again takes', async () => {
  const { say, look, wallet, list, seen } = await desk();
  for (const [status, left] of [
    ['lost', 0n],
    ['won', amount.micros],
    ['open', amount.micros],
    ['lost', 0n],
    ['won', amount.micros],
    ['lost', 0n],
  ] as const) {
    say(status);
    await look();
    await look();
    assert.equal(await wallet(), left, status);
  }
  assert.deepEqual(
    (await list()).map(({ status, uncoveredMicros }) => [status, uncoveredMicros]),
    [['lost', 0n]],
  );
  assert.equal(seen.filter(({ kind }) => kind === 'disputed').length, 5, 'decided five times');
});

test('what is spent or held cannot be taken: it is shown as uncovered, and a won dispute gives back only what was taken', async () => {
  const { say, look, wallet, list, tenantId } = await desk();
  const books = postgresBooks(one);
  const keyed = () => ({ tenantId, idempotencyKey: newId(), request: 'r', now: clock.now() });
  const about = { product: 'verification', reference: 'r', description: 'd' } as const;
  await books.charge({ ...keyed(), ...about, transferId: newId(), amount: usd(10_000_000n) });
  const expiresAt = new Date(clock.now().getTime() + 3_600_000);
  await books.place({ ...keyed(), ...about, holdId: newId(), amount: usd(5_000_000n), expiresAt, expiryAcceptable: true });
  say('open');
  await look();
  assert.equal(await wallet(), 5_000_000n);
  assert.equal((await list())[0]?.uncoveredMicros, 15_000_000n);
  say('won');
  await look();
  assert.equal(await wallet(), 15_000_000n);
});

test('credit that has expired and is still there is not taken, and does not keep the rest of the wallet from being taken', async () => {
  const { say, look, wallet, list, tenantId } = await desk();
  const books = postgresBooks(one);
  const keyed = () => ({ tenantId, idempotencyKey: newId(), request: 'r', now: clock.now() });
  const expiresAt = new Date(clock.now().getTime() + 3_600_000);
  await books.grant({ ...keyed(), transferId: newId(), amount: usd(3_000_000n), reason: 'welcome', priority: 90, expiresAt });
  const about = { product: 'verification', reference: 'r', description: 'd' } as const;
  await books.charge({ ...keyed(), ...about, transferId: newId(), amount: usd(5_000_000n) });
  clock.advance(3_600_000);
  say('open');
  await look();
  assert.equal(await wallet(), 0n);
  assert.equal((await list())[0]?.uncoveredMicros, 5_000_000n);
});

test('what is first heard of when it is decided is both at once; what is about nothing of ours does nothing', async () => {
  const { say, look, wallet, list } = await desk();
  say('lost', { reference: newId(), gatewayDisputeId: newId() });
  say('lost', { reference: 'of the bakery', gatewayDisputeId: newId() });
  await look();
  assert.deepEqual(await list(), []);
  say('won');
  await look();
  assert.equal(await wallet(), amount.micros);
  assert.equal((await list())[0]?.status, 'won');
});

test('one dispute that asks for nothing keeps no other from being learned', async () => {
  const { say, look, wallet, list } = await desk();
  say('won', { gatewayDisputeId: newId(), amount: usd(0n) });
  say('open');
  await look();
  assert.deepEqual([(await list()).map(({ status }) => status), await wallet()], [['open'], 0n]);
});

test('open disputes of all tenants are found by an index, whatever has been decided before', async () => {
  const plan = await one.transaction(async (tx) => {
    // A small table is read in sequence whatever its indexes; this asks whether there is one to use.
    await tx.query('set local enable_seqscan = off');
    return tx.query<{ 'QUERY PLAN': string }>(`explain ${listSql}`, [null, null, 'open', null, null, 21]);
  });
  assert.match(plan.map((row) => row['QUERY PLAN']).join('\n'), /Index Cond: .*status = /);
});

test('one dispute that cannot be recorded keeps no other from being learned', async () => {
  const { gateway, say, look, wallet, list } = await desk();
  // PostgreSQL knows no such text.
  say('open', { gatewayDisputeId: newId(), reason: 'fraud\0ulent' });
  say('open');
  await assert.rejects(look());
  assert.deepEqual([(await list()).map(({ status }) => status), await wallet()], [['open'], 0n]);
  gateway.disputes.clear();
});

test(`lists in any order, on two replicas at once, with silence between them, end as the gateway ends (seed ${seed})`, async () => {
  const steps = fc.array(fc.constantFrom('look', 'open', 'silence', 'speak', 'decide'), { minLength: 3, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(steps, fc.constantFrom('won', 'lost'), async (chosen, outcome) => {
      const { gateway, say, look, wallet, list } = await desk();
      say('open');
      for (const step of chosen) {
        if (step === 'look') await look();
        if (step === 'silence') gateway.faults.verifyLost = true;
        if (step === 'speak') gateway.faults.verifyLost = false;
        if (step === 'decide') say(outcome);
        // A stale answer, after the decision too.
        if (step === 'open') say('open');
      }
      gateway.faults.verifyLost = false;
      say(outcome);
      await look();
      assert.deepEqual([(await list()).map(({ status }) => status), await wallet()], [[outcome], outcome === 'won' ? amount.micros : 0n]);
    }),
    { seed, numRuns: 25, endOnFailure: true },
  );
});
