/**
 * `make bench`: purchases through the whole platform, beside a floor measured in the same run: Fastify → gRPC → one-row
 * insert, nothing else. What counts is the ratio: figures of one machine and day say little by themselves.
 * Everything, the load generator too, shares this machine's cores.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { Pool } from 'undici';
import { startPlatform } from '../../tools/platform.ts';
import { changeSimulator, grantCredit } from '../support/platform.ts';
import { cpuByPart, sharesOf } from './cpu.ts';
import { startChild, type Stops } from './child.ts';
import { runLoad, type LoadResult } from './load.ts';

const inFlight = 64;
const count = Number(process.env['BENCH_COUNT'] ?? 3_000);
const rounds = 5;
/** Some fifteen seconds: until then V8 still compiles what is measured (50 to 70 functions of each process with every 3,000 requests). */
const warmUp = Number(process.env['BENCH_WARM_UP'] ?? 15_000);
/** None of the numbers gets its code here, and those that warm up are as many as those that count: looking after them is no part of a purchase. */
const noLooksMs = 10 * 60_000;
const limitMs = 60_000;
/** For 20 s after its first price lists a platform looks at all of them again, so as not to miss what was being written: no part of its days. */
const calmAfterMs = 20_000;

const stops: Stops = [];

const json = { 'content-type': 'application/json' };

const poster = (pool: Pool, path: string, expected: number, headers: Record<string, string> = {}) => {
  return async (body: unknown): Promise<void> => {
    const response = await pool.request({ method: 'POST', path, headers: { ...json, ...headers }, body: JSON.stringify(body) });
    const text = await response.body.text();
    if (response.statusCode !== expected) throw new Error(`${path}: ${response.statusCode} ${text.slice(0, 300)}`);
  };
};

const show = (name: string, { perSecond, p50Ms, p99Ms, done, failed, firstFailure }: LoadResult): void => {
  process.stdout.write(
    `${name.padEnd(44)} ${perSecond.toFixed(0).padStart(6)}/s  p50 ${p50Ms.toFixed(1).padStart(6)} ms  p99 ${p99Ms.toFixed(1).padStart(6)} ms  (${done} done, ${failed} failed)\n`,
  );
  if (firstFailure) process.stdout.write(`  first failure: ${firstFailure}\n`);
};

const dataDir = await mkdtemp(join(tmpdir(), 'namaskah-bench-'));
stops.push(() => rm(dataDir, { recursive: true, force: true }));
let failed = false;
try {
  process.stdout.write(`${cpus().length} cores, ${inFlight} in flight, ${count} requests after ${warmUp} to warm up\n`);
  const platform = await startPlatform({
    dataDir,
    quiet: true,
    env: { all: { RATE_LIMIT_FACTOR: '100000', POLICY_LIMIT_FACTOR: '100000', LOG_LEVEL: 'warn', POLL_FIRST_MS: String(noLooksMs) } },
  });
  stops.unshift(() => platform.stop());

  const servicePort = await startChild(stops, 'test/bench/floor/service.ts', platform.databaseUrl('verification'));
  const gatewayPort = await startChild(stops, 'test/bench/floor/gateway.ts', String(servicePort));
  const floorPool = new Pool(`http://127.0.0.1:${gatewayPort}`, { connections: inFlight });
  const floorPost = poster(floorPool, '/floor', 201);
  const pool = new Pool(platform.gatewayUrl, { connections: inFlight });
  stops.unshift(() => Promise.all([floorPool.destroy(), pool.destroy()]).then(() => {}));

  const { demo } = platform;
  if (!demo) throw new Error('the demo customer is missing');
  const me = (await (await fetch(`${platform.gatewayUrl}/v2/me`, { headers: { authorization: `Bearer ${demo.apiKey}` } })).json()) as {
    tenant: { id: string };
  };
  await grantCredit(platform, me.tenant.id, '1000000.00');
  const purchase = poster(pool, '/v2/verifications', 201, { authorization: `Bearer ${demo.apiKey}` });
  const body = { service: 'telegram', country: 'ID', capability: 'sms' };
  const simulator = (settings: unknown) => changeSimulator(platform.simulatorUrl, settings);

  /**
   * As autovacuum does within a minute: until then, plans are those of empty tables. Both the floor and the platform get it.
   * Done by each owner; the plans that sessions keep are made anew.
   */
  const analyse = async (): Promise<void> => {
    for (const database of ['auth', 'billing', 'verification', 'analytics']) {
      const client = new pg.Client({ connectionString: platform.databaseUrl(database) });
      await client.connect();
      await client.query('analyze');
      await client.end();
    }
  };

  const measure = async (name: string, request: () => Promise<void>): Promise<number> => {
    const before = cpuByPart(platform);
    const result = await runLoad({ inFlight, count, limitMs, request });
    show(name, result);
    process.stdout.write(`  CPU ms each: ${sharesOf(before, cpuByPart(platform), result.done)}\n`);
    failed ||= result.failed > 0;
    return result.perSecond;
  };
  const warm = (request: () => Promise<void>, count = warmUp): Promise<LoadResult> => runLoad({ inFlight, count, limitMs, request });
  const floorRequest = (): Promise<void> => floorPost(body);
  const purchaseRequest = (): Promise<void> => purchase(body);

  await new Promise((resolve) => setTimeout(resolve, calmAfterMs));
  await warm(floorRequest);
  await simulator({ handlerApi: { noCodeRatio: 1 } });
  await warm(purchaseRequest);
  await analyse();

  // In turns, each beside its neighbours in time: what else a machine does differs from minute to minute by more than what is compared.
  const floors = [await measure('floor: Fastify → gRPC → one-row insert', floorRequest)];
  const beside: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const bare = await measure('purchase: policy, hold, provider, waiting', purchaseRequest);
    floors.push(await measure('floor again', floorRequest));
    beside.push((2 * bare) / (floors[round]! + floors[round + 1]!));
  }
  await simulator({ handlerApi: { noCodeRatio: 0, codeDelayMinMs: 200, codeDelayMaxMs: 800 } });
  await warm(purchaseRequest, Math.min(count, warmUp));
  await analyse();
  const whole = await measure('purchase, with codes arriving and captured', purchaseRequest);

  const sorted = beside.toSorted((a, b) => a - b).map((ratio) => ratio.toFixed(2));
  // No floor after it: what follows the codes goes on for seconds.
  const withCodes = whole / floors.at(-1)!;
  process.stdout.write(
    `ratio to the floor: median ${sorted[Math.floor(rounds / 2)]} of ${rounds} rounds (${sorted[0]} to ${sorted.at(-1)}) purchase, ${withCodes.toFixed(2)} with codes (aim: 0.40)\n`,
  );
} finally {
  for (const stop of stops) await stop();
}
process.exit(failed ? 1 : 0);
