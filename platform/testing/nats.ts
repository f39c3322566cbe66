import { ensureStreams, openBus } from '#platform/messaging/index.ts';
import { withAdmin } from './database.ts';
import { accountUrl, testServer } from './environment.ts';

export interface TestNats {
  /** Address with the credentials of an account of the caller's own. */
  readonly url: string;
  readonly account: string;
  close(): Promise<void>;
}

/** As many as tools/infra declares in the server's configuration. */
const accountCount = 256;

/** Numbers are handed out by PostgreSQL, the one thing that all processes of a run share. */
const nextAccount = (): Promise<number> =>
  withAdmin(async (client) => {
    // Two that create it at once: one loses with a unique violation of the catalogue and finds it made.
    await client.query('create sequence if not exists test_nats_account').catch(() => {});
    const { rows } = await client.query<{ n: string }>(`select nextval('test_nats_account') as n`);
    return Number(rows[0]!.n);
  });

/** An account of the caller's own on the run's server, with the streams and consumers of events.ts. */
export const createTestNats = async (): Promise<TestNats> => {
  const n = await nextAccount();
  if (n >= accountCount) throw new Error(`all ${accountCount} NATS accounts of this run are taken`);
  const account = `t${n}`;
  const url = accountUrl(testServer('TEST_NATS_URL'), account);
  const bus = await openBus({ url, name: `test-setup-${account}` });
  try {
    await ensureStreams(bus);
  } finally {
    await bus.close();
  }
  return {
    url,
    account,
    close: async () => {
      const closing = await openBus({ url, name: `test-cleanup-${account}` });
      try {
        const manager = await closing.manager();
        for await (const name of manager.streams.names()) await manager.streams.delete(name);
      } finally {
        await closing.close();
      }
    },
  };
};
