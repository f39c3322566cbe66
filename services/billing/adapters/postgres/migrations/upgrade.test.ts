import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { type Database, migrate, openDatabase } from '#platform/postgres/index.ts';
import { createTestDatabase, type TestDatabase } from '#platform/testing/index.ts';
import { addMs, minuteMs, testClock } from '#platform/time/index.ts';
import { watchAlerts } from '../../../app/alerts/watch-alerts.ts';
import { requestHash } from '../request-hash.ts';
import { entities } from '../rows.ts';
import { postgresAlertWatch } from '../usage/alert-watch.ts';
import { migrations } from './index.ts';

const now = new Date('2026-11-22T09:00:00.000Z');
const later = addMs(now, minuteMs);
const before0126 = migrations.findIndex(({ name }) => name.includes('-0126-'));

const addedBefore = 'select add_attempt($1, $2, $3, $4, $5, null, $6, $7, $8) as outcome';
const added = 'select add_attempt($1, $2, $3, $4, $5, $6, null, $7, $8, $9) as outcome';

describe('an upgrade from the release before 0126', () => {
  let database: TestDatabase;
  let db: Database;
  before(async () => {
    database = await createTestDatabase('billing', migrations.slice(0, before0126));
    db = await openDatabase({ url: database.url, applicationName: 'upgrade-test', entities });
  });
  after(async () => {
    await db?.close();
    await database?.close();
  });

  const tenantId = newId();
  const paymentAt = async (gateway: string): Promise<string> => {
    const id = newId();
    await db.query(
      `insert into payments (id, tenant_id, gateway, amount_micros, currency, idempotency_key, request_hash, next_check_at, created_at)
       values ($1, $2, $3, 25000000, 'USD', $4, $5, $6, $7)`,
      [id, tenantId, gateway, newId(), Buffer.alloc(32), later, now],
    );
    return id;
  };
  const outcomeOf = async (sql: string, params: readonly unknown[]): Promise<string | undefined> =>
    (await db.query<{ outcome: string }>(sql, params))[0]?.outcome;
  const retryBefore = (paymentId: string, gateway: string, key: string) =>
    outcomeOf(addedBefore, [newId(), tenantId, paymentId, gateway, key, '', now, later]);
  const retry = (paymentId: string, gateway: string, asked: string, key: string) =>
    outcomeOf(added, [newId(), tenantId, paymentId, gateway, key, requestHash(asked), '', now, later]);

  // 1 November began an hour later by the functions of before: with the second of its two midnights.
  const startedAt = new Date('2026-11-01T05:00:00.000Z');
  const watchedBudget = async (): Promise<{ readonly budgetId: string; readonly alertId: string }> => {
    const [budgetId, alertId] = [newId(), newId()];
    await db.query(
      `insert into budgets (id, tenant_id, name, interval, currency, amount_micros, hard, zone, created_at, updated_at)
       values ($1, $2, 'budget', 'monthly', 'USD', 100, false, 'America/Havana', $3, $3)`,
      [budgetId, tenantId, startedAt],
    );
    await db.query('insert into budget_windows (budget_id, starts_at, spent_micros) values ($1, $2, 50)', [budgetId, startedAt]);
    await db.query(
      `insert into usage_alerts (id, tenant_id, name, metric, budget_id, threshold, direction, recurrence, seen_scope, seen_value, created_at, updated_at)
       values ($1, $2, 'alert', 'budget_percent', $3, 8000, 'up', 'every', $4, 5000, $5, $5)`,
      [alertId, tenantId, budgetId, String(startedAt.getTime() / 1000), startedAt],
    );
    return { budgetId, alertId };
  };

  it('keeps what was begun before', async () => {
    const { budgetId, alertId } = await watchedBudget();
    const [unnamed, named, other] = [await paymentAt('simulator'), await paymentAt('simulator'), await paymentAt('simulator')];
    assert.equal(await retryBefore(unnamed, 'stripe', 'retry::key'), 'done');
    assert.equal(await retryBefore(named, 'stripe', 'retry:stripe:key'), 'done');
    await migrate({ url: database.url, migrations });

    // A retry that is repeated after the upgrade is the same attempt, and so is one that the release before is asked to repeat.
    assert.equal(await retry(unnamed, 'simulator', 'no gateway', 'retry:key'), 'replayed');
    assert.equal(await retry(named, 'stripe', 'stripe', 'retry:key'), 'replayed');
    assert.equal(await retry(named, 'stripe', 'stripe', 'retry:another'), 'done');
    assert.equal(await retry(other, 'stripe', 'no gateway', 'retry:key'), 'done');
    assert.equal(await retryBefore(other, 'simulator', 'retry::key'), 'replayed');
    assert.equal(await retryBefore(other, 'simulator', 'retry::another'), 'done');

    // What is spent from then on in the running window of a budget is told.
    await db.query('update budget_windows set spent_micros = 90 where budget_id = $1', [budgetId]);
    let fired = 0;
    const look = watchAlerts({
      watch: postgresAlertWatch(db),
      clock: testClock(now),
      monitor: { alertsFired: (count) => void (fired += count) },
    });
    await look();
    assert.equal(fired, 1);
    const told = await db.query('select value from usage_alert_events where alert_id = $1', [alertId]);
    assert.deepEqual(told, [{ value: 9_000n }]);
  });
});
