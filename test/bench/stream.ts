/**
 * The last part of `make bench`: how long a code takes from the provider's push to the customer's open stream, at a steady rate of codes;
 * and how a status read compares with another authenticated read. BENCH_CODES (1,000), BENCH_CODE_RATE (200 a second).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'undici';
import { openSse } from '../../services/gateway/testing/stream-client.ts';
import { startPlatform } from '../../tools/platform.ts';
import { changeSimulator, grantCredit } from '../support/platform.ts';
import { runLoad } from './load.ts';

const codes = Number(process.env['BENCH_CODES'] ?? 1_000);
const perSecond = Number(process.env['BENCH_CODE_RATE'] ?? 200);
const limitMs = 60_000;
const aimMs = 50;

const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const dataDir = await mkdtemp(join(tmpdir(), 'namaskah-bench-'));
const stops: (() => Promise<unknown> | void)[] = [() => rm(dataDir, { recursive: true, force: true })];
let failed = false;
try {
  const env = { RATE_LIMIT_FACTOR: '100000', POLICY_LIMIT_FACTOR: '100000', LOG_LEVEL: 'warn' };
  const platform = await startPlatform({ dataDir, quiet: true, env: { all: env } });
  stops.unshift(() => platform.stop());
  const { demo } = platform;
  if (!demo) throw new Error('the demo customer is missing');
  const headers = { authorization: `Bearer ${demo.apiKey}` };
  const pool = new Pool(platform.gatewayUrl, { connections: 32 });
  const simulator = new Pool(platform.simulatorUrl, { connections: 64 });
  stops.unshift(() => Promise.all([pool.destroy(), simulator.destroy()]));
  const get = async (path: string): Promise<any> => {
    const { statusCode, body } = await pool.request({ method: 'GET', path, headers });
    const answer = await body.json();
    if (statusCode !== 200) throw new Error(`${path}: ${statusCode} ${JSON.stringify(answer).slice(0, 300)}`);
    return answer;
  };
  await grantCredit(platform, (await get('/v2/me')).tenant.id, '1000000.00');
  await changeSimulator(platform.simulatorUrl, { handlerApi: { noCodeRatio: 1 } });

  const phones: string[] = [];
  let lastId = '';
  const bought = await runLoad({
    ...{ inFlight: 16, count: codes, limitMs },
    request: async () => {
      const body = JSON.stringify({ service: 'telegram', country: 'ID', capability: 'sms' });
      const response = await pool.request({
        method: 'POST',
        path: '/v2/verifications',
        headers: { ...headers, 'content-type': 'application/json' },
        body,
      });
      const answer = (await response.body.json()) as { id: string; phoneNumber: string };
      if (response.statusCode !== 201) throw new Error(`${response.statusCode} ${JSON.stringify(answer).slice(0, 300)}`);
      phones.push(answer.phoneNumber);
      lastId = answer.id;
    },
  });
  if (bought.failed > 0) throw new Error(`${bought.failed} purchases failed: ${bought.firstFailure}`);

  for (const [name, path] of [
    ['bare authenticated read (/v2/me)', '/v2/me'],
    ['status read', `/v2/verifications/${lastId}`],
    ['bare authenticated read again', '/v2/me'],
  ] as const) {
    await runLoad({ inFlight: 32, count: 500, limitMs, request: async () => void (await get(path)) });
    const {
      perSecond: rate,
      p50Ms,
      p99Ms,
    } = await runLoad({ inFlight: 32, count: 2_000, limitMs, request: async () => void (await get(path)) });
    say(`${name.padEnd(36)} ${rate.toFixed(0).padStart(6)}/s  p50 ${p50Ms.toFixed(1)} ms  p99 ${p99Ms.toFixed(1)} ms`);
  }

  const listed = await (await fetch(`${platform.simulatorUrl}/control/activations?limit=10000`)).json();
  const activations = (listed as { data: { id: string; phoneNumber?: string; phone?: string }[] }).data;
  const client = await openSse(`${platform.gatewayUrl}/v2/stream?types=verification.code_received`, headers);
  stops.unshift(() => client.close());
  const sentAt = new Map<string, number>();
  const latencies: number[] = [];
  let looked = 0;
  const look = (): void => {
    const now = performance.now();
    for (; looked < client.seen.length; looked++) {
      const at = sentAt.get(client.seen[looked]?.data?.data?.phoneNumber);
      if (at !== undefined) latencies.push(now - at);
    }
  };
  const watching = setInterval(look, 1);
  const beganAt = performance.now();
  const posts: Promise<unknown>[] = [];
  for (const [index, activation] of activations.slice(0, codes).entries()) {
    const waitMs = beganAt + (index * 1_000) / perSecond - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    const digits = activation.phoneNumber ?? activation.phone ?? '';
    sentAt.set(digits.startsWith('+') ? digits : `+${digits}`, performance.now());
    posts.push(
      simulator
        .request({
          method: 'POST',
          path: `/control/activations/${activation.id}/code`,
          headers: { 'content-type': 'application/json' },
          body: '{}',
        })
        .then(({ body }) => body.dump()),
    );
  }
  await Promise.all(posts);
  const rate = (posts.length * 1_000) / (performance.now() - beganAt);
  for (let turn = 0; turn < 300 && latencies.length < posts.length; turn++) await sleep(50);
  clearInterval(watching);
  look();
  const sorted = latencies.toSorted((a, b) => a - b);
  const [p50, p99] = [quantile(sorted, 0.5), quantile(sorted, 0.99)];
  say(
    `code, push to open stream: ${latencies.length} of ${posts.length} at ${rate.toFixed(0)}/s  p50 ${p50.toFixed(1)} ms  p99 ${p99.toFixed(1)} ms (aim: p99 under ${aimMs} ms)`,
  );
  failed = latencies.length !== posts.length || posts.length === 0;
} finally {
  for (const stop of stops) await stop();
}
process.exit(failed ? 1 : 0);
