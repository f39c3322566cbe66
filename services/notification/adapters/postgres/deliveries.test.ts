import { after, before } from 'node:test';
import { openDatabase, type Database } from '#platform/postgres/index.ts';
import { createTestDatabase, type TestDatabase } from '#platform/testing/index.ts';
import { deliveriesContract } from '../../testing/deliveries.contract.ts';
import { fakeDeliveries } from '../../testing/fake-deliveries.ts';
import { postgresDeliveries } from './deliveries.ts';
import { migrations } from './migrations/index.ts';
import { entities } from './rows.ts';

let database: TestDatabase;
let db: Database;
before(async () => {
  database = await createTestDatabase('notification', migrations);
  db = await openDatabase({ url: database.url, applicationName: 'test', poolMax: 6, entities });
});
after(async () => {
  await db?.close();
  await database?.close();
});

deliveriesContract('in memory', fakeDeliveries);
deliveriesContract('PostgreSQL', async () => {
  await db.query('truncate deliveries');
  return postgresDeliveries(db);
});
