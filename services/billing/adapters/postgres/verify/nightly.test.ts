import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Database } from '#platform/postgres/index.ts';
import { createTestDatabase, type TestDatabase } from '#platform/testing/index.ts';
import { hourMs, testClock } from '#platform/time/index.ts';
import { createLogger } from '#platform/logging/index.ts';
import { createMetrics, metricTable } from '#platform/telemetry/index.ts';
import type { AuditReport } from '../../../app/ledger/ports.ts';
import { auditNightly } from '../../../app/verify/audit-nightly.ts';
import { openBooks } from '../../../testing/ledger/postgres-books.ts';
import { auditMonitor } from '../../monitor/audit.ts';
import { migrations } from '../migrations/index.ts';
import { postgresDiary } from './diary.ts';

let database: TestDatabase;
let db: Database;
before(async () => {
  database = await createTestDatabase('billing', migrations);
  db = await openBooks(database.url, 4);
});
after(async () => {
  await db.close();
  await database.close();
});

const broken = { law: 'some law', subject: 's', expected: '1', found: '2', rows: { transfers: [{ description: 'private' }] } };

test('the books are audited once a day by one of many, not before the hour; all show what it said; a dead auditor is replaced', async () => {
  const clock = testClock(new Date('2026-11-21T02:59:00Z'));
  const lines: string[] = [];
  const metrics = createMetrics(metricTable);
  const logger = createLogger({ service: 'billing', level: 'info', destination: { write: (line: string) => void lines.push(line) } });
  const monitor = auditMonitor({ logger, metrics });
  let audits = 0;
  let report: AuditReport = { laws: 3, divergences: [], imbalanceMicros: 0n };
  let fails = false;
  const audit = {
    firstDivergence: async () => report.divergences[0],
    report: async () => {
      audits += 1;
      if (fails) throw new Error('the connection broke');
      return report;
    },
  };
  const look = auditNightly({ audit, diary: postgresDiary(db), monitor, clock, hour: 3 });
  const shown = async (name: string) => new RegExp(`^${name} (.*)$`, 'm').exec((await metrics.expose()).body)?.[1];

  await look();
  assert.equal(audits, 0, 'too early');
  assert.equal(await shown('holds_open'), '0');
  clock.advance(hourMs);
  await Promise.all(Array.from({ length: 8 }, look));
  assert.equal(audits, 1);
  assert.equal(await shown('ledger_divergences'), '0');
  assert.equal(Number(await shown('ledger_verified_timestamp_seconds')), clock.now().getTime() / 1_000);

  clock.set(new Date('2026-11-22T04:00:00Z'));
  fails = true;
  await assert.rejects(look());
  fails = false;
  await look();
  assert.equal(audits, 2, 'the one who began may still be at it');
  report = { laws: 3, divergences: [broken], imbalanceMicros: 7n };
  clock.advance(2 * hourMs + 1);
  await look();
  assert.equal(audits, 3);
  assert.deepEqual([await shown('ledger_divergences'), await shown('ledger_imbalance_micros')], ['1', '7']);
  const logged = lines.filter((line) => line.includes('the books diverge'));
  assert.equal(logged.length, 1);
  assert.match(logged[0] ?? '', /some law/);
  assert.doesNotMatch(logged[0] ?? '', /private/, 'what customers wrote stays out of the log');
});
