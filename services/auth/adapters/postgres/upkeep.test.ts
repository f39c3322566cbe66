import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { openDatabase, type Database } from '#platform/postgres/index.ts';
import { createTestDatabase, type TestDatabase } from '#platform/testing/index.ts';
import { addMs, dayMs, minuteMs, secondMs, testClock } from '#platform/time/index.ts';
import { sweep } from '../../app/sweep.ts';
import { apiKeyCreated } from '../../domain/facts.ts';
import { createAccounts } from './accounts.ts';
import { createApiKeyUsage } from './api-key-usage.ts';
import { createApiKeys } from './api-keys.ts';
import { createHousekeeping } from './housekeeping.ts';
import { migrations } from './migrations/index.ts';
import { entities } from './rows.ts';
import { createSessions } from './sessions.ts';
import { createThrottle } from './throttle.ts';

let database: TestDatabase;
let db: Database;
before(async () => {
  database = await createTestDatabase('auth', migrations);
  db = await openDatabase({ url: database.url, applicationName: 'auth-test', poolMax: 4, entities });
});
after(async () => {
  await db.close();
  await database.close();
});

const now = new Date('2026-03-01T12:00:00Z');

const addTenant = async () => {
  const user = { id: newId(), email: `${newId()}@example.test`, passwordHash: 'h', createdAt: now };
  const tenant = { id: newId(), name: 'Acme', plan: 'starter' as const, createdAt: now };
  await createAccounts(db).register({ user, tenant }, []);
  return { tenantId: tenant.id, userId: user.id };
};

const addKey = async (tenantId: string, createdBy: string) => {
  const id = newId();
  const replay = { idempotencyKey: newId(), fingerprint: randomBytes(32), sealedKey: randomBytes(60) };
  const key = {
    id,
    tenantId,
    createdBy,
    name: 'k',
    digest: randomBytes(32),
    prefix: 'nsk_live_abcde',
    mode: 'live',
    scopes: ['*'],
    createdAt: now,
    replay,
  };
  await createApiKeys(db).create(key, apiKeyCreated({ tenantId, at: now }, id, key.scopes));
  return key;
};

test('last use is written in one batch, at most once a minute, and survives a database that is away', async () => {
  const { tenantId, userId } = await addTenant();
  const [one, two] = [await addKey(tenantId, userId), await addKey(tenantId, userId)];
  let isAway = true;
  let statements = 0;
  const flaky = {
    query: async <Row>(...args: Parameters<Database['query']>): Promise<Row[]> => {
      statements += 1;
      if (isAway) throw new Error('away');
      return await db.query<Row>(...args);
    },
  };
  const usage = createApiKeyUsage(flaky, { warn: () => undefined });
  const lastUse = async (id: string) => (await createApiKeys(db).find(tenantId, id))?.lastUsedAt;
  usage.note(one.id, now);
  usage.note(one.id, addMs(now, secondMs));
  await usage.flush();
  usage.note(two.id, now);
  isAway = false;
  await usage.flush();
  await usage.flush();
  assert.equal(statements, 2);
  assert.deepEqual([await lastUse(one.id), await lastUse(two.id)], [addMs(now, secondMs), now]);
  usage.note(two.id, addMs(now, minuteMs - 1));
  await usage.flush();
  assert.deepEqual(await lastUse(two.id), now, 'within the minute');
  usage.note(two.id, addMs(now, minuteMs));
  await usage.flush();
  assert.deepEqual(await lastUse(two.id), addMs(now, minuteMs));
});

test('sweeping ends what has timed out and forgets what nobody may see any more, and nothing else', async () => {
  const { tenantId, userId } = await addTenant();
  const clock = testClock(now);
  const sessions = createSessions(db);
  const throttle = createThrottle(db);
  const key = await addKey(tenantId, userId);
  const session = { id: newId(), tenantId, userId, tokenHash: randomBytes(32), createdAt: now, userAgent: '', ipAddress: '' };
  await sessions.open(session);
  await throttle.claim([{ policy: { name: 'p', delaysMs: [0], forgetAfterMs: secondMs }, subject: 's' }], now);
  await createAccounts(db).issueEmailVerification(
    tenantId,
    userId,
    { hash: randomBytes(32), sealed: randomBytes(9), expiresAt: addMs(now, dayMs) },
    now,
  );
  const run = sweep({ sessions, housekeeping: createHousekeeping(db), clock });
  const count = async (table: string) => Number((await db.query<{ n: bigint }>(`select count(*) as n from ${table}`))[0]!.n);

  assert.deepEqual(await run(), { ended: 0, deleted: 0 });
  assert.ok((await createApiKeys(db).find(tenantId, key.id))?.sealedKey !== undefined);
  clock.advance(dayMs);
  await run();
  assert.equal((await createApiKeys(db).find(tenantId, key.id))?.sealedKey, undefined, 'the secret is gone after a day');
  assert.deepEqual([await count('throttles'), await count('email_verifications'), await count('sessions')], [0, 0, 1]);
  clock.advance(13 * dayMs);
  assert.deepEqual(await run(), { ended: 1, deleted: 0 });
  assert.equal((await sessions.find(session.id))?.endReason, 'expired');
  clock.advance(30 * dayMs);
  assert.deepEqual(await run(), { ended: 0, deleted: 1 });
  assert.equal(await sessions.find(session.id), undefined);
  assert.ok((await createApiKeys(db).findByDigest(key.digest)) !== undefined, 'the key itself lives on');
});

test('every hot query finds its rows by an index', async () => {
  const plan = async (sql: string) => {
    return await db.transaction(async (tx) => {
      // A small table is read in sequence whatever its indexes; this asks whether there is one to use.
      await tx.query('set local enable_seqscan = off');
      return (await tx.query<{ 'QUERY PLAN': string }>(`explain ${sql}`)).map((row) => row['QUERY PLAN']).join('\n');
    });
  };
  const { tenantId, userId } = await addTenant();
  await db.query(
    `insert into sessions (id, tenant_id, user_id, token_hash, created_at, rotated_at, user_agent, ip_address)
     select gen_random_uuid(), $1, $2, '', now(), now(), '', '' from generate_series(1, 5000)`,
    [tenantId, userId],
  );
  await db.query('analyze');
  const id = newId();
  const expected: readonly (readonly [index: string, sql: string])[] = [
    ['users_email_key', "select 1 from users where lower(email) = lower('x')"],
    ['api_keys_digest', "select 1 from api_keys where digest = '\\x00'"],
    ['api_keys_page', `select 1 from api_keys where tenant_id = '${id}' order by created_at desc, id desc limit 2`],
    ['memberships_page', `select 1 from memberships where tenant_id = '${id}' order by joined_at desc, user_id desc limit 2`],
    ['memberships_user', `select 1 from memberships where user_id = '${id}' order by joined_at desc, tenant_id desc limit 1`],
    ['email_verifications_token', "select 1 from email_verifications where token_hash = '\\x00'"],
    ['invitations_token', "select 1 from invitations where token_hash = '\\x00'"],
    [
      'sessions_live_rotated',
      "select 1 from sessions where ended_at is null and (rotated_at <= '2020-01-01' or created_at <= '2020-01-01')",
    ],
    ['throttles_updated', "select 1 from throttles where updated_at <= '2020-01-01' order by updated_at limit 2"],
  ];
  for (const [index, sql] of expected) {
    const text = await plan(sql);
    assert.ok(text.includes(index) && !text.includes('Seq Scan'), text);
  }
});
