/**
 * A part of `make bench`: status reads beside the least that an authenticated read can cost, measured in turns in the same run.
 * BENCH_READS (3,000 for each figure).
 */
import pg from 'pg';
import { Pool } from 'undici';
import { v7 } from 'uuid';
import { changeSimulator } from '../support/platform.ts';
import { startChild, type Stops } from './child.ts';
import { cpuByPart, sharesOf } from './cpu.ts';
import { openCustomer } from './customer.ts';
import { runLoad } from './load.ts';

const count = Number(process.env['BENCH_READS'] ?? 3_000);
const rounds = 5;
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
  const { platform, apiKey, headers, pool, buy, get } = await openCustomer(stops);
  const servicePort = await startChild(stops, 'test/bench/floor/service.ts', platform.databaseUrl('verification'));
  const floor = new Pool(`http://127.0.0.1:${await startChild(stops, 'test/bench/floor/reads.ts', String(servicePort), apiKey)}`, {
    connections: inFlight,
  });
  stops.unshift(() => floor.destroy());
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

  const read = (from: Pool, pathOf: (index: number) => string) => async (index: number) => {
    const { statusCode, body } = await from.request({ method: 'GET', path: pathOf(index), headers });
    await body.dump();
    if (statusCode !== 200) throw new Error(`${pathOf(index)}: ${statusCode}`);
  };
  const any = (from: readonly string[], index: number): string => from[index % from.length] ?? '';
  const kinds = [
    { name: bare, request: read(floor, () => '/bare') },
    { name: bareHop, request: read(floor, (index) => `/hop/${any(rows, index)}`) },
    { name: waiting, request: read(pool, (index) => `/v2/verifications/${any(ids, index)}`) },
    { name: withCode, request: read(pool, (index) => `/v2/verifications/${any(withCodes, index)}`) },
  ];
  const rates = new Map<string, number[]>();
  for (let round = 0; round <= rounds; round++) {
    for (const { name, request } of kinds) {
      const before = cpuByPart(platform);
      const result = await runLoad({ inFlight, count, limitMs: 30_000, request });
      failed ||= result.failed > 0;
      if (result.firstFailure) say(`${name}: ${result.firstFailure}`);
      // The first round warms up.
      if (round === 0) continue;
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
