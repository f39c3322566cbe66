import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import { createTestDatabase, type TestDatabase } from '#platform/testing/index.ts';
import { addMs, dayMs, hourMs, minuteMs, testClock } from '#platform/time/index.ts';
import { compareStatements } from '../../../app/payments/compare-statements.ts';
import type { PaymentGateway } from '../../../app/payments/ports.ts';
import type { StatementFinding } from '../../../domain/statement.ts';
import { fakeGateway } from '../../../testing/payments/fake-gateway.ts';
import { openBooks } from '../../../testing/ledger/postgres-books.ts';
import { migrations } from '../migrations/index.ts';
import { firstDaySql, postgresStatementBook, postgresStatementDiary } from './statements.ts';

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

test('each day of a gateway is compared once by one of many, not before the hour; a silent gateway is asked again; all show the result', async () => {
  const clock = testClock(new Date('2026-05-04T02:00:00Z'));
  const paidAt = new Date('2026-05-03T12:00:00Z');
  await db.query(
    `insert into payments (id, tenant_id, gateway, amount_micros, currency, idempotency_key, request_hash, next_check_at, created_at)
     values ($1, $2, 'simulator', 5000, 'USD', 'k', 'x', $3, $3)`,
    [newId(), newId(), addMs(paidAt, -dayMs)],
  );
  const asked: string[] = [];
  let silent = true;
  let lines: { readonly reference: string }[] = [];
  const gateway: PaymentGateway = {
    ...fakeGateway().gateway,
    listStatement: async (from, to) => {
      asked.push(`${from.toISOString()} ${to.toISOString()}`);
      if (silent) return { outcome: 'unknown', reason: 'no answer' };
      const shared = { kind: 'payment', gatewayId: 'x', amount: money('USD', 1n), at: paidAt } as const;
      return { outcome: 'yes', lines: lines.map((line) => ({ ...shared, ...line })) };
    },
  };
  const seen: StatementFinding[] = [];
  const shown: number[] = [];
  let unknown = 0;
  const look = compareStatements({
    gateways: new Map([['simulator', gateway]]),
    book: postgresStatementBook(db),
    diary: postgresStatementDiary(db),
    monitor: {
      compared: ({ findings }) => void shown.push(findings),
      finding: (_gateway, finding) => void seen.push(finding),
      unknown: () => void unknown++,
    },
    clock,
    hour: 3,
  });
  await look();
  assert.equal(asked.length, 0, 'too early');
  clock.advance(hourMs);
  await Promise.all([look(), look(), look()]);
  assert.deepEqual([asked.length > 0, unknown > 0, shown], [true, true, []]);
  // Days that were begun without an answer come up again, on their own.
  silent = false;
  lines = [{ reference: newId() }];
  clock.advance(21 * minuteMs);
  const before = asked.length;
  await Promise.all([look(), look(), look()]);
  assert.equal(asked.length - before, 2, 'two days since the first payment, each once');
  assert.deepEqual(
    seen.map(({ finding }) => finding),
    ['payment_not_ours'],
  );
  await look();
  assert.equal(asked.length - before, 2);
  assert.equal(shown.at(-1), 1);
  clock.advance(dayMs);
  await look();
  assert.equal(asked.length - before, 3, 'the next day');
  assert.equal(shown.at(-1), 1, 'still in sight');
});

test('a day is compared whole, also where the hour is midnight: not before its last hour is old enough', async () => {
  const clock = testClock(new Date('2026-06-02T00:10:00Z'));
  const at = new Date('2026-06-01T23:40:00Z');
  await db.query(
    `insert into payments (id, tenant_id, gateway, amount_micros, currency, idempotency_key, request_hash, next_check_at, created_at)
     values ($1, $2, 'stripe', 5000, 'USD', 'k', 'x', $3, $3)`,
    [newId(), newId(), at],
  );
  const line = { kind: 'payment', gatewayId: 'x', reference: newId(), amount: money('USD', 1n), at } as const;
  const gateway: PaymentGateway = { ...fakeGateway('stripe').gateway, listStatement: async () => ({ outcome: 'yes', lines: [line] }) };
  const seen: StatementFinding[] = [];
  const look = compareStatements({
    gateways: new Map([['stripe', gateway]]),
    book: postgresStatementBook(db),
    diary: postgresStatementDiary(db),
    monitor: { compared: () => {}, finding: (_gateway, finding) => void seen.push(finding), unknown: () => {} },
    clock,
    hour: 0,
  });
  for (let turn = 0; turn < 3; turn++) {
    await look();
    clock.advance(30 * minuteMs);
  }
  assert.deepEqual(
    seen.map(({ finding }) => finding),
    ['payment_not_ours'],
  );
});

test('the first day of a gateway is found by an index: every replica asks for it every half minute', async () => {
  const plan = await db.transaction(async (tx) => {
    // A small table is read in sequence whatever its indexes; this asks whether there is one to use.
    await tx.query('set local enable_seqscan = off');
    return tx.query<{ 'QUERY PLAN': string }>(`explain ${firstDaySql}`, ['simulator']);
  });
  assert.match(plan.map((row) => row['QUERY PLAN']).join('\n'), /Index Cond: .*gateway = /);
});
