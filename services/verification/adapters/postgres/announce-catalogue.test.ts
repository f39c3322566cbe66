import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openDatabase } from '#platform/postgres/index.ts';
import { createTestDatabase } from '#platform/testing/index.ts';
import { announceCatalogue } from './announce-catalogue.ts';
import { migrations } from './migrations/index.ts';

it('a new catalogue is told once, whatever number of replicas starts with it, and again when it changes back', async () => {
  const database = await createTestDatabase('verification', migrations);
  const db = await openDatabase({ url: database.url, applicationName: 'test', poolMax: 5 });
  try {
    const now = new Date('2026-11-21T08:00:00Z');
    const told = async (version: string): Promise<number> =>
      (await Promise.all(Array.from({ length: 5 }, () => announceCatalogue(db, version, now)))).filter(Boolean).length;
    for (const version of ['a', 'b', 'a']) {
      assert.equal(await told(version), 1, version);
      assert.equal(await told(version), 0, version);
    }
    const rows = await db.query<{ payload: Buffer; aggregate_version: bigint }>(
      'select payload, aggregate_version from outbox order by seq',
    );
    assert.deepEqual(
      rows.map(({ payload, aggregate_version }) => [JSON.parse(payload.toString()), aggregate_version]),
      ['a', 'b', 'a'].map((version, index) => [{ version }, BigInt(index + 1)]),
    );
  } finally {
    await db.close();
    await database.close();
  }
});
