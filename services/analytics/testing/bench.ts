/**
 * How fast a backlog is projected, against a floor measured in the same run, and the plans of the queries.
 * `BENCH_DATABASE_URL=postgres://… BENCH_NATS_URL=nats://… node services/analytics/testing/bench.ts [events] [stored events for the plans]`
 * on an empty database of which the role is the owner, and a broker without streams (or an account of its own).
 */
import { consumers } from '#events';
import { newId } from '#platform/ids/index.ts';
import { type Bus, ensureStreams, openBus } from '#platform/messaging/index.ts';
import { type Database, migrate, openDatabase } from '#platform/postgres/index.ts';
import { dayMs, hourMs } from '#platform/time/index.ts';
import { migrations } from '../adapters/postgres/migrations/index.ts';
import { entities } from '../adapters/postgres/rows.ts';
import { appendSql, divergenceSql, figureAudit, prepareMonths, hoursQuery, sumEventsSql } from '../adapters/postgres/store.ts';
import { analyticsConfig } from '../config.ts';
import { start } from '../main.ts';
import { busyDay, publishAllRaw } from './raw-events.ts';

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const durables = ['analytics-auth', 'analytics-billing', 'analytics-verification', 'analytics-campaign'] as const;
const tenants = Array.from({ length: 50 }, newId);

const storedCount = async (db: Database): Promise<number> =>
  Number((await db.query<{ n: bigint }>('select count(*) as n from events'))[0]?.n ?? 0n);

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1_000;
};

/** The same events, bare, in batches of the same size: what PostgreSQL alone needs for the rows. */
const floor = (db: Database, count: number): Promise<number> =>
  timed(async () => {
    await db.query(
      'create table bench_floor (id uuid primary key, tenant_id uuid not null, occurred_at timestamptz not null, payload jsonb not null)',
    );
    for (let at = 0; at < count; at += 256) {
      const ids = Array.from({ length: Math.min(256, count - at) }, newId);
      await db.query(
        `insert into bench_floor select id, $2, now(), '{"service": "telegram", "country": "ID"}' from unnest($1::uuid[]) as id`,
        [ids, tenants[0]],
      );
    }
  });

const waitUntilHandled = async (bus: Bus, db: Database, count: number): Promise<void> => {
  for (const until = performance.now() + 600_000; performance.now() < until;) {
    const manager = await bus.manager();
    const infos = await Promise.all(durables.map((durable) => manager.consumers.info(consumers[durable].stream, durable)));
    if (infos.every(({ num_pending: pending, num_ack_pending: open }) => pending + open === 0) && (await storedCount(db)) >= count) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('the backlog was not projected in ten minutes');
};

/** Fills the store to `count` events by SQL; the events already there are the pattern. */
const fill = async (db: Database, count: number): Promise<void> => {
  const there = await storedCount(db);
  const rounds = Math.ceil(count / there) - 1;
  await db.query(
    `insert into events (id, tenant_id, subject, aggregate_id, aggregate_version, occurred_at, payload, figures)
     select gen_random_uuid(), tenant_id, subject, aggregate_id, aggregate_version, occurred_at - n * interval '25 hours', payload, figures
     from events cross join generate_series(1, $1::int) as n`,
    [rounds],
  );
  await db.query('truncate hourly_figures');
  await db.query(
    `insert into hourly_figures
     select tenant_id, date_trunc('hour', occurred_at, 'UTC'), part->>'f', part->>'d', sum((part->>'n')::bigint), sum((part->>'m')::bigint)
     from events cross join lateral jsonb_array_elements(figures) as part group by 1, 2, 3, 4`,
  );
  await db.query('analyze events');
  await db.query('analyze hourly_figures');
};

const explain = async (db: Database, name: string, sql: string, params: readonly unknown[]): Promise<void> => {
  const rows = await db.query<{ 'QUERY PLAN': string }>(`explain (analyze, buffers, costs off, timing off) ${sql}`, params);
  print(`\n-- ${name}\n${rows.map((row) => row['QUERY PLAN']).join('\n')}`);
};

/* oxlint-disable node/no-process-env -- run by hand, like a main.ts */
const [databaseUrl, natsUrl] = [process.env['BENCH_DATABASE_URL'], process.env['BENCH_NATS_URL']];
/* oxlint-enable node/no-process-env */
if (databaseUrl === undefined || natsUrl === undefined) throw new Error('BENCH_DATABASE_URL and BENCH_NATS_URL are to be set');
const count = Number(process.argv[2] ?? 20_000);
const stored = Number(process.argv[3] ?? 200_000);

await migrate({ url: databaseUrl, migrations });
const db = await openDatabase({ url: databaseUrl, applicationName: 'bench', poolMax: 2, entities, statementTimeoutMs: 600_000 });
const bus = await openBus({ url: natsUrl, name: 'bench' });
await ensureStreams(bus);
const now = new Date();
for (let month = -12; month <= 0; month++) await prepareMonths(db, new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + month, 1)));

const bareSeconds = await floor(db, count);
print(`floor: ${count} bare rows inserted by 256      ${Math.round(count / bareSeconds)}/s`);
const events = busyDay(count, tenants, now, dayMs);
const publishSeconds = await timed(() => publishAllRaw(bus, events));
print(`published to JetStream                     ${Math.round(count / publishSeconds)}/s`);
const config = analyticsConfig.parse({
  ...{
    ENVIRONMENT: 'development',
    LOG_LEVEL: 'silent',
    NATS_URL: natsUrl,
    DATABASE_URL: databaseUrl,
    PRINCIPAL_KEY: 'bench-principal-key-0123456789abcdef-0',
  },
});
const cpu = process.cpuUsage();
const projectSeconds = await timed(async () => {
  const service = await start(config);
  await waitUntilHandled(bus, db, count);
  await service.close();
});
const { user, system } = process.cpuUsage(cpu);
const rate = count / projectSeconds;
print(
  `projected, start and stop included         ${Math.round(rate)}/s   ${(rate / (count / bareSeconds)).toFixed(2)} of floor   ${((user + system) / count).toFixed(0)} µs of Node's CPU each`,
);
const divergence = await figureAudit(db).firstDivergence();
print(divergence === undefined ? 'every figure is the sum of its events' : JSON.stringify(divergence));

await fill(db, stored);
print(`\nplans over ${await storedCount(db)} events of ${tenants.length} tenants`);
const [tenant = ''] = tenants;
const wholeHour = new Date(Math.floor(now.getTime() / hourMs) * hourMs);
await explain(
  db,
  'sumHours, 30 days',
  hoursQuery(db.em(), tenant, { from: new Date(wholeHour.getTime() - 30 * dayMs), to: wholeHour }).getFormattedQuery(),
  [],
);
await explain(db, 'sumEvents, an edge of 40 minutes', sumEventsSql, [
  tenant,
  new Date(now.getTime() - 2 * hourMs),
  new Date(now.getTime() - 2 * hourMs + 2_400_000),
]);
const batch = busyDay(256, tenants, now, hourMs);
const column = <T>(of: (event: (typeof batch)[number]) => T): T[] => batch.map(of);
await explain(db, 'append, a batch of 256', appendSql, [
  column(({ id }) => id),
  column(({ tenantId }) => tenantId),
  column(({ subject }) => subject),
  column(({ aggregateId }) => aggregateId),
  column(() => 1),
  column(({ occurredAt }) => occurredAt),
  column(({ payload }) => JSON.stringify(payload)),
  column(() => '[{"f": "verifications.purchased", "d": "telegram", "n": "1", "m": "0"}]'),
]);
const auditSeconds = await timed(() => db.query(divergenceSql));
print(`\naudit of everything: ${auditSeconds.toFixed(1)} s`);
await bus.close();
await db.close();
