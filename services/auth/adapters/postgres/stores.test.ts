import { events } from '#events';
import { openDatabase } from '#platform/postgres/index.ts';
import { createTestDatabase } from '#platform/testing/index.ts';
import { storesContract } from '../../testing/stores.contract.ts';
import { createAccounts } from './accounts.ts';
import { createApiKeys } from './api-keys.ts';
import { createMembers } from './members.ts';
import { migrations } from './migrations/index.ts';
import { entities } from './rows.ts';
import { createSessions } from './sessions.ts';
import { createSigningKeys } from './signing-keys.ts';
import { createThrottle } from './throttle.ts';
import { createTransactions } from './transactions.ts';

const names = new Map(Object.entries(events.auth).map(([name, event]) => [event.subject as string, name]));

storesContract('PostgreSQL', async () => {
  const database = await createTestDatabase('auth', migrations);
  const db = await openDatabase({ url: database.url, applicationName: 'auth-test', poolMax: 8, entities });
  return {
    accounts: createAccounts(db),
    sessions: createSessions(db),
    apiKeys: createApiKeys(db),
    members: createMembers(db),
    transactions: createTransactions(db),
    throttle: createThrottle(db),
    signingKeys: createSigningKeys(db),
    facts: async () => {
      const rows = await db.query<{ subject: string; aggregate_id: string; tenant: string; payload: Buffer }>(
        "select subject, aggregate_id, headers ->> 'namaskah-tenant' as tenant, payload from outbox order by seq",
      );
      return rows.map((row) => ({
        name: names.get(row.subject) ?? row.subject,
        tenantId: row.tenant,
        aggregateId: row.aggregate_id,
        payload: JSON.parse(row.payload.toString()) as unknown,
      }));
    },
    close: async () => {
      await db.close();
      await database.close();
    },
  };
});
