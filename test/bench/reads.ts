/**
 * A part of `make bench`: status reads beside the least that an authenticated read can cost, measured in turns in the same run.
 * BENCH_READS (1,000 for each figure of a round, five times as many of what is answered from memory), BENCH_WARM_UP_SECONDS (for each, 5).
 */
import pg from 'pg';
import { v7 } from 'uuid';
import { changeSimulator } from '../support/platform.ts';
import { startChild, type Stops } from './child.ts';
import { cpuByPart, sharesOf } from './cpu.ts';
import { openCustomer } from './customer.ts';
import { leanClient, type LeanClient } from './lean-client.ts';
import { runLoad } from './load.ts';

const count = Number(process.env['BENCH_READS'] ?? 1_000);
/**
 * V8 compiles a function for good after it has run some ten thousand times, a short route's functions sooner than a long one's. A gateway is
 * older than that a minute after its start.
 */
const warmUpMs = Number(process.env['BENCH_WARM_UP_SECONDS'] ?? 5) * 1_000;
/** Many and short: what else the machine does changes within seconds, and only neighbours are compared. */
const rounds = 15;
const inFlight = 32;
const aim = 0.7;
const bare = 'bare authenticated route';
const bareHop = 'bare authenticated route with a bare gRPC hop';
/** What a customer's loop asks: answered from memory while nothing happens (docs/adr/0073). */
const waiting = 'status read, number that waits';
const withCode = 'status read, with its code';
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const stops: Stops = [];
let failed = false;
try {
  const { platform, apiKey, headers, buy, get } = await openCustomer(stops);
  const servicePort = await startChild(stops, 'test/bench/floor/service.ts', platform.databaseUrl('verification'));
  const floorPort = await startChild(stops, 'test/bench/floor/reads.ts', String(servicePort), apiKey);
  const floor = await leanClient(`http://127.0.0.1:${floorPort}`, inFlight, headers);
  const gateway = await leanClient(platform.gatewayUrl, inFlight, headers);
  stops.unshift(() => [floor, gateway].forEach(({ close }) => close()));
  const ids = await buy(500);
  await changeSimulator(platform.simulatorUrl, { handlerApi: { noCodeRatio: 0, codeDelayMinMs: 1, codeDelayMaxMs: 50 } });
  const withCodes = await buy(500);
  for (const id of withCodes) while ((await get(`/v2/verifications/${id}`)).code === null) await sleep(100);
  const client = new pg.Client({ connectionString: platform.databaseUrl('verification') });
  await client.connect();
  const rows = Array.from({ length: ids.length }, () => v7());
  await client.query(`insert into floor (id, service, country) select id, 'telegram', 'ID' from unnest($1::uuid[]) as id`, [rows]);
  await client.query('analyze floor');
  await client.end();

  const read = (from: LeanClient, pathOf: (index: number) => string) => async (index: number) => {
    const status = await from.get(pathOf(index));
    if (status !== 200) throw new Error(`${pathOf(index)}: ${status}`);
  };
  const any = (from: readonly string[], index: number): string => from[index % from.length] ?? '';
  const kinds = [
    { name: bare, each: 5 * count, request: read(floor, () => '/bare') },
    { name: bareHop, each: count, request: read(floor, (index) => `/hop/${any(rows, index)}`) },
    { name: waiting, each: 5 * count, request: read(gateway, (index) => `/v2/verifications/${any(ids, index)}`) },
    { name: withCode, each: count, request: read(gateway, (index) => `/v2/verifications/${any(withCodes, index)}`) },
  ];
  for (const { request } of kinds) await runLoad({ inFlight, count: Number.POSITIVE_INFINITY, limitMs: warmUpMs, request });
  const rates = new Map<string, number[]>();
  for (let round = 0; round < rounds; round++) {
    for (const { name, each, request } of kinds) {
      const before = cpuByPart(platform);
      const result = await runLoad({ inFlight, count: each, limitMs: 30_000, request });
      failed ||= result.failed > 0;
      if (result.firstFailure) say(`${name}: ${result.firstFailure}`);
      rates.set(name, [...(rates.get(name) ?? []), result.perSecond]);
      say(
        `${name.padEnd(46)} ${result.perSecond.toFixed(0).padStart(6)}/s  p50 ${result.p50Ms.toFixed(1)} ms  p99 ${result.p99Ms.toFixed(1)} ms  CPU ms each: ${sharesOf(before, cpuByPart(platform), result.done)}`,
      );
    }
  }
  /** Of neighbours in time only: what else the machine does differs from round to round by more than what is compared. */
  const ratio = (name: string, floorName: string): void => {
    const floors = rates.get(floorName) ?? [];
    const each = (rates.get(name) ?? []).map((rate, round) => rate / (floors[round] ?? Number.NaN));
    const sorted = each.toSorted((a, b) => a - b).map((one) => one.toFixed(2));
    const spread = `${sorted[0]} to ${sorted.at(-1)} in ${sorted.length} rounds`;
    say(`${name}, of the ${floorName}: median ${sorted[Math.floor(sorted.length / 2)]} (${spread}); aim: ${aim}`);
  };
  ratio(waiting, bare);
  ratio(waiting, bareHop);
  ratio(withCode, bareHop);
} finally {
  for (const stop of stops) await stop();
}
process.exit(failed ? 1 : 0);
