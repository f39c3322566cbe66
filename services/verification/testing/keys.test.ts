/** Keys of tenants over the real database: what their change, their loss and their absence do to what customers see. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { createSealer } from '#platform/sealing/index.ts';
import { newId, toTypeId } from '#platform/ids/index.ts';
import { dayMs, minuteMs } from '#platform/time/index.ts';
import { openSealer } from '../adapters/crypto/sealer.ts';
import { postgresKeys } from '../adapters/postgres/keys/store.ts';
import { createVerification } from '../app/create-verification.ts';
import { getVerification } from '../app/get-verification.ts';
import { listVerifications } from '../app/list-verifications.ts';
import { receivePush } from '../app/receive-push.ts';
import { readKeyCommand, runKeyCommand } from '../keys.ts';
import { type Harness, openHarness } from './harness.ts';

const base64 = (key: Uint8Array): string => Buffer.from(key).toString('base64');

describe('keys of tenants', () => {
  let h: Harness;
  const [before_, after_] = [randomBytes(32), randomBytes(32)];
  before(async () => {
    h = await openHarness();
    // The harness has begun with a key of its own; these tests have theirs.
    await h.db.query('delete from data_keys');
  });
  after(() => h.close());

  /** As a process with these keys, that has nothing in memory. */
  const withKeys = async (key: Uint8Array, previous: readonly Uint8Array[] = []) => {
    const { sealer } = await openSealer({ key, previous, store: postgresKeys(h.db), now: () => h.clock.now() });
    return { ...h.ports, sealer };
  };
  const received = async (ports: typeof h.ports, tenantId = newId()) => {
    const { id } = await createVerification(ports)(h.request({ tenantId }));
    const found = (await ports.store.find(tenantId, id)) ?? assert.fail();
    await receivePush(ports)(h.push(found.activationId ?? '', 'Telegram code: 48213', '48213'));
    return { id, tenantId };
  };
  const list = (ports: typeof h.ports, tenantId: string) =>
    listVerifications(ports)({ tenantId, statuses: [], service: undefined, country: undefined, before: undefined, limit: 10 });
  const run = (args: readonly string[], key: Uint8Array, previous: readonly Uint8Array[] = []) =>
    runKeyCommand(
      { databaseUrl: h.url, encryptionKey: base64(key), encryptionKeysPrevious: previous.map(base64).join(',') || undefined },
      readKeyCommand(args) ?? assert.fail(args.join(' ')),
      () => h.clock.now(),
    );

  it('each tenant has one of its own, made with its first text; nothing of it is in the database in clear', async () => {
    const ports = await withKeys(before_);
    const [one, two] = [await received(ports), await received(ports)];
    const rows = await h.db.query<{ owner: string; version: number }>('select owner, version from data_keys where owner = any($1)', [
      [one.tenantId, two.tenantId],
    ]);
    assert.deepEqual(rows.map(({ owner }) => owner).toSorted(), [one.tenantId, two.tenantId].toSorted());
    const sealed = await h.db.query<{ sealed: Buffer }>('select sealed from messages where verification_id = $1', [one.id]);
    assert.equal(sealed[0]?.sealed[0], 2);
    assert.equal((await getVerification(ports)(one)).code, '48213');
  });

  it('a key that was used lately costs no statement more', async () => {
    const ports = await withKeys(before_);
    const { tenantId, id } = await received(ports);
    const store = postgresKeys(h.db);
    let reads = 0;
    const counting = { ...store, read: (owner: string) => ((reads += 1), store.read(owner)) };
    const { sealer } = await openSealer({ key: before_, store: counting, now: () => h.clock.now() });
    reads = 0;
    for (let turn = 0; turn < 5; turn++) await getVerification({ ...ports, sealer })({ tenantId, id });
    assert.equal(reads, 1);
  });

  it('texts that the service sealed before tenants had keys are read as before', async () => {
    const ports = await withKeys(before_);
    const one = await received(ports);
    const legacy = createSealer(before_, 'namaskah verification message v1');
    const [{ id: messageId } = assert.fail()] = await ports.store.messages(one.tenantId, one.id);
    const body = JSON.stringify({ text: 'an old text', code: '11111', sender: 'x' });
    await h.db.query('update messages set sealed = $2 where id = $1', [
      messageId,
      legacy.seal(body, `message:${one.tenantId}:${one.id}:${messageId}`),
    ]);
    await h.db.query('update verifications set sealed_code = $2 where id = $1', [
      one.id,
      legacy.seal('11111', `code:${one.tenantId}:${one.id}`),
    ]);
    const view = await getVerification(ports)(one);
    assert.deepEqual([view.code, view.messages[0]?.text], ['11111', 'an old text']);
  });

  it('rotate: new texts under the new key, old ones readable; by age, those that are old', async () => {
    const ports = await withKeys(before_);
    const one = await received(ports);
    assert.match(await run(['rotate', toTypeId('tenant', one.tenantId)], before_), /version 2/);
    const anew = await withKeys(before_);
    const two = await received(anew, one.tenantId);
    const page = await list(anew, one.tenantId);
    assert.deepEqual(
      page.verifications.map(({ id, code }) => [id, code]),
      [
        [two.id, '48213'],
        [one.id, '48213'],
      ],
    );
    const [{ sealed } = assert.fail()] = await anew.store.messages(one.tenantId, two.id);
    assert.equal(Buffer.from(sealed).readUInt32BE(1), 2);
    h.clock.advance(2 * dayMs);
    const young = await received(await withKeys(before_));
    assert.match(await run(['rotate', '--older-than', '1'], before_), /[1-9]\d* tenants/);
    const versions = await h.db.query<{ version: number }>(
      'select max(version) as version from data_keys where owner = any($1) group by owner order by 1',
      [[one.tenantId, young.tenantId]],
    );
    assert.deepEqual(
      versions.map(({ version }) => version),
      [1, 3],
    );
    assert.match(await run(['rotate', '--older-than', '1'], before_), /^0 tenants/);
  });

  it('rewrap: with a new key everything is readable, and after it without the old one', async () => {
    const one = await received(await withKeys(before_));
    await assert.rejects(withKeys(after_), /not configured/);
    const both = await withKeys(after_, [before_]);
    assert.equal((await getVerification(both)(one)).code, '48213');
    assert.match(await run(['rewrap'], after_, [before_]), /^[1-9]\d* keys/);
    assert.match(await run(['rewrap'], after_, [before_]), /^0 keys/);
    assert.equal((await getVerification(await withKeys(after_))(one)).code, '48213');
    assert.match(await run(['rewrap'], before_, [after_]), /^[1-9]\d* keys/);
  });

  it("shred: the tenant's texts and codes are gone and nothing else; what was bought stays, and new codes can be read", async () => {
    const ports = await withKeys(before_);
    const [one, other] = [await received(ports), await received(ports)];
    assert.match(await run(['shred', one.tenantId, '--yes'], before_), /^1 keys destroyed/);
    const anew = await withKeys(before_);
    const view = await getVerification(anew)(one);
    assert.deepEqual([view.status, view.code, view.messages], ['received', '', []]);
    assert.equal((await list(anew, one.tenantId)).verifications[0]?.code, '');
    assert.equal((await getVerification(anew)(other)).code, '48213');
    const next = await received(anew, one.tenantId);
    assert.equal((await getVerification(anew)(next)).code, '48213');
    // A process that had the key in memory has forgotten it by then.
    h.clock.advance(6 * minuteMs);
    assert.equal((await getVerification(ports)(one)).code, '');
  });

  it('understands its commands and no others', () => {
    const id = newId();
    assert.deepEqual(readKeyCommand(['rotate', id]), { kind: 'rotate', tenantId: id });
    assert.deepEqual(readKeyCommand(['shred', id, '--yes']), { kind: 'shred', tenantId: id });
    assert.deepEqual(readKeyCommand(['rotate', '--older-than', '90']), { kind: 'rotateOld', days: 90 });
    for (const args of [
      [],
      ['shred', id],
      ['shred', '--yes'],
      ['rotate'],
      ['rotate', '--older-than', '0'],
      ['rewrap', id],
      ['rotate', 'x'],
      ['shred', id, '--yes', 'x'],
    ])
      assert.equal(readKeyCommand(args), undefined, args.join(' '));
  });
});
