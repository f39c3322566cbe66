import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Database } from '#platform/postgres/index.ts';
import { createTestDatabase, type TestDatabase } from '#platform/testing/index.ts';
import { paymentsContract, type PaymentsUnderTest } from '../../../testing/payments/payments.contract.ts';
import { openBooks } from '../../../testing/ledger/postgres-books.ts';
import { postgresAudit } from '../ledger/audit.ts';
import { migrations } from '../migrations/index.ts';
import { postgresNotifications } from './notifications.ts';
import { postgresPayments } from './payments.ts';
import { postgresWallets } from '../ledger/wallets.ts';

let database: TestDatabase;
let one: Database;
let two: Database;

before(async () => {
  database = await createTestDatabase('billing', migrations);
  [one, two] = await Promise.all([openBooks(database.url), openBooks(database.url)]);
});
after(async () => {
  await Promise.all([one?.close(), two?.close()]);
  await database?.close();
});

const over = (db: Database): PaymentsUnderTest => ({
  payments: postgresPayments(db),
  notifications: postgresNotifications(db),
  wallets: postgresWallets(db),
});
paymentsContract('postgres', () => [over(one), over(two)], Number(process.env['SEED'] ?? Date.now() % 1_000_000_000));

test('after the payments the books agree', async () => {
  assert.equal(await postgresAudit(one).firstDivergence(), undefined);
});

test('each payment tells one story: started, then at most one success, versions rising', async () => {
  const broken = await one.query(
    `select aggregate_id from outbox where subject like '%.payment.%' group by aggregate_id
     having count(*) filter (where subject like '%started') <> 1 or count(*) filter (where subject like '%succeeded') > 1
         or count(distinct aggregate_version) <> count(*)`,
  );
  assert.deepEqual(broken, []);
});

test('a received notification may be marked and never changed', async () => {
  await assert.rejects(one.query(`update payment_events set raw_body = 'x'`), /evidence/);
  await assert.rejects(one.query('delete from payment_events'), /evidence/);
});
