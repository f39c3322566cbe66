import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { defineEntity, p } from '@mikro-orm/core';
import { isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { createTestDatabase, type TestDatabase } from '#platform/testing/index.ts';
import { openDatabase } from './database.ts';
import { openConnection } from './dedicated.ts';
import { isUniqueViolation } from './errors.ts';
import { migrate, sqlMigration } from './migrate.ts';
import { platformMigration } from './platform-migration.ts';
import type { Database } from './types.ts';

const wallets = sqlMigration(
  '00000000-0002-wallets',
  `create table wallet (id uuid primary key, name text not null unique, micros bigint not null, opened_at timestamptz not null default now());
   create table label (id uuid primary key, texts text[] not null);`,
);

const WalletRow = defineEntity({
  name: 'Wallet',
  tableName: 'wallet',
  properties: { id: p.uuid().primary(), name: p.text(), micros: p.bigint('bigint'), openedAt: p.datetime() },
});

const LabelRow = defineEntity({ name: 'Label', tableName: 'label', properties: { id: p.uuid().primary(), texts: p.array() } });

describe('a database', () => {
  let server: TestDatabase;
  let db: Database;

  before(async () => {
    server = await createTestDatabase('postgres', [platformMigration, wallets]);
    db = await openDatabase({
      url: server.url,
      applicationName: 'database-test',
      entities: [WalletRow, LabelRow],
      poolMax: 4,
      statementTimeoutMs: 1_000,
      poolWaitMs: 400,
    });
  });
  after(async () => {
    await db?.close();
    await server?.close();
  });

  const insert = 'insert into wallet (id, name, micros) values ($1, $2, $3)';
  const count = async (): Promise<bigint> => (await db.query<{ n: bigint }>('select count(*) as n from wallet'))[0]!.n;

  it('gives columns their types: bigint, numeric text, Date, object, Buffer, null, arrays', async () => {
    const at = new Date('2026-03-01T12:34:56.789Z');
    const [row] = await db.query(
      `select $1::int8 as big, $2::numeric as num, $3::timestamptz as at, $4::jsonb as doc, $5::bytea as bytes,
        null::int8 as none, 7::int4 as small, array[1, null, 9007199254740993]::int8[] as bigs, '{a,b}'::text[] as texts, '2026-01-02'::date as day`,
      [9_007_199_254_740_993n, '1.10', at, { a: [1] }, Buffer.from([0, 255])],
    );
    assert.deepEqual(
      { ...row },
      {
        big: 9_007_199_254_740_993n,
        num: '1.10',
        at,
        doc: { a: [1] },
        bytes: Buffer.from([0, 255]),
        none: null,
        small: 7,
        bigs: [1n, null, 9_007_199_254_740_993n],
        texts: ['a', 'b'],
        day: '2026-01-02',
      },
    );
  });

  it('shows SQL and EntityManager the same transaction, and maps bigint and Date in both', async () => {
    const id = newId();
    const openedAt = new Date('2026-01-01T00:00:00.123Z');
    await db.transaction(async (tx) => {
      tx.em.create(WalletRow, { id, name: 'orm', micros: 9_007_199_254_740_993n, openedAt });
      await tx.em.flush();
      const [row] = await tx.query<{ micros: bigint; opened_at: Date }>('select micros, opened_at from wallet where id = $1', [id]);
      assert.deepEqual({ ...row }, { micros: 9_007_199_254_740_993n, opened_at: openedAt });
      await tx.query('update wallet set micros = micros + 1 where id = $1', [id]);
    });
    const found = await db.em().findOneOrFail(WalletRow, { id });
    assert.equal(found.micros, 9_007_199_254_740_994n);
    assert.equal(found.openedAt.toISOString(), openedAt.toISOString());
    assert.equal(await db.em().count(WalletRow, { id }), 1);
  });

  it('keeps the texts of an array as they are, whatever they mean to PostgreSQL', async () => {
    const texts = ['NULL', 'null', ' ', ' ends ', '', 'a,b', '{}', '"', String.raw`\n`, `it's`, '東京'];
    for (const held of [texts, ...texts.map((text) => [text]), []]) {
      const id = newId();
      await db.em().insert(LabelRow, { id, texts: held });
      assert.deepEqual((await db.em().findOneOrFail(LabelRow, { id })).texts, held);
    }
  });

  it('flushes what the EntityManager holds before the commit', async () => {
    const id = newId();
    await db.transaction(async (tx) => void tx.em.create(WalletRow, { id, name: 'unflushed', micros: 1n, openedAt: new Date() }));
    assert.equal((await db.query('select 1 from wallet where id = $1', [id])).length, 1);
  });

  it('rolls everything back when the work throws, and runs no after-commit callback', async () => {
    const before = await count();
    let called = false;
    await assert.rejects(
      db.transaction(async (tx) => {
        tx.afterCommit(() => (called = true));
        await tx.query(insert, [newId(), 'gone', 1n]);
        throw new Error('stop');
      }),
      /stop/,
    );
    assert.equal(await count(), before);
    assert.equal(called, false);
  });

  it('never reports success for a transaction whose failed statement was swallowed', async () => {
    await db.query(insert, [newId(), 'taken', 1n]);
    let called = false;
    await assert.rejects(
      db.transaction(async (tx) => {
        tx.afterCommit(() => (called = true));
        await tx.query(insert, [newId(), 'swallowed', 1n]);
        await tx.query(insert, [newId(), 'taken', 1n]).catch(() => {});
      }),
      /rolled back/,
    );
    assert.equal(called, false);
  });

  it('names the constraint of a unique violation', async () => {
    await db.query(insert, [newId(), 'unique', 1n]);
    const error = await db.query(insert, [newId(), 'unique', 1n]).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.ok(isUniqueViolation(error));
    assert.ok(isUniqueViolation(error, 'wallet_name_key'));
    assert.ok(!isUniqueViolation(error, 'wallet_pkey'));
  });

  it('repeats a transaction after a serialization failure, so no increment is lost', async () => {
    const id = newId();
    await db.query(insert, [id, 'counter', 0n]);
    const increment = () =>
      db.transaction(
        async (tx) => {
          const [row] = await tx.query<{ micros: bigint }>('select micros from wallet where id = $1', [id]);
          await tx.query('update wallet set micros = $2 where id = $1', [id, row!.micros + 1n]);
        },
        { isolation: 'serializable' },
      );
    await Promise.all([increment(), increment(), increment()]);
    const [row] = await db.query<{ micros: bigint }>('select micros from wallet where id = $1', [id]);
    assert.equal(row!.micros, 3n);
  });

  it('turns a statement that takes too long into platform.deadline_exceeded', async () => {
    await assert.rejects(db.query('select pg_sleep(5)'), (error) => isAppError(error, 'platform.deadline_exceeded'));
  });

  it('turns an exhausted pool into a fast platform.overloaded, and recovers', async () => {
    const holders = Array.from({ length: 4 }, () => db.transaction(async (tx) => void (await tx.query('select pg_sleep(0.8)'))));
    await assert.rejects(db.query('select 1'), (error) => isAppError(error, 'platform.overloaded'));
    await Promise.all(holders);
    await db.ping();
  });

  it('gives connections back when BEGIN, the work or COMMIT meets a dead session', async () => {
    for (let round = 0; round < 12; round++) {
      const outcome = db.transaction(async (tx) => {
        await tx.query('select 1');
        await killOthers(db);
      });
      await assert.rejects(outcome, (error) => isAppError(error, 'platform.unavailable'));
    }
    await db.ping();
    await Promise.all(Array.from({ length: 4 }, () => db.transaction(async (tx) => void (await tx.query('select pg_sleep(0.1)')))));
    assert.equal(db.poolStats().waiting, 0);
  });

  it('talks in one round trip per statement: BEGIN, statements, COMMIT and nothing else', async () => {
    const statements = await recordStatements(db, async () => {
      await db.query('select 1 as one', []);
      await db.transaction(async (tx) => void (await tx.query('select 2 as two', [])));
    });
    assert.deepEqual(statements, ['select 1 as one', 'begin', 'select 2 as two', 'commit']);
  });

  it('leaves no connection behind when it is closed, also when only SQL was spoken', async () => {
    const other = await openDatabase({ url: server.url, applicationName: 'closing-test', poolMax: 2 });
    await other.query('select 1');
    await other.close();
    assert.equal(other.poolStats().total, 0);
    const left = await db.query(`select from pg_stat_activity where application_name = 'closing-test' and state <> 'idle'`);
    assert.equal(left.length, 0);
  });

  it('reads an address alike for the pool, for a connection beside it, and for one without a pool', async () => {
    const where = async (connection: Pick<Database, 'query'>) =>
      (
        await connection.query<object>(
          `select current_database() as name, current_user as role, current_setting('statement_timeout') as limit_ms`,
        )
      )[0];
    const expected = { ...(await where(db)) };
    for (const [parameters, refused] of [
      ['', false],
      // No TLS on this server: not asked for, or not insisted on.
      ['?sslmode=disable', false],
      ['?sslmode=prefer', false],
      // Not for an address to say.
      ['?statement_timeout=1', false],
      ['?sslmode=require', true],
      ['?sslmode=no-verify', true],
    ] as const) {
      const options = { url: `${server.url}${parameters}`, applicationName: 'address', statementTimeoutMs: 1_000 };
      const other = await openDatabase(options);
      const ways = {
        pool: () => where(other),
        beside: async () => {
          const connection = await other.connectDedicated();
          return await where(connection);
        },
        'without a pool': async () => {
          const connection = await openConnection(options);
          try {
            return await where(connection);
          } finally {
            await connection.close();
          }
        },
      };
      for (const [way, ask] of Object.entries(ways))
        if (refused) await assert.rejects(ask(), /SSL/, `${way}${parameters}`);
        else assert.deepEqual({ ...(await ask()) }, expected, `${way}${parameters}`);
      await other.close();
    }
  });

  it('migrates once when two start together', async () => {
    const empty = await createTestDatabase('migrate', []);
    try {
      await Promise.all([1, 2, 3].map(() => migrate({ url: empty.url, migrations: [platformMigration, wallets] })));
      const other = await openDatabase({ url: empty.url, applicationName: 'migrate-test' });
      const rows = await other.query<{ name: string }>('select name from mikro_orm_migrations order by id');
      await other.close();
      assert.deepEqual(
        rows.map(({ name }) => name),
        [platformMigration.name, wallets.name],
      );
    } finally {
      await empty.close();
    }
  });

  it('says platform.unavailable, from SQL, transactions and the EntityManager, when nothing listens', async () => {
    const nowhere = await openDatabase({ url: 'postgres://a:b@127.0.0.1:1/none', applicationName: 'nowhere', entities: [WalletRow] });
    const unavailable = (error: unknown) => isAppError(error, 'platform.unavailable');
    await assert.rejects(nowhere.query('select 1'), unavailable);
    await assert.rejects(
      nowhere.transaction(async (tx) => tx.query('select 1')),
      unavailable,
    );
    await assert.rejects(nowhere.em().count(WalletRow), unavailable);
    await nowhere.close();
  });
});

/** Ends every session of this database but the one that asks. */
const killOthers = async (db: Database): Promise<void> => {
  await db.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()');
};

/** Texts that the driver puts on the wire while `work` runs. */
const recordStatements = async (db: Database, work: () => Promise<void>): Promise<string[]> => {
  const texts: string[] = [];
  const original = Socket.prototype.write;
  Socket.prototype.write = function (this: unknown, ...args: never[]) {
    const [chunk] = args as unknown as [Buffer | string];
    for (const match of Buffer.from(chunk as Buffer)
      .toString('latin1')
      .matchAll(/select \d as \w+|begin|commit|savepoint|\bset\b|\bshow\b|discard/g))
      texts.push(match[0]);
    return (original as (...all: never[]) => boolean).apply(this, args);
  } as typeof original;
  try {
    await db.ping();
    texts.length = 0;
    await work();
  } finally {
    Socket.prototype.write = original;
  }
  return texts;
};
