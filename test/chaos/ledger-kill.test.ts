/**
 * Kill -9 of billing and of its PostgreSQL in the middle of batches, under load, in turns. Callers repeat with their keys until
 * they are answered. In the end everything happened exactly once, the books agree, and every key still gets its first answer.
 * Seed: CHAOS_SEED, printed.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type ErrorCode, isAppError } from '#platform/errors/index.ts';
import { grpcClient, systemPrincipal } from '#platform/grpc/index.ts';
import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import { migrate, openDatabase } from '#platform/postgres/index.ts';
import { createTestNats, eventually, startProcess, type TestNats, type TestProcess, testPrincipalKey } from '#platform/testing/index.ts';
import { hourMs } from '#platform/time/index.ts';
import { type Hold, LedgerServiceClient, WalletServiceClient } from '#proto/namaskah/billing/v1/billing.ts';
import { LedgerCommandServiceClient } from '#proto/namaskah/billing/v1/ledger.ts';
import { migrations } from '../../services/billing/adapters/postgres/migrations/index.ts';
import { verifyDatabase } from '../../services/billing/verify.ts';
import { freePort } from '../../tools/infra/child.ts';
import { ensureDatabase, type RunningPostgres, startPostgres } from '../../tools/infra/postgres.ts';

const seed = Number(process.env['CHAOS_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const random = (() => {
  // mulberry32: small, repeatable
  let state = seed;
  return (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
})();
const upTo = (n: number): number => Math.floor(random() * n);
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const tenants = Array.from({ length: 4 }, newId);
const credit = 10_000_000n;
const inFlight = 48;
const jobsPerStrike = 350;
const strikes = ['billing', 'postgres', 'billing', 'postgres'] as const;

let directory: string;
let postgres: RunningPostgres;
let nats: TestNats;
let databaseUrl: string;
let billing: TestProcess;
let environment: Record<string, string>;
const clients: { close(): Promise<void> }[] = [];

const openPostgres = (port?: number): Promise<RunningPostgres> =>
  startPostgres({ dataDir: join(directory, 'data'), durable: true, ...(port !== undefined && { port }) });
const openBilling = (): Promise<TestProcess> => startProcess('services/billing/main.ts', environment);

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'namaskah-ledger-kill-'));
  [postgres, nats] = await Promise.all([openPostgres(), createTestNats()]);
  databaseUrl = await ensureDatabase(postgres.url, { name: 'billing', password: 'billing-of-this-test' });
  await migrate({ url: databaseUrl, migrations });
  environment = {
    ENVIRONMENT: 'test',
    DATABASE_URL: databaseUrl,
    NATS_URL: nats.url,
    PRINCIPAL_KEY: testPrincipalKey,
    PAYMENT_SIMULATOR_URL: 'http://127.0.0.1:9',
    PAYMENT_SIMULATOR_SECRET: 'never-called',
    PUBLIC_URL: 'http://public.test',
    GRPC_PORT: String(await freePort()),
    LEDGER_SEAL_INTERVAL_MS: '50',
  };
  billing = await openBilling();
});
after(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await billing?.close();
  await postgres?.stop('immediate');
  await nats?.close();
  await rm(directory, { recursive: true, force: true });
});

const connect = () => {
  const options = {
    address: `127.0.0.1:${environment['GRPC_PORT']}`,
    principalKey: testPrincipalKey,
    caller: 'test',
    defaultDeadlineMs: 3_000,
  };
  const made = {
    ledger: grpcClient(LedgerServiceClient, options),
    commands: grpcClient(LedgerCommandServiceClient, options),
    wallets: grpcClient(WalletServiceClient, options),
  };
  clients.push(...Object.values(made));
  return made;
};

/** Outcomes that nobody knows, or that say "later": everything else is an answer. */
const unanswered: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'platform.unavailable',
  'platform.overloaded',
  'platform.deadline_exceeded',
  'platform.internal',
  'request.cancelled',
]);

let repeated = 0;
/** As a careful caller: the same request until there is an answer; now and then it is sent twice at once. */
const insist = async <T>(call: () => Promise<T>): Promise<T> => {
  for (const deadline = Date.now() + 60_000; ; repeated++) {
    try {
      if (random() > 0.1) return await call();
      const [first, second] = await Promise.all([call(), call()]);
      assert.deepEqual(second, first, 'two calls with one key have one answer');
      return first;
    } catch (error) {
      if (!isAppError(error) || !unanswered.has(error.code) || Date.now() > deadline) throw error;
      await sleep(20 + random() * 80);
    }
  }
};

interface Told {
  readonly call: () => Promise<unknown>;
  readonly answer: unknown;
}

test(`kill -9 under load (seed ${seed})`, { timeout: 110_000 }, async (t) => {
  t.diagnostic(`seed ${seed}`);
  const { ledger, commands, wallets } = connect();
  const system = (tenantId: string) => ({ principal: systemPrincipal('test', tenantId) });
  const usd = (micros: bigint) => money('USD', micros);
  const told: Told[] = [];
  const spent = new Map(tenants.map((tenantId) => [tenantId, 0n]));
  const spend = (tenantId: string, micros: bigint): void => void spent.set(tenantId, (spent.get(tenantId) ?? 0n) + micros);

  const tell = async <T>(call: () => Promise<T>): Promise<T> => {
    const answer = await insist(call);
    told.push({ call, answer });
    return answer;
  };
  const holdOf = ({ hold }: { readonly hold: Hold | undefined }): Hold => hold ?? assert.fail('an answer without a hold');

  for (const tenantId of tenants) {
    const grant = { idempotencyKey: 'credit', tenantId, amount: usd(credit), reason: 'Welcome' };
    await tell(() => ledger.grantCredit(grant as Parameters<typeof ledger.grantCredit>[0], system(tenantId)));
  }

  /** A hold that is captured in one or two parts or given back, or a charge: by single calls, or many commands in one. */
  const job = async (): Promise<void> => {
    // The first tenant is hot: half of the traffic is his.
    const tenantId = tenants[random() < 0.5 ? 0 : upTo(tenants.length)] ?? '';
    const to = system(tenantId);
    const amount = BigInt(1 + upTo(50));
    const common = { amount: usd(amount), product: 'verification', reference: newId(), description: 'x' };
    const kind = upTo(4);
    if (kind === 0) {
      const charge = { ...common, idempotencyKey: newId(), product: 'usage' };
      await tell(() => commands.charge(charge, to));
      spend(tenantId, amount);
      return;
    }
    const place = { ...common, idempotencyKey: newId(), expiresAt: new Date(Date.now() + hourMs), quoteId: '' };
    const { id: holdId } = holdOf(await tell(() => ledger.placeHold(place, to)));
    if (kind === 1) {
      const release = { idempotencyKey: newId(), holdId };
      await tell(() => ledger.releaseHold(release, to));
      return;
    }
    const part = { idempotencyKey: newId(), holdId, amount: usd(1n), final: amount === 1n || kind === 2 };
    await tell(() => ledger.captureHold(part, to));
    spend(tenantId, 1n);
    if (part.final) return;
    const rest = { idempotencyKey: newId(), holdId, amount: usd(amount - 1n), final: true };
    const item = { tenantId, place: undefined, capture: rest, release: undefined, charge: undefined };
    const other = {
      tenantId,
      place: undefined,
      capture: undefined,
      release: { idempotencyKey: newId(), holdId: newId() },
      charge: undefined,
    };
    const { results } = await tell(() => commands.execute({ items: [item, other] }, to));
    assert.deepEqual(
      results.map(({ error }) => error?.code),
      [undefined, 'request.not_found'],
    );
    spend(tenantId, amount - 1n);
  };

  for (const victim of strikes) {
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next++ < jobsPerStrike) await job();
    };
    const load = Promise.all(Array.from({ length: inFlight }, worker));
    // Observed below; an early failure must not be an unhandled one meanwhile.
    load.catch(() => {});
    const strikeAt = 60 + upTo(jobsPerStrike / 2);
    while (next < strikeAt) await Promise.race([sleep(2), load]);
    if (victim === 'billing') {
      await billing.kill();
      await sleep(random() * 300);
      billing = await openBilling();
    } else {
      process.kill(postgres.pid, 'SIGKILL');
      await postgres.exited;
      await sleep(random() * 300);
      const { port } = postgres;
      // Sessions of the dead server may still hold its memory for a moment.
      postgres = await eventually(() => openPostgres(port), { timeoutMs: 30_000, intervalMs: 200 });
    }
    await load;
  }
  t.diagnostic(`${told.length} commands answered, ${repeated} repetitions`);
  assert.ok(repeated >= strikes.length, 'the strikes were felt');

  const replay = async (): Promise<void> => {
    for (let at = told.pop(); at !== undefined; at = told.pop()) {
      const { call, answer } = at;
      assert.deepEqual(await insist(call), answer, 'a key gets its first answer');
    }
  };
  await Promise.all(Array.from({ length: inFlight }, replay));

  for (const tenantId of tenants) {
    const { balance, held } = await insist(() => wallets.getWallet({}, system(tenantId)));
    assert.deepEqual([balance?.micros, held?.micros], [credit - (spent.get(tenantId) ?? 0n), 0n]);
  }
  await billing.close();
  assert.equal(await verifyDatabase(databaseUrl), undefined);
  const db = await openDatabase({ url: databaseUrl, applicationName: 'test', poolMax: 1 });
  try {
    const [blocks] = await db.query<{ sealed: bigint }>(
      'select coalesce(sum(cardinality(transfer_ids)), 0)::bigint as sealed from ledger_blocks',
    );
    assert.ok((blocks?.sealed ?? 0n) > 0n, 'transfers were sealed meanwhile');
  } finally {
    await db.close();
  }
  billing = await openBilling();
});
