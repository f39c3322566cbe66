import { after } from 'node:test';
import { openDatabase } from '#platform/postgres/index.ts';
import { keyStoreContract } from '#platform/sealing/testing/key-store.contract.ts';
import { createTestDatabase } from '#platform/testing/index.ts';
import { migrations } from '../migrations/index.ts';
import { entities } from '../rows.ts';
import { postgresKeys } from './store.ts';

const database = await createTestDatabase('verification', migrations);
const db = await openDatabase({ url: database.url, applicationName: 'verification-test', poolMax: 4, entities });
after(async () => {
  await db.close();
  await database.close();
});

keyStoreContract('PostgreSQL', async () => postgresKeys(db));
