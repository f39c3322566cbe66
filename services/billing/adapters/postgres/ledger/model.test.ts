/**
 * Two ledgers over PostgreSQL, the batches and one command at a time, against the rules in memory. Tenants act in lockstep, so
 * that the batcher makes real batches of them while each tenant's order is known. Seed: SEED, printed.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { newId } from '#platform/ids/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import { createTestDatabase, type TestDatabase } from '#platform/testing/index.ts';
import { type BooksUnderTest, booksContract, underTest } from '../../../testing/ledger/books.contract.ts';
import { fakeBooks } from '../../../testing/ledger/fake-books.ts';
import { commandsOf, steps, timeOf } from '../../../testing/ledger/model.ts';
import { plainBooks } from '../../../testing/ledger/plain-books.ts';
import { openBooks, postgresBooks, postgresState } from '../../../testing/ledger/postgres-books.ts';
import { migrations } from '../migrations/index.ts';
import { postgresAudit } from './audit.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_000);
const databases: TestDatabase[] = [];
let batched: Database;
let plain: Database;

before(async () => {
  databases.push(await createTestDatabase('billing', migrations), await createTestDatabase('billing', migrations));
  [batched, plain] = (await Promise.all(databases.map(({ url }) => openBooks(url)))) as [Database, Database];
});
after(async () => {
  await Promise.all([batched?.close(), plain?.close()]);
  for (const database of databases) await database.close();
});

booksContract('one at a time', () => plainBooks(plain), { knowsActors: false });

const tenantsAtOnce = 8;
const sweepEvery = 9;

/** Runs the same commands on the model and on the real one; every answer and the final state must be the same. */
const compare = async (db: Database, real: BooksUnderTest, lists: readonly (readonly Parameters<typeof commandsOf>[1][number][])[]) => {
  const sides = lists.map((chosen) => {
    const tenantId = newId();
    const model = fakeBooks();
    return { tenantId, model, books: underTest(model), commands: commandsOf(tenantId, chosen) };
  });
  const rounds = Math.max(...sides.map(({ commands }) => commands.length));
  let operations = 0;
  for (let round = 0; round < rounds; round++) {
    const now = timeOf(round);
    await Promise.all(
      sides.map(async ({ books, commands }) => {
        const command = commands[round];
        if (command === undefined) return;
        operations++;
        const [expected, found] = await Promise.all([command.run(books, now), command.run(real, now)]);
        assert.deepEqual(found, expected, `${command.kind} #${round}`);
      }),
    );
    if (round % sweepEvery === 0) {
      for (const books of [real, ...sides.map((side) => side.books)]) {
        await books.expireDue(now, 10_000);
        await books.lapseDue(now, undefined, 10_000);
      }
    }
  }
  for (const { tenantId, model } of sides) assert.deepEqual(await postgresState(db, tenantId), model.state(tenantId));
  assert.equal(await postgresAudit(db).firstDivergence(), undefined);
  return operations;
};

for (const [name, runs, atLeast, open] of [
  ['batches', 13, 10_000, () => [batched, postgresBooks(batched)]],
  ['one command at a time', 5, 4_000, () => [plain, plainBooks(plain)]],
] as const) {
  test(`${name}: every answer and every balance is that of the rules in memory`, { timeout: 110_000 }, async (t) => {
    t.diagnostic(`seed ${seed}`);
    const [db, real] = open() as [Database, BooksUnderTest];
    let operations = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: tenantsAtOnce, maxLength: tenantsAtOnce }), async (lists) => {
        operations += await compare(db, real, lists);
      }),
      { seed, numRuns: runs, endOnFailure: true },
    );
    t.diagnostic(`${operations} operations`);
    assert.ok(operations >= atLeast, `${operations} operations`);
  });
}
