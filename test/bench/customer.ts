/**
 * A whole platform with a customer who has credit: what the benchmarks of reads and of the live stream begin with.
 * BENCH_PROFILES names a folder for CPU profiles of its processes.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { Pool } from 'undici';
import { startPlatform, type Platform } from '../../tools/platform.ts';
import { changeSimulator, grantCredit } from '../support/platform.ts';
import type { Stops } from './child.ts';
import { runLoad } from './load.ts';

const limitMs = 60_000;

export interface Customer {
  readonly platform: Platform;
  readonly apiKey: string;
  readonly headers: { readonly authorization: string };
  readonly pool: Pool;
  /** @throws for any status but 200 */
  get(path: string): Promise<any>;
  /** Numbers whose codes nobody sends by himself. @returns the ids of the verifications */
  buy(count: number): Promise<readonly string[]>;
}

/** As autovacuum does within a minute: until then, plans are those of empty tables. */
const analyse = async (platform: Platform): Promise<void> => {
  for (const database of ['auth', 'billing', 'verification', 'analytics', 'notification']) {
    const client = new pg.Client({ connectionString: platform.databaseUrl(database) });
    await client.connect();
    await client.query('analyze');
    await client.end();
  }
};

export const openCustomer = async (stops: Stops): Promise<Customer> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'namaskah-bench-'));
  stops.unshift(() => rm(dataDir, { recursive: true, force: true }));
  const profiles = process.env['BENCH_PROFILES'];
  const env = {
    ...{ RATE_LIMIT_FACTOR: '100000', POLICY_LIMIT_FACTOR: '100000', LOG_LEVEL: 'warn' },
    ...(profiles === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-interval=500 --cpu-prof-dir=${resolve(profiles)}` }),
  };
  const platform = await startPlatform({ dataDir, quiet: true, env: { all: env } });
  stops.unshift(() => platform.stop());
  const { demo } = platform;
  if (!demo) throw new Error('the demo customer is missing');
  const headers = { authorization: `Bearer ${demo.apiKey}` };
  const pool = new Pool(platform.gatewayUrl, { connections: 32 });
  stops.unshift(() => pool.destroy());
  const get: Customer['get'] = async (path) => {
    const { statusCode, body } = await pool.request({ method: 'GET', path, headers });
    const answer = (await body.json()) as any;
    if (statusCode !== 200) throw new Error(`${path}: ${statusCode} ${JSON.stringify(answer).slice(0, 300)}`);
    return answer;
  };
  await grantCredit(platform, (await get('/v2/me')).tenant.id, '1000000.00');
  await changeSimulator(platform.simulatorUrl, { handlerApi: { noCodeRatio: 1 } });
  const purchase = { service: 'telegram', country: 'ID', capability: 'sms' };
  const buy: Customer['buy'] = async (count) => {
    const ids: string[] = [];
    const request = async (): Promise<void> => {
      const sent = { ...headers, 'content-type': 'application/json' };
      const { statusCode, body } = await pool.request({
        method: 'POST',
        path: '/v2/verifications',
        headers: sent,
        body: JSON.stringify(purchase),
      });
      const answer = (await body.json()) as { id: string };
      if (statusCode !== 201) throw new Error(`${statusCode} ${JSON.stringify(answer).slice(0, 300)}`);
      ids.push(answer.id);
    };
    const { failed, firstFailure } = await runLoad({ inFlight: 16, count, limitMs, request });
    if (failed > 0) throw new Error(`${failed} purchases failed: ${firstFailure}`);
    await analyse(platform);
    return ids;
  };
  return { platform, apiKey: demo.apiKey, headers, pool, get, buy };
};
