/** What the ledger asks of other features before it reserves money, with answers of the test's own. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import { createTestDatabase, type TestDatabase } from '#platform/testing/index.ts';
import { charging, granting, placing, start } from '../../../testing/ledger/books.contract.ts';
import { openBooks, postgresBooks } from '../../../testing/ledger/postgres-books.ts';
import { migrations } from '../migrations/index.ts';
import { postgresAudit } from './audit.ts';

let database: TestDatabase;
let db: Database;
before(async () => {
  database = await createTestDatabase('billing', migrations);
  db = await openBooks(database.url);
});
after(async () => {
  await db?.close();
  await database?.close();
});

const answerSpending = (body: string) =>
  db.query(`create or replace function spending_refusal(p_tenant uuid, p_currency text, p_product text, p_amount bigint, p_before bigint,
    p_of_product bigint, p_now timestamptz) returns spending_answer
    language sql stable as $$ select row(r.refusal, null, '', '', 0, p_now)::spending_answer from (${body}) r (refusal) $$`);
/** Only where there is a pause or a hard budget is the question asked: this one refuses nothing by itself. */
const limit = (tenantId: string) =>
  db.query(
    `insert into budgets (id, tenant_id, name, interval, currency, amount_micros, hard, zone, created_at, updated_at)
     values ($1, $2, 'ample', 'monthly', 'USD', 1000000000, true, 'UTC', $3, $3)`,
    [newId(), tenantId, start],
  );
const count = <T>(values: readonly T[], wanted: T): number => values.filter((value) => value === wanted).length;

test('a pause refuses holds and charges, names its reason, and leaves what is held alone', async () => {
  const [paused, other] = [newId(), newId()];
  const books = postgresBooks(db);
  for (const tenantId of [paused, other]) await books.grant(granting(tenantId, 100n));
  const before = placing(paused, 10n);
  await books.place(before);
  for (const tenantId of [paused, other]) await limit(tenantId);
  await answerSpending(`select case when p_tenant = '${paused}' then 'spending_paused' end`);
  assert.deepEqual(await books.place(placing(paused, 1n)), { outcome: 'spending_paused' });
  assert.deepEqual(await books.charge(charging(paused, 1n)), { outcome: 'spending_paused' });
  assert.equal((await books.place(before)).outcome, 'replayed');
  assert.equal((await books.collect({ tenantId: paused, holdId: before.holdId, upToMicros: 10n, final: true }))?.capturedNowMicros, 10n);
  assert.equal((await books.place(placing(other, 1n))).outcome, 'done');
});

test('a budget stops within one batch: what is accepted never exceeds it, and as much as fits is', async () => {
  const tenantId = newId();
  const books = postgresBooks(db);
  await books.grant(granting(tenantId, 10_000n));
  await limit(tenantId);
  // A budget of 100 over all that is held or charged already.
  await answerSpending(`select case when p_before + p_amount + (select held_micros + 10000 - balance_micros from accounts where tenant_id = p_tenant) > 100
    and p_tenant = '${tenantId}' then 'budget_exhausted' end`);
  const outcomes = await Promise.all(
    Array.from({ length: 60 }, async (_, at) =>
      at % 2 === 0 ? (await books.place(placing(tenantId, 5n))).outcome : (await books.charge(charging(tenantId, 5n))).outcome,
    ),
  );
  assert.equal(count(outcomes, 'done'), 20);
  assert.equal(count(outcomes, 'budget_exhausted'), 40);
  assert.equal(
    (await books.wallet(tenantId))?.heldMicros,
    BigInt(
      count(
        outcomes.filter((_, at) => at % 2 === 0),
        'done',
      ),
    ) * 5n,
  );
  assert.equal(await postgresAudit(db).firstDivergence(), undefined);
});

test('a part of a hold is asked whether its quote covers it, and nothing else: its money is reserved already', async () => {
  const tenantId = newId();
  const books = postgresBooks(db);
  await books.grant(granting(tenantId, 100n));
  const whole = placing(tenantId, 60n);
  await books.place(whole);
  await answerSpending(`select 'spending_paused'`);
  const quoteId = newId();
  const line = { item: { product: 'verification' }, quantity: '1', price: '30', lines: [{ amount: '30' }] };
  await db.query(
    `insert into quotes (id, tenant_id, fingerprint, currency, total_micros, plan, items, expires_at, created_at) values ($1, $2, '\\x01', 'USD', 30, '', $3, $4, $4)`,
    [quoteId, tenantId, JSON.stringify([line]), new Date(0)],
  );
  const part = (micros: bigint, over = {}) => books.carve({ ...placing(tenantId, micros, over), fromHoldId: whole.holdId });
  assert.deepEqual(await part(31n, { quoteId }), { outcome: 'quote_exceeded' });
  assert.deepEqual(await part(1n, { quoteId: newId() }), { outcome: 'quote_invalid' });
  assert.equal((await part(30n, { quoteId })).outcome, 'done');
  assert.deepEqual(await part(1n, { expiryAcceptable: false }), { outcome: 'expiry_refused' });
  await answerSpending(`select null::text`);
});

// The last one: its quotes are made up, which the audit would notice.
test('a hold on a quote is asked about its quote, and only it', async () => {
  const tenantId = newId();
  const books = postgresBooks(db);
  await books.grant(granting(tenantId, 100n));
  const quoteId = newId();
  await db.query(`create or replace function quote_refusal(p_tenant uuid, p_quote uuid, p_currency text, p_amount bigint, p_now timestamptz) returns text
    language sql stable as $$ select case when p_quote <> '${quoteId}' then 'quote_invalid' when p_amount > 30 then 'quote_exceeded' end $$`);
  assert.deepEqual(await books.place(placing(tenantId, 31n, { quoteId })), { outcome: 'quote_exceeded' });
  assert.deepEqual(await books.place(placing(tenantId, 30n, { quoteId: newId() })), { outcome: 'quote_invalid' });
  assert.equal((await books.place(placing(tenantId, 30n, { quoteId }))).outcome, 'done');
  assert.equal((await books.place(placing(tenantId, 31n))).outcome, 'done');
  const [hold] = await db.query('select quote_id from holds where tenant_id = $1 and quote_id is not null', [tenantId]);
  assert.deepEqual(hold, { quote_id: quoteId });
});
