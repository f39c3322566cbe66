import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { type Database, migrate, openDatabase } from '#platform/postgres/index.ts';
import { createTestDatabase, type TestDatabase } from '#platform/testing/index.ts';
import { addMs, minuteMs } from '#platform/time/index.ts';
import { requestHash } from '../request-hash.ts';
import { entities } from '../rows.ts';
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

  it('keeps what was begun before', async () => {
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
  });
});
