import assert from 'node:assert/strict';
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

/** As blocks were hashed until migration 0110, which only changed how fast. */
const earlierDigest = `sha256(convert_to((jsonb_build_array(
    t.id, t.tenant_id, t.type, t.debit_account_id, t.credit_account_id, t.amount_micros, t.currency, t.description, t.reference, t.hold_id,
    t.payment_id, t.reverses_id, t.idempotency_key, encode(t.request_hash, 'hex'), (extract(epoch from t.created_at) * 1000000)::bigint,
    (select jsonb_agg(jsonb_build_array(e.account_id, e.amount_micros, e.account_sequence, e.balance_after_micros) order by e.account_id)
       from entries e where e.transfer_id = t.id),
    (select jsonb_agg(jsonb_build_array(g.grant_id, g.amount_micros) order by g.grant_id) from grant_entries g where g.transfer_id = t.id)
  ) || case when t.actor = '' then '[]'::jsonb else jsonb_build_array(t.actor) end)::text, 'UTF8'))`;

test('blocks have the hashes that they had before, whatever their transfers say', async () => {
  const tenantId = newId();
  const books = postgresBooks(one);
  await books.grant(granting(tenantId, 1_000n));
  const texts = ['plain', 'quotes " and \\ slashes', 'lines\nand\ttabs \u0001 \u007f', 'Grüße, 你好 😀 \u2028', "', ] [ null", '</script>'];
  for (const [at, text] of texts.entries()) {
    const said = at % 2 === 0 ? {} : { actor: `user:${text.slice(0, 20)}` };
    assert.equal((await books.charge({ ...charging(tenantId, 1n), description: text, reference: text, ...said })).outcome, 'done');
  }
  await sealTransfers({ chain: postgresChain(one), clock: testClock(start), monitor: silentMonitor().monitor })();
  const blocks = await one.query<{ hash: Buffer; earlier: Buffer; transfers: number }>(`
    select b.hash, cardinality(b.transfer_ids) as transfers,
           sha256(b.previous_hash || int8send(b.height) || int8send(cardinality(b.transfer_ids)::bigint) ||
             (select string_agg(coalesce(${earlierDigest}, ''), '' order by i.position)
                from unnest(b.transfer_ids) with ordinality i (id, position) left join transfers t on t.id = i.id)) as earlier
      from ledger_blocks b`);
  assert.ok(blocks.some(({ transfers }) => transfers > texts.length));
  for (const { hash, earlier } of blocks) assert.deepEqual(hash, earlier);
});
