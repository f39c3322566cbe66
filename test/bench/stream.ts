/**
 * The last part of `make bench`: how long a code takes from the provider's push to the customer's open stream, at a steady rate of codes, and
 * where it spends that time. BENCH_CODES (1,000), BENCH_CODE_RATE (200 a second).
 */
import { cpus } from 'node:os';
import { AckPolicy } from '@nats-io/jetstream';
import pg from 'pg';
import { openBus } from '#platform/messaging/index.ts';
import { fromTypeId } from '#platform/ids/index.ts';
import { openSse } from '../../services/gateway/testing/stream-client.ts';
import type { Platform } from '../../tools/platform.ts';
import type { Stops } from './child.ts';
import { cpuByPart, sharesOf } from './cpu.ts';
import { openCustomer } from './customer.ts';

const codes = Number(process.env['BENCH_CODES'] ?? 1_000);
const perSecond = Number(process.env['BENCH_CODE_RATE'] ?? 200);
/** Sent before the clock runs: code that is not compiled yet is no part of a running platform. */
const warmUp = Number(process.env['BENCH_WARM_UP'] ?? 2_000);
const aimMs = 50;
/** As in main.ts: for 20 s after its first price lists a platform looks at all of them again. */
const calmAfterMs = 20_000;

const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const wallMs = (performanceMs: number): number => performance.timeOrigin + performanceMs;
const json = { 'content-type': 'application/json' };

/** Moments of one event, in milliseconds of the machine's clock. */
interface Way {
  readonly sent: number;
  readonly accepted: number;
  readonly written?: number;
  readonly stored?: number;
  readonly seen: number;
}

const subject = 'namaskah.verification.v1.activation.code-received';

/** When each event was written to the outbox. */
const writtenAt = async (platform: Platform): Promise<ReadonlyMap<string, number>> => {
  const client = new pg.Client({ connectionString: platform.databaseUrl('verification') });
  await client.connect();
  const { rows } = await client.query<{ id: string; at: string }>(
    'select id, extract(epoch from created_at) * 1000 as at from outbox where subject = $1',
    [subject],
  );
  await client.end();
  return new Map(rows.map(({ id, at }) => [id, Number(at)]));
};

/** When JetStream stored each event. */
const storedAt = async (platform: Platform, count: number): Promise<ReadonlyMap<string, number>> => {
  const bus = await openBus({ url: platform.environment('verification')['NATS_URL'] ?? platform.natsUrl, name: 'bench' });
  const consumer = await bus.jetstream.consumers.get('VERIFICATION', { filter_subjects: subject, ack_policy: AckPolicy.None } as never);
  const found = new Map<string, number>();
  const messages = await consumer.fetch({ max_messages: count, expires: 10_000 });
  for await (const message of messages) found.set(message.headers?.get('ce-id') ?? '', message.info.timestampNanos / 1e6);
  await bus.close();
  return found;
};

/** Transactions so far, by database. */
const commits = async (platform: Platform): Promise<ReadonlyMap<string, number>> => {
  const client = new pg.Client({ connectionString: platform.postgresUrl });
  await client.connect();
  const { rows } = await client.query<{ datname: string; commits: string }>(
    'select datname, xact_commit as commits from pg_stat_database where datname is not null',
  );
  await client.end();
  return new Map(rows.map((row) => [row.datname, Number(row.commits)]));
};

const stages: readonly (readonly [string, (way: Way) => number])[] = [
  ['push taken in (provider → gateway → verification)', ({ sent, accepted }) => accepted - sent],
  ['until its row is being written', ({ accepted, written = Number.NaN }) => written - accepted],
  ['commit, relay, stored in JetStream', ({ written = Number.NaN, stored = Number.NaN }) => stored - written],
  ['gateway: read, rendered, at the client', ({ stored = Number.NaN, seen }) => seen - stored],
  ['whole', ({ sent, seen }) => seen - sent],
];

const stops: Stops = [];
let failed = false;
try {
  const { platform, headers, buy } = await openCustomer(stops);
  await sleep(calmAfterMs);
  await buy(codes + warmUp);

  const listed = await (await fetch(`${platform.simulatorUrl}/control/activations?limit=10000`)).json();
  const activations = (listed as { data: { id: string }[] }).data.map(({ id }) => id);
  const client = await openSse(`${platform.gatewayUrl}/v2/stream?types=verification.code_received`, headers);
  stops.unshift(() => client.close());

  /** The provider plans them by itself: one request in all, so that what makes the load is next to nothing of it. */
  const send = async (wanted: readonly string[], aSecond: number): Promise<void> => {
    const body = JSON.stringify({ activationIds: wanted, perSecond: aSecond });
    const answer = await fetch(`${platform.simulatorUrl}/control/codes`, { method: 'POST', headers: json, body });
    if (answer.status !== 202) throw new Error(`${answer.status} ${await answer.text()}`);
    await sleep((wanted.length * 1_000) / aSecond);
  };
  const arrived = async (count: number): Promise<void> => {
    for (let turn = 0; turn < 300 && client.events().length < count; turn++) await sleep(50);
  };

  await send(activations.slice(0, warmUp), Math.max(perSecond, 200));
  await arrived(warmUp);
  const committed = await commits(platform);
  const before = cpuByPart(platform);
  const beganAt = performance.now();
  await send(activations.slice(warmUp, warmUp + codes), perSecond);
  const [elapsedMs, after] = [performance.now() - beganAt, cpuByPart(platform)];
  await arrived(warmUp + codes);
  const committedAfter = await commits(platform);

  const [written, stored] = [await writtenAt(platform), await storedAt(platform, warmUp + codes)];
  const optional = (name: 'written' | 'stored', value: number | undefined) => (value === undefined ? {} : { [name]: value });
  const ways = client.events().flatMap(({ data, atMs }): Way[] => {
    // When the provider had it, as the provider says; to the millisecond, as all that follows.
    const sent = Date.parse(data.data.messages[0].receivedAt);
    if (sent < Math.floor(wallMs(beganAt))) return [];
    const id = fromTypeId('event', data.id) ?? '';
    const moments = { ...optional('written', written.get(id)), ...optional('stored', stored.get(id)) };
    return [{ sent, accepted: Date.parse(data.occurredAt), ...moments, seen: wallMs(atMs) }];
  });
  const sentAt = ways.map(({ sent }) => sent);
  const rate = ((ways.length - 1) * 1_000) / (Math.max(...sentAt) - Math.min(...sentAt));
  say(`${ways.length} of ${codes} codes arrived, ${rate.toFixed(0)} a second, after ${warmUp} to warm up`);
  for (const [name, of] of stages) {
    const sorted = ways
      .map(of)
      .filter((ms) => !Number.isNaN(ms))
      .toSorted((a, b) => a - b);
    const [p50, p90, p99] = [0.5, 0.9, 0.99].map((q) => quantile(sorted, q).toFixed(1).padStart(6));
    say(`${name.padEnd(52)} p50 ${p50} ms  p90 ${p90} ms  p99 ${p99} ms`);
  }
  const used = [...after].reduce((sum, [name, ms]) => sum + ms - (before.get(name) ?? 0), 0);
  say(`(aim: whole p99 under ${aimMs} ms)  CPU ms a code: ${sharesOf(before, after, codes)}`);
  say(`transactions a code: ${sharesOf(committed, committedAfter, codes)}`);
  say(`the cores were ${(100 - (used * 100) / (elapsedMs * cpus().length)).toFixed(0)} % idle`);
  failed = ways.length !== codes || codes === 0;
} finally {
  for (const stop of stops) await stop();
}
process.exit(failed ? 1 : 0);
