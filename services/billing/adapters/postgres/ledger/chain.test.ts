import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import { createTestDatabase, type TestDatabase } from '#platform/testing/index.ts';
import { testClock } from '#platform/time/index.ts';
import { sealTransfers } from '../../../app/ledger/seal-transfers.ts';
import { charging, granting, start } from '../../../testing/ledger/books.contract.ts';
import { openBooks, postgresBooks } from '../../../testing/ledger/postgres-books.ts';
import { silentMonitor } from '../../../testing/payments/fake-gateway.ts';
import { migrations } from '../migrations/index.ts';
import { postgresAudit } from './audit.ts';
import { postgresChain } from './chain.ts';

let database: TestDatabase;
/** Two services on one database. */
let one: Database;
let two: Database;

before(async () => {
  database = await createTestDatabase('billing', migrations);
  [one, two] = await Promise.all([openBooks(database.url), openBooks(database.url)]);
});
after(async () => {
  await Promise.all([one?.close(), two?.close()]);
  await database?.close();
});

const waiting = async (): Promise<number> => (await one.query('select 1 from unsealed_transfers')).length;

test('two sealers beside running traffic put every transfer into one chain, once', async () => {
  const tenants = Array.from({ length: 5 }, newId);
  for (const tenantId of tenants) await postgresBooks(one).grant(granting(tenantId, 1_000n));
  const books = [postgresBooks(one), postgresBooks(two)] as const;
  let traffic = true;
  const seal = async (db: Database): Promise<number> => {
    let total = 0;
    for (let round = 0; round < 2_000 && traffic; round++) total += (await postgresChain(db).seal(start, 7))?.transfers ?? 0;
    return total;
  };
  const sealing = [seal(one), seal(two)];
  const charges = Array.from({ length: 400 }, (_, at) => books[at % 2 === 0 ? 0 : 1].charge(charging(tenants[at % 5] ?? '', 1n)));
  const outcomes = await Promise.all(charges);
  traffic = false;
  assert.ok(outcomes.every(({ outcome }) => outcome === 'done'));
  const during = (await Promise.all(sealing)).reduce((a, b) => a + b, 0);
  const rest = await sealTransfers({ chain: postgresChain(one), clock: testClock(start), monitor: silentMonitor().monitor })();
  assert.equal(during + rest, 5 + 400);
  assert.equal(await waiting(), 0);
  assert.equal(await postgresChain(two).seal(start, 10), undefined);
  assert.equal(await postgresAudit(one).firstDivergence(), undefined);
});

test('whatever is rewritten, removed or slipped in afterwards breaks the chain', async () => {
  const rewritten = {
    'a description': `update transfers set description = 'other' where id = (select id from transfers limit 1)`,
    'a reference': `update transfers set reference = 'other' where id = (select transfer_ids[2] from ledger_blocks limit 1)`,
    'who caused it': `update transfers set actor = 'user:other' where id = (select transfer_ids[1] from ledger_blocks limit 1)`,
    // With session_replication_role = replica nothing queues it: as if a superuser had written into the table.
    'a transfer that never waited': `with t as (select * from transfers where type = 'usage' limit 1),
       copied as (insert into transfers (id, tenant_id, type, debit_account_id, credit_account_id, amount_micros, currency, description, reference, created_at)
         select gen_random_uuid(), tenant_id, type, debit_account_id, credit_account_id, amount_micros, currency, description, 'copy', created_at from t)
       select 1`,
    'the list of a block': `update ledger_blocks set transfer_ids = transfer_ids[2:] where height = 1`,
    'when an entry was made': `update entries set created_at = created_at + interval '1 second'
       where transfer_id = (select transfer_ids[1] from ledger_blocks limit 1)`,
    'what a grant gave': `update grant_entries set grant_id = gen_random_uuid() where transfer_id = (select transfer_ids[1] from ledger_blocks limit 1)`,
    'how a block was hashed': `update ledger_blocks set format = 1 where height = 1`,
    'a hash': `update ledger_blocks set hash = sha256('x') where height = (select max(height) from ledger_blocks)`,
    'the link between two blocks': `update ledger_blocks set previous_hash = sha256('x') where height = 2`,
    'a block in between': `update ledger_blocks set height = height + 1 where height = (select max(height) from ledger_blocks)`,
  };
  for (const [name, sql] of Object.entries(rewritten)) {
    const rollback = new Error('undo');
    await assert.rejects(
      one.transaction(async (tx) => {
        await tx.query(`set local session_replication_role = 'replica'`);
        await tx.query(sql);
        const inside = { ...one, transaction: <T>(work: (inner: typeof tx) => Promise<T>) => work(tx) };
        assert.ok((await postgresAudit(inside as Database).firstDivergence()) !== undefined, `${name} was not noticed`);
        throw rollback;
      }),
      rollback,
    );
  }
  await assert.rejects(one.query('update ledger_blocks set sealed_at = now()'), { code: '23001' });
  await assert.rejects(one.query('delete from ledger_blocks'), { code: '23001' });
});

test('a transfer that did not commit leaves nothing to seal', async () => {
  const tenantId = newId();
  await postgresBooks(one).grant(granting(tenantId, 10n));
  const before = await waiting();
  const undo = new Error('undo');
  const post = `select post_to_wallet($1, $2, 'USD', -5, 0, 'usage', 'revenue', 'usage', 'd', 'r', null, null, null, null, $3) as done`;
  await assert.rejects(
    one.transaction(async (tx) => {
      assert.deepEqual(await tx.query(post, [newId(), tenantId, start]), [{ done: true }]);
      throw undo;
    }),
    undo,
  );
  assert.equal(await waiting(), before);
});

/** They tempt an encoding. */
const texts = ['plain', 'quotes " and \\ slashes', 'lines\nand\ttabs \u0001 \u007f', 'Grüße, 你好 😀 \u2028', "', ] [ null", '</script>'];

/** Seals a transfer for each text, with an actor or without, and the grant before them. @returns how many were sealed */
const sealTexts = async (tenantId: string): Promise<number> => {
  const books = postgresBooks(one);
  await books.grant(granting(tenantId, 1_000n));
  for (const [at, text] of texts.entries()) {
    const said = at % 2 === 0 ? {} : { actor: `user:${text.slice(0, 20)}` };
    assert.equal((await books.charge({ ...charging(tenantId, 1n), description: text, reference: text, ...said })).outcome, 'done');
  }
  return sealTransfers({ chain: postgresChain(one), clock: testClock(start), monitor: silentMonitor().monitor })();
};

/** As blocks were hashed until migration 0110, which only changed how fast. */
const earlierDigest = `sha256(convert_to((jsonb_build_array(
    t.id, t.tenant_id, t.type, t.debit_account_id, t.credit_account_id, t.amount_micros, t.currency, t.description, t.reference, t.hold_id,
    t.payment_id, t.reverses_id, t.idempotency_key, encode(t.request_hash, 'hex'), (extract(epoch from t.created_at) * 1000000)::bigint,
    (select jsonb_agg(jsonb_build_array(e.account_id, e.amount_micros, e.account_sequence, e.balance_after_micros) order by e.account_id)
       from entries e where e.transfer_id = t.id),
    (select jsonb_agg(jsonb_build_array(g.grant_id, g.amount_micros) order by g.grant_id) from grant_entries g where g.transfer_id = t.id)
  ) || case when t.actor = '' then '[]'::jsonb else jsonb_build_array(t.actor) end)::text, 'UTF8'))`;

test('blocks of the first format have the hashes that they had, whatever their transfers say, and new ones go on from them', async () => {
  assert.ok((await sealTexts(newId())) > texts.length);
  const blocks = await one.query<{ hash: Buffer; earlier: Buffer; transfers: number }>(`
    select block_hash(1::smallint, b.height, b.previous_hash, b.transfer_ids) as hash, cardinality(b.transfer_ids) as transfers,
           sha256(b.previous_hash || int8send(b.height) || int8send(cardinality(b.transfer_ids)::bigint) ||
             (select string_agg(coalesce(${earlierDigest}, ''), '' order by i.position)
                from unnest(b.transfer_ids) with ordinality i (id, position) left join transfers t on t.id = i.id)) as earlier
      from ledger_blocks b`);
  assert.ok(blocks.some(({ transfers }) => transfers > texts.length));
  for (const { hash, earlier } of blocks) assert.deepEqual(hash, earlier);

  // As the version before seals, while replicas of both run.
  await postgresBooks(one).grant(granting(newId(), 5n));
  await one.query(`
    with taken as (delete from unsealed_batches returning transfer_ids),
         ids as (select array_agg(id order by id) as ids from taken cross join unnest(transfer_ids) id),
         last as (select height + 1 as height, hash from ledger_blocks order by height desc limit 1)
    insert into ledger_blocks (height, previous_hash, hash, transfer_ids, sealed_at, format)
    select height, hash, block_hash(height, hash, ids), ids, now(), 1 from last cross join ids`);
  await postgresBooks(one).grant(granting(newId(), 5n));
  assert.equal((await postgresChain(one).seal(start, 10))?.transfers, 1);
  assert.deepEqual(
    (await one.query<{ format: number }>('select format from ledger_blocks order by height desc limit 3')).map(({ format }) => format),
    [2, 1, 2],
  );
  assert.equal(await postgresAudit(one).firstDivergence(), undefined);
});

/** A record as PostgreSQL sends it (record_send, in its src/backend/utils/adt/rowtypes.c): number of fields, then type, length (-1: null) and bytes of each. */
const field = {
  uuid: (value: string | null) => ({ type: 2950, bytes: value === null ? null : Buffer.from(value.replaceAll('-', ''), 'hex') }),
  text: (value: string | null) => ({ type: 25, bytes: value === null ? null : Buffer.from(value) }),
  bytea: (value: Buffer | null) => ({ type: 17, bytes: value }),
  int8: (value: bigint | null) => ({ type: 20, bytes: value === null ? null : int8(value) }),
  /** @param value microseconds since 2000 */
  timestamptz: (value: bigint) => ({ type: 1184, bytes: int8(value) }),
};
const int8 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
};
const int4 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const recordOf = (...fields: readonly { readonly type: number; readonly bytes: Buffer | null }[]): Buffer =>
  Buffer.concat([
    int4(fields.length),
    ...fields.flatMap(({ type, bytes }) => (bytes === null ? [int4(type), int4(-1)] : [int4(type), int4(bytes.length), bytes])),
  ]);

test('whoever has the rows can compute the hash of a block of the second format, in whatever encoding he asks for them', async () => {
  assert.ok((await sealTexts(newId())) > texts.length);
  const [block] = await one.query<{ height: bigint; previous_hash: Buffer; hash: Buffer; transfer_ids: string[] }>(
    'select height, previous_hash, hash, transfer_ids::text[] from ledger_blocks order by height desc limit 1',
  );
  assert.ok(block !== undefined);
  const { height, previous_hash: previous, hash, transfer_ids: ids } = block;
  const micros = `(extract(epoch from created_at - '2000-01-01T00:00:00Z') * 1000000)::bigint as at`;
  type Row = Record<string, string | null> & { amount_micros: bigint; at: bigint; request_hash: Buffer | null };
  const transfers = await one.query<Row>(`select *, ${micros} from transfers where id = any($1) order by id`, [ids]);
  const entries = await one.query<Row & { account_sequence: bigint | null; balance_after_micros: bigint | null }>(
    `select *, ${micros} from entries where transfer_id = any($1) order by transfer_id, account_id`,
    [ids],
  );
  const burnt = await one.query<Row>('select * from grant_entries where transfer_id = any($1) order by transfer_id, grant_id', [ids]);
  const { uuid, text, bytea, int8: bigint, timestamptz } = field;
  const parts = [
    transfers.map((t) =>
      recordOf(
        ...[uuid(t['id'] ?? null), uuid(t['tenant_id'] ?? null), text(t['type'] ?? null), uuid(t['debit_account_id'] ?? null)],
        ...[uuid(t['credit_account_id'] ?? null), bigint(t.amount_micros), text(t['currency'] ?? null), text(t['description'] ?? null)],
        ...[text(t['reference'] ?? null), uuid(t['hold_id'] ?? null), uuid(t['payment_id'] ?? null), uuid(t['reverses_id'] ?? null)],
        ...[text(t['idempotency_key'] ?? null), bytea(t.request_hash), timestamptz(t.at), text(t['actor'] ?? null)],
      ),
    ),
    entries.map((e) =>
      recordOf(
        ...[uuid(e['transfer_id'] ?? null), uuid(e['account_id'] ?? null), bigint(e.amount_micros), bigint(e.account_sequence)],
        ...[bigint(e.balance_after_micros), timestamptz(e.at)],
      ),
    ),
    burnt.map((g) => recordOf(uuid(g['transfer_id'] ?? null), uuid(g['grant_id'] ?? null), bigint(g.amount_micros))),
  ].map((records) => Buffer.concat(records));
  const sealed = [previous, int8(height), int8(BigInt(ids.length)), ...parts.flatMap((part) => [int8(BigInt(part.length)), part])];
  assert.deepEqual(hash, createHash('sha256').update(Buffer.concat(sealed)).digest());
  await one.transaction(async (tx) => {
    await tx.query(`set local client_encoding = 'LATIN1'`);
    const [row] = await tx.query<{ same: boolean }>(
      `select block_hash(format, height, previous_hash, transfer_ids) = hash as same from ledger_blocks where height = $1`,
      [height],
    );
    assert.equal(row?.same, true);
  });
});
