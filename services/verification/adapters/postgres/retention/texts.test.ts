import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { type Database, openDatabase } from '#platform/postgres/index.ts';
import { createTestDatabase, type TestDatabase } from '#platform/testing/index.ts';
import { addMs, dayMs, testClock } from '#platform/time/index.ts';
import { purgeTexts } from '../../../app/retention/purge-texts.ts';
import { loadPolicies } from '../../policies/load.ts';
import { migrations } from '../migrations/index.ts';
import { postgresTexts } from './texts.ts';

let database: TestDatabase;
let db: Database;
before(async () => {
  database = await createTestDatabase('verification', migrations);
  db = await openDatabase({ url: database.url, applicationName: 'retention-test', poolMax: 4, statementTimeoutMs: 20_000 });
});
after(async () => {
  await db?.close();
  await database?.close();
});

const clock = testClock(new Date('2026-11-21T00:00:00Z'));
const policies = loadPolicies(new URL('../../../data/policies.json', import.meta.url));
const daysOf = (plan: string): number => policies.plans[plan]?.retentionDays ?? assert.fail(plan);

/** A verification with a code that came so many days ago. Written past the rules of the store: only its age matters here. */
const received = async (tenantId: string, ageMs: number): Promise<string> => {
  const [id, at] = [newId(), addMs(clock.now(), -ageMs)];
  await db.transaction(async (tx) => {
    await tx.query(`set local session_replication_role = 'replica'`);
    await tx.query(
      `insert into verifications (id, tenant_id, idempotency_key, request_hash, state, version, service, country, capability, currency, price_micros,
         provider, sealed_code, created_at, purchase_deadline, due_at, attempts, received_at, ended_at, expires_at, activation_id, phone_number, hold_id)
       values ($1, $2, $3, 'h', 'completed', 3, 'telegram', 'GB', 'sms', 'USD', 1, 'p', 'sealed', $4, $4, null, 0, $4, $4, $4, $3, '+441', $3)`,
      [id, tenantId, id, at],
    );
    await tx.query(
      `insert into messages (id, verification_id, tenant_id, sealed, fingerprint, received_at, hidden) values ($1, $2, $3, 'sealed', $4, $5, false)`,
      [newId(), id, tenantId, Buffer.from(id), at],
    );
  });
  return id;
};
const left = async (id: string) => {
  const [row] = await db.query<{ texts: bigint; code: boolean }>(
    `select (select count(*) from messages where verification_id = v.id) as texts, v.sealed_code is not null as code from verifications v where v.id = $1`,
    [id],
  );
  return [Number(row?.texts), row?.code];
};

test("texts and codes go after the days of their tenant's plan, to the day; what was bought stays; two at once delete each once", async () => {
  const texts = postgresTexts(db);
  const [unknown, pro] = [newId(), newId()];
  await texts.setPlan(pro, 'pro', clock.now());
  await texts.setPlan(pro, 'starter', addMs(clock.now(), -dayMs));
  const minute = 60_000;
  const kept = [
    await received(unknown, daysOf('starter') * dayMs - minute),
    await received(pro, daysOf('starter') * dayMs + minute),
    await received(pro, daysOf('pro') * dayMs - minute),
  ];
  const gone = [await received(unknown, daysOf('starter') * dayMs + minute), await received(pro, daysOf('pro') * dayMs + minute)];
  const purge = purgeTexts({ texts, policies, clock });
  const counts = await Promise.all([purge(), purge(), purge()]);
  assert.equal(counts[0] + counts[1] + counts[2], gone.length);
  for (const id of kept) assert.deepEqual(await left(id), [1, true]);
  for (const id of gone) assert.deepEqual(await left(id), [0, false]);
  await texts.setPlan(pro, 'starter', addMs(clock.now(), 1));
  assert.equal(await purge(), 2, 'a smaller plan keeps less');
});
