/**
 * Metered events a second over one connection, beside a floor measured in the same run: the same rows inserted in the same batches, without
 * the id that makes them count once, without totals and days. Run by test/bench/usage.ts.
 */
import { newId } from '#platform/ids/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import { systemClock } from '#platform/time/index.ts';
import { usageStore } from '../../adapters/postgres/usage/log.ts';
import { recordUsage } from '../../app/usage/record-usage.ts';
import type { ReportedEvent } from '../../domain/usage-events.ts';
import { fakeSubscriptions } from './usage-house.ts';

const batch = 1_000;

export interface UsageFigure {
  readonly name: string;
  readonly perSecond: number;
}

const measure = async (name: string, seconds: number, call: () => Promise<void>): Promise<UsageFigure> => {
  const startedAt = performance.now();
  let calls = 0;
  for (; performance.now() - startedAt < seconds * 1_000; calls++) await call();
  return { name, perSecond: Math.round((calls * batch * 1_000) / (performance.now() - startedAt)) };
};

const floorSql = `insert into bench_usage select * from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::timestamptz[])`;

/** @param db with a pool of one connection */
export const benchUsage = async (db: Database, seconds: number): Promise<readonly UsageFigure[]> => {
  const store = usageStore(db);
  const record = recordUsage({ log: store, periods: store, subscriptions: fakeSubscriptions().reader, clock: systemClock });
  const tenants = Array.from({ length: 1_000 }, newId);
  const [hot = ''] = tenants;
  const event = (tenantId: string): ReportedEvent => ({
    tenantId,
    meter: 'api.calls',
    id: newId(),
    quantity: 1n,
    occurredAt: new Date(),
    properties: {},
  });
  const spread = (): ReportedEvent[] => Array.from({ length: batch }, (_value, index) => event(tenants[index % tenants.length] ?? hot));
  const oneTenant = (): ReportedEvent[] => Array.from({ length: batch }, () => event(hot));
  const repeated = spread();
  await db.query(
    'create table if not exists bench_usage (tenant_id uuid, meter text, event_id text, quantity bigint, occurred_at timestamptz)',
  );
  await record(repeated);
  const floor = async (): Promise<void> => {
    const rows = spread();
    const column = <T>(of: (row: ReportedEvent) => T): T[] => rows.map(of);
    const columns = [
      column(({ tenantId }) => tenantId),
      column(({ meter }) => meter),
      column(({ id }) => id),
      column(({ quantity }) => quantity),
      column(({ occurredAt }) => occurredAt),
    ];
    await db.query(floorSql, columns, { name: 'bench-floor' });
  };
  return [
    await measure('floor: rows inserted', seconds, floor),
    await measure('events, one tenant', seconds, async () => void (await record(oneTenant()))),
    await measure('events, 1,000 tenants', seconds, async () => void (await record(spread()))),
    await measure('events, 1,000 tenants, all known already', seconds, async () => void (await record(repeated))),
  ];
};
