/**
 * `node test/bench/ledger.ts`, the ledger part of `make bench`: billing as a process of its own with its PostgreSQL (fsync) and
 * NATS, called over gRPC, beside what others do on the same PostgreSQL in the same run: TPC-B by pgbench, and a naive transfer by an
 * ORM. The load generator shares the machine, too. BENCH_SECONDS (4) per figure after BENCH_WARM_UP_SECONDS (5), BENCH_ONLY (a regular expression) for some of them; in the end the books are audited.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { grpcClient, systemPrincipal } from '#platform/grpc/index.ts';
import { newId } from '#platform/ids/index.ts';
import { ensureStreams, openBus } from '#platform/messaging/index.ts';
import { money } from '#platform/money/index.ts';
import { migrate } from '#platform/postgres/index.ts';
import { startProcess } from '#platform/testing/process.ts';
import { hourMs } from '#platform/time/index.ts';
import { LedgerServiceClient } from '#proto/namaskah/billing/v1/billing.ts';
import { LedgerCommandServiceClient } from '#proto/namaskah/billing/v1/ledger.ts';
import { migrations } from '../../services/billing/adapters/postgres/migrations/index.ts';
import { plainBooks } from '../../services/billing/testing/ledger/plain-books.ts';
import { charging } from '../../services/billing/testing/ledger/books.contract.ts';
import { openBooks } from '../../services/billing/testing/ledger/postgres-books.ts';
import { verifyDatabase } from '../../services/billing/verify.ts';
import { startNats } from '../../tools/infra/nats.ts';
import { ensureDatabase, startPostgres } from '../../tools/infra/postgres.ts';
import { cpuMs, stolenMs } from './cpu.ts';
import { openNaive } from './ledger/naive.ts';
import { openTpcB } from './ledger/tpcb.ts';
import { type LoadResult, runLoad, runSteadily } from './load.ts';

const seconds = Number(process.env['BENCH_SECONDS'] ?? 4);
const warmUpSeconds = Number(process.env['BENCH_WARM_UP_SECONDS'] ?? 5);
const only = new RegExp(process.env['BENCH_ONLY'] ?? '');
const accounts = 1_000;
const rounds = 5;
/** As many as `min_wal_size` of the server keeps. */
const walSegments = 16;
const principalKey = 'key-of-the-ledger-benchmark-0123456789';

const stops: (() => Promise<unknown>)[] = [];
const print = (line: string): void => void process.stdout.write(`${line}\n`);

const directory = await mkdtemp(join(tmpdir(), 'namaskah-ledger-bench-'));
stops.push(() => rm(directory, { recursive: true, force: true }));
let failed = false;
try {
  print(`Ledger. ${cpus().length} cores, ${seconds} s each after a warm-up, ${accounts} accounts where they are many`);
  const postgres = await startPostgres({ dataDir: join(directory, 'postgres'), durable: true });
  stops.unshift(() => postgres.stop());
  const nats = await startNats({ dir: join(directory, 'nats') });
  stops.unshift(() => nats.stop());
  const bus = await openBus({ url: nats.url, name: 'bench' });
  await ensureStreams(bus);
  await bus.close();
  // As on a server that has run for a while: WAL goes into segments that exist. A new one is 16 MB of zeros, synced while every commit waits: one or
  // two a second at these rates, and so the slowest call in a hundred.
  const admin = new pg.Client({ connectionString: postgres.url });
  await admin.connect();
  await admin.query('create table segments (filled integer)');
  for (let segment = 0; segment < walSegments; segment++) {
    await admin.query('insert into segments values ($1)', [segment]);
    await admin.query('select pg_switch_wal()');
  }
  await admin.query('drop table segments');
  await admin.query('checkpoint');
  await admin.end();
  const database = (name: string): Promise<string> => ensureDatabase(postgres.url, { name, password: 'of-the-benchmark' });
  const databaseUrl = await database('billing');
  await migrate({ url: databaseUrl, migrations });
  const billing = await startProcess('services/billing/main.ts', {
    ENVIRONMENT: 'test',
    DATABASE_URL: databaseUrl,
    NATS_URL: nats.url,
    PRINCIPAL_KEY: principalKey,
    PAYMENT_SIMULATOR_URL: 'http://127.0.0.1:9',
    PAYMENT_SIMULATOR_SECRET: 'never-called',
    PUBLIC_URL: 'http://public.test',
  });
  stops.unshift(() => billing.close());
  const options = {
    address: `127.0.0.1:${billing.addresses['grpc']}`,
    principalKey,
    caller: 'bench',
    defaultDeadlineMs: 30_000,
  };
  const ledger = grpcClient(LedgerServiceClient, options);
  const commands = grpcClient(LedgerCommandServiceClient, options);
  stops.unshift(() => Promise.all([ledger.close(), commands.close()]));

  /**
   * As on a server that has run for a while: statistics (autovacuum makes them within a minute; until then, plans are those of empty
   * tables), and a checkpoint, after which WAL goes into segments that exist. Before each figure, so that none pays for another.
   */
  const settle = async (url: string): Promise<void> => {
    for (const [connectionString, sql] of [
      [url, 'analyze'],
      [postgres.url, 'checkpoint'],
    ] as const) {
      const client = new pg.Client({ connectionString });
      await client.connect();
      await client.query(sql);
      await client.end();
    }
  };
  /** What follows a charge at leisure: its event goes out, it is sealed. Waited for after each figure, so that none pays for another. */
  const settled = async (): Promise<number> => {
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    const startedAt = performance.now();
    for (const deadline = startedAt + 60_000; performance.now() < deadline; await new Promise((resolve) => setTimeout(resolve, 100))) {
      const { rows } = await client.query(
        'select exists (select 1 from outbox where published_at is null and parked_at is null) or exists (select 1 from unsealed_transfers) as waiting',
      );
      if (!(rows[0] as { waiting: boolean }).waiting) break;
    }
    await client.end();
    return (performance.now() - startedAt) / 1_000;
  };
  const used = (): readonly (readonly [string, number])[] => {
    const { user, system } = process.cpuUsage();
    return [
      ['PostgreSQL', cpuMs(postgres.pid)],
      ['billing', cpuMs(billing.pid)],
      ['load', (user + system) / 1_000],
    ];
  };
  const figures = new Map<string, number>();
  /**
   * @param size commands in one request
   * @param besides another load than that of so many callers who wait for their answers
   */
  const measure = async (
    name: string,
    inFlight: number,
    request: (at: number) => Promise<void>,
    size = 1,
    besides?: (request: (at: number) => Promise<void>) => Promise<LoadResult>,
  ): Promise<void> => {
    if (!only.test(name)) return;
    // V8 compiles for good late: a service that has just started makes a quarter fewer charges a second, and its slowest calls take half as long again.
    const { done: warmedUp } = await runLoad({ inFlight, count: Number.MAX_SAFE_INTEGER, limitMs: warmUpSeconds * 1_000, request });
    await settled();
    await settle(databaseUrl);
    const before = used();
    const [stolen, startedAt] = [stolenMs(), performance.now()];
    const counted = (at: number): Promise<void> => request(at + warmedUp);
    const closed = () => runLoad({ inFlight, count: Number.MAX_SAFE_INTEGER, limitMs: seconds * 1_000, request: counted });
    const { perSecond, p50Ms, p99Ms, done, failed: wrong, firstFailure } = await (besides?.(counted) ?? closed());
    failed ||= wrong > 0;
    figures.set(name, perSecond * size);
    const stolenPercent = ((stolenMs() - stolen) / (performance.now() - startedAt) / cpus().length) * 100;
    const cpu = used().map(([part, ms], at) => `${part} ${((ms - (before[at]?.[1] ?? 0)) / Math.max(1, done * size)).toFixed(2)}`);
    print(
      `${name.padEnd(62)} ${(perSecond * size).toFixed(0).padStart(6)}/s  p50 ${p50Ms.toFixed(1).padStart(6)} ms  p99 ${p99Ms.toFixed(1).padStart(6)} ms  CPU ms each: ${cpu.join(', ')}${stolenPercent >= 1 ? `, stolen from the machine ${stolenPercent.toFixed(0)} %` : ''}`,
    );
    const after = await settled();
    if (after > 1) print(`  events and seals followed within ${after.toFixed(1)} s`);
    if (firstFailure !== undefined) print(`  ${wrong} failed, the first: ${firstFailure}`);
  };

  const tpcB = only.test('TPC-B') ? openTpcB(await database('tpcb')) : undefined;
  if (tpcB === null) print('TPC-B: pgbench is not installed');
  const measureTpcB = async (sessions = 16): Promise<void> => {
    if (!tpcB) return;
    await settle(databaseUrl);
    const { perSecond, p50Ms, p99Ms } = tpcB(seconds, sessions);
    if (sessions === 16) figures.set('tpcb', perSecond);
    print(
      `${`TPC-B by pgbench: scale 20, ${sessions} sessions, prepared`.padEnd(62)} ${perSecond.toFixed(0).padStart(6)}/s  p50 ${p50Ms.toFixed(1).padStart(6)} ms  p99 ${p99Ms.toFixed(1).padStart(6)} ms`,
    );
  };
  await measureTpcB();
  // What waiting for others costs where nothing but PostgreSQL is at work: beside the p99 of our 64 calls.
  await measureTpcB(64);

  const naive = await openNaive(await database('naive'), 10);
  stops.unshift(() => naive.close());
  const [hotFrom, platformAccount] = [await naive.account(10n ** 15n), await naive.account(0n)];
  await measure('naive transfer by an ORM, one tenant to the platform, 64 calls', 64, () => naive.transfer(hotFrom, platformAccount, 1n));

  const tenants = Array.from({ length: accounts }, newId);
  const [hot = ''] = tenants;
  const tenantAt = (at: number): string => tenants[at % accounts] ?? hot;
  for (let from = 0; from < accounts; from += 50)
    await Promise.all(
      tenants
        .slice(from, from + 50)
        .map((tenantId) =>
          ledger.grantCredit(
            { idempotencyKey: 'bench', tenantId, amount: money('USD', 10n ** 12n), reason: 'Benchmark' },
            { principal: systemPrincipal('bench', tenantId) },
          ),
        ),
    );

  const db = await openBooks(databaseUrl, 10);
  stops.unshift(() => db.close());
  const plain = plainBooks(db);
  await measure('single calls without batches, one tenant, 64 calls', 64, async () => {
    if ((await plain.charge({ ...charging(hot, 1n), now: new Date() })).outcome !== 'done') throw new Error('refused');
  });

  const amount = money('USD', 1n);
  const charge = (product = 'usage') => ({ idempotencyKey: newId(), amount, product, reference: 'bench', description: 'Benchmark' });
  const products = ['verification', 'campaign', 'rental', 'subscription', 'usage'];
  const unary =
    (tenantOf: (at: number) => string, productOf: (at: number) => string) =>
    async (at: number): Promise<void> =>
      void (await commands.charge(charge(productOf(at)), { principal: systemPrincipal('bench', tenantOf(at)) }));
  const usage = (): string => 'usage';
  const hotCharge = unary(() => hot, usage);
  for (const inFlight of [64, 512]) {
    await measure(
      `charges over gRPC, spread over tenants and products, ${inFlight} calls`,
      inFlight,
      unary(tenantAt, (at) => products[at % 5] ?? ''),
    );
    await measure(`charges over gRPC, platform-hot: many tenants, one product, ${inFlight} calls`, inFlight, unary(tenantAt, usage));
    await measure(`charges over gRPC, one hot tenant, ${inFlight} calls`, inFlight, hotCharge);
  }
  // What a service's callers see: they come when they come, and a machine is not kept full.
  const half = Math.round((figures.get('charges over gRPC, one hot tenant, 64 calls') ?? 6_000) / 2);
  await measure('charges over gRPC, one hot tenant, at half the rate of 64 calls', 64, hotCharge, 1, (request) =>
    runSteadily({ perSecond: half, limitMs: seconds * 1_000, request }),
  );

  const none = { place: undefined, capture: undefined, release: undefined, charge: undefined };
  const execute = async (items: Parameters<typeof commands.execute>[0]['items']) => {
    const { results } = await commands.execute({ items }, { principal: systemPrincipal('bench', hot) });
    const wrong = results.find(({ error }) => error !== undefined);
    if (wrong !== undefined) throw new Error(wrong.error?.code);
    return results;
  };
  const together =
    (size: number, tenantOf: (at: number) => string) =>
    async (at: number): Promise<void> =>
      void (await execute(
        Array.from({ length: size }, (_, each) => ({ ...none, tenantId: tenantOf(at * size + each), charge: charge() })),
      ));
  await measure(
    'charges, 16 to a call, one hot tenant, 64 commands in 4 calls',
    4,
    together(16, () => hot),
    16,
  );
  const hotCharges = together(64, () => hot);
  await measure('charges, 64 to a call, one hot tenant, 512 commands in 8 calls', 8, hotCharges, 64);
  await measure('charges, 64 to a call, spread over tenants, 512 commands in 8 calls', 8, together(64, tenantAt), 64);

  const place = () => ({
    idempotencyKey: newId(),
    amount,
    product: 'verification',
    reference: 'bench',
    description: 'Benchmark',
    expiresAt: new Date(Date.now() + hourMs),
    quoteId: '',
  });
  const capture = (holdId: string) => ({ idempotencyKey: newId(), holdId, amount, final: true });
  const own = { principal: systemPrincipal('bench', hot) };
  await measure('pairs of hold and capture over gRPC, one account, 64 pairs', 64, async () => {
    const { hold } = await ledger.placeHold(place(), own);
    await ledger.captureHold(capture(hold?.id ?? ''), own);
  });
  await measure(
    'pairs of hold and capture, 64 to a call, one account, 256 pairs',
    4,
    async () => {
      const placed = await execute(Array.from({ length: 64 }, () => ({ ...none, tenantId: hot, place: place() })));
      await execute(placed.map(({ hold }) => ({ ...none, tenantId: hot, capture: capture(hold?.id ?? '') })));
    },
    64,
  );

  // In turns, each beside its neighbours in time: what else a machine does differs from minute to minute by more than what is compared.
  const naiveName = 'naive transfer by an ORM, one tenant to the platform, 64 calls';
  const hotNames = [
    'charges over gRPC, one hot tenant, 512 calls',
    'charges, 64 to a call, one hot tenant, 512 commands in 8 calls',
  ] as const;
  const besides = new Map<string, { tpcB: number; naive: number }[]>();
  for (let round = 0; round < rounds && hotNames.some((name) => only.test(name)); round++) {
    await measureTpcB();
    await measure(hotNames[0], 512, hotCharge);
    await measure(hotNames[1], 8, hotCharges, 64);
    for (const name of hotNames.filter((hotName) => only.test(hotName))) {
      const of = (floor: string): number => (figures.get(name) ?? Number.NaN) / (figures.get(floor) ?? Number.NaN);
      besides.set(name, [...(besides.get(name) ?? []), { tpcB: of('tpcb'), naive: of(naiveName) }]);
    }
  }
  const spread = (ratios: readonly number[]): string => {
    if (ratios.some(Number.isNaN)) return 'not measured';
    const sorted = ratios.toSorted((a, b) => a - b).map((ratio) => ratio.toFixed(1));
    return `${sorted[Math.floor(sorted.length / 2)]} (${sorted[0]} to ${sorted.at(-1)})`;
  };
  for (const [name, ratios] of besides)
    print(
      `${name}: ${spread(ratios.map(({ tpcB }) => tpcB))} × TPC-B (aim: 3), ${spread(ratios.map(({ naive }) => naive))} × naive (aim: 8), median and spread of ${rounds} rounds`,
    );
  const divergence = await verifyDatabase(databaseUrl);
  print(divergence === undefined ? 'The books agree.' : `Divergence: ${JSON.stringify(divergence)}`);
  failed ||= divergence !== undefined;
} finally {
  for (const stop of stops) await stop();
}
process.exit(failed ? 1 : 0);
