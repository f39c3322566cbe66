import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createTestDatabase, eventually, type TestDatabase } from '#platform/testing/index.ts';
import { openDatabase } from './database.ts';
import type { Database } from './types.ts';

/** Speaks as much of PostgreSQL as a session needs to open, then swallows everything. */
const startSilentServer = async () => {
  const sockets = new Set<Socket>();
  const authenticatedAndReady = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0, 0x5a, 0, 0, 0, 5, 0x49]);
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('data', () => socket.write(authenticatedAndReady));
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    url: `postgres://somebody@127.0.0.1:${port}/anything`,
    open: () => sockets.size,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
};

describe('guard', () => {
  it('ends what gets no answer, and gives that connection up', async () => {
    const server = await startSilentServer();
    // 2 s more than the server would take to cancel.
    const db = await openDatabase({ url: server.url, applicationName: 'guard', statementTimeoutMs: 1, poolMax: 2 });
    try {
      const unavailable = { code: 'platform.unavailable' };
      await Promise.all([
        assert.rejects(db.query('select 1'), unavailable),
        assert.rejects(
          db.transaction((tx) => tx.query('select 1')),
          unavailable,
        ),
      ]);
      await eventually(() => assert.equal(server.open(), 0));
      const dedicated = await db.connectDedicated();
      await assert.rejects(dedicated.query('select 1'), unavailable);
      await dedicated.lost;
      await eventually(() => assert.equal(server.open(), 0));
    } finally {
      await db.close();
      await server.close();
    }
  });

  describe('with PostgreSQL', () => {
    let database: TestDatabase;
    let db: Database;
    before(async () => {
      database = await createTestDatabase('guard', []);
      db = await openDatabase({ url: database.url, applicationName: 'guard' });
    });
    after(async () => {
      await db?.close();
      await database?.close();
    });

    it('lets rows go with the next collection of young garbage, however they were asked for', async () => {
      setFlagsFromString('--expose-gc');
      const collect = runInNewContext('gc') as (options: { type: 'minor' }) => void;
      const oldBytes = (): number => getHeapSpaceStatistics().find(({ space_name: name }) => name === 'old_space')!.space_used_size;
      // Some 60 KB each: more than one read.
      const sql = `select 'row ' || i || repeat('x', 100) as text, now() as at from generate_series(1, 400) i`;
      const dedicated = await db.connectDedicated();
      const ways = {
        'by the pool': () => db.query(sql),
        'in a transaction': () => db.transaction((tx) => tx.query(sql)),
        'over a connection of its own': () => dedicated.query(sql),
      };
      for (const [way, read] of Object.entries(ways)) {
        const round = async (): Promise<void> => {
          for (let count = 0; count < 100; count++) {
            assert.equal((await read()).length, 400);
            if (count % 5 === 4) collect({ type: 'minor' });
          }
        };
        await round();
        const before = oldBytes();
        await round();
        const grownKb = Math.round((oldBytes() - before) / 1_024);
        assert.ok(grownKb < 2_000, `${way}: ${grownKb} KB of 100 answers grew old`);
      }
      await dedicated.close();
    });
  });
});
