import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { createTestDatabase, type TestDatabase } from '#platform/testing/index.ts';
import { openDatabase } from './database.ts';
import { withIdempotency } from './idempotency.ts';
import { platformMigration } from './platform-migration.ts';
import { fromTaggedJson, toTaggedJson } from './tagged-json.ts';
import type { Database } from './types.ts';

describe('withIdempotency', () => {
  let server: TestDatabase;
  let db: Database;
  before(async () => {
    server = await createTestDatabase('postgres', [platformMigration]);
    db = await openDatabase({ url: server.url, applicationName: 'idempotency-test', statementTimeoutMs: 2_000, lockTimeoutMs: 300 });
  });
  after(async () => {
    await db?.close();
    await server?.close();
  });

  const call = <T>(request: unknown, work: () => Promise<T>, id = { tenantId: newId(), operation: 'test.do', key: 'k' }) =>
    db.transaction((tx) => withIdempotency(tx, { ...id, request }, work));

  it('answers the second time from the store, with bigint and Date as they were', async () => {
    const id = { tenantId: newId(), operation: 'test.do', key: 'same' };
    const answer = { micros: 9_007_199_254_740_993n, at: new Date('2026-01-01T00:00:00Z'), list: [1n], none: null };
    let runs = 0;
    const work = async () => (runs++, answer);
    assert.deepEqual(await call({ a: 1n, b: 2 }, work, id), answer);
    assert.deepEqual(await call({ b: 2, a: 1n }, work, id), answer);
    assert.equal(runs, 1);
  });

  it('refuses the same key with another request', async () => {
    const id = { tenantId: newId(), operation: 'test.do', key: 'conflict' };
    await call({ amount: 1n }, async () => 'first', id);
    await assert.rejects(
      call({ amount: 1 }, async () => 'second', id),
      (error) => isAppError(error, 'request.idempotency_conflict'),
    );
  });

  it('keeps tenants, operations and keys apart', async () => {
    const id = { tenantId: newId(), operation: 'test.do', key: 'k' };
    assert.equal(await call(1, async () => 'a', id), 'a');
    assert.equal(await call(2, async () => 'b', { ...id, tenantId: newId() }), 'b');
    assert.equal(await call(2, async () => 'c', { ...id, operation: 'test.other' }), 'c');
    assert.equal(await call(2, async () => 'd', { ...id, key: 'l' }), 'd');
  });

  it('runs once when many arrive together', async () => {
    const id = { tenantId: newId(), operation: 'test.do', key: 'together' };
    let runs = 0;
    const work = async () => (await new Promise((resolve) => setTimeout(resolve, 20)), ++runs);
    const answers = await Promise.all(Array.from({ length: 8 }, () => call('same', work, id)));
    assert.deepEqual(answers, Array(8).fill(1));
  });

  it('lets the next one run when the first failed', async () => {
    const id = { tenantId: newId(), operation: 'test.do', key: 'failed' };
    await assert.rejects(
      call(1, async () => Promise.reject(new Error('boom')), id),
      /boom/,
    );
    assert.equal(await call(1, async () => 'ok', id), 'ok');
  });

  it('says in_progress, not a time-out, while the first is still running', async () => {
    const id = { tenantId: newId(), operation: 'test.do', key: 'slow' };
    let started!: () => void;
    const running = new Promise<void>((resolve) => (started = resolve));
    let finish!: () => void;
    const first = call(1, () => (started(), new Promise<string>((resolve) => (finish = () => resolve('done')))), id);
    await running;
    await assert.rejects(
      call(1, async () => 'never', id),
      (error) => isAppError(error, 'request.idempotency_in_progress'),
    );
    finish();
    assert.equal(await first, 'done');
  });

  it('refuses an empty key', async () => {
    await assert.rejects(
      call(1, async () => 1, { tenantId: newId(), operation: 'o', key: '' }),
      (error) => isAppError(error, 'request.invalid'),
    );
  });

  it('keeps any value through its JSON form, whatever the order of keys', () => {
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.string(),
        fc.boolean(),
        fc.constant(null),
        fc.bigInt(),
        fc.date({ noInvalidDate: true }),
        fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(fc.oneof(fc.string({ maxLength: 5 }), fc.constantFrom('$date', '$', '$$x', '$bigint')), tie('value'), { maxKeys: 3 }),
      ),
    }));
    fc.assert(
      fc.property(value, (sample) => {
        const text = toTaggedJson(sample);
        assert.equal(toTaggedJson(fromTaggedJson(text)), text);
      }),
      { verbose: 1 },
    );
  });
});
