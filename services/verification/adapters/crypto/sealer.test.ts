import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { createSealer, deriveKey } from '#platform/sealing/index.ts';
import { memoryKeys } from '#platform/sealing/testing/memory-keys.ts';
import { createHmac } from 'node:crypto';
import { openSealer } from './sealer.ts';

const now = (): Date => new Date('2026-11-21T12:00:00Z');
const [one, two] = ['0193f0a0-0000-7000-8000-000000000001', '0193f0a0-0000-7000-8000-000000000002'];
const at = (tenantId: string | undefined, context = `code:${tenantId}:v1`) => ({ tenantId, context });

describe('the sealer', () => {
  it('opens what it sealed where it was sealed, and nowhere else', async () => {
    const { sealer } = await openSealer({ key: randomBytes(32), store: memoryKeys(), now });
    const sealed = await sealer.seal('482913', at(one));
    assert.equal(await sealer.open(sealed, at(one)), '482913');
    assert.ok(!Buffer.from(sealed).includes('482913'));
    await assert.rejects(sealer.open(sealed, at(one, 'code:other')));
    await sealer.seal('x', at(two));
    await assert.rejects(sealer.open(sealed, at(two, `code:${one}:v1`)));
    await assert.rejects(sealer.open(sealed, at(undefined, `code:${one}:v1`)));
  });
  it('opens what was sealed, and knows what was fingerprinted, before tenants had keys; also after the key was changed', async () => {
    const [before, after] = [randomBytes(32), randomBytes(32)];
    const store = memoryKeys();
    const old = createSealer(before, 'namaskah verification message v1').seal('482913', `code:${one}:v1`);
    const print = createHmac('sha256', deriveKey(before, 'namaskah verification fingerprint v1')).update('a').digest();
    const first = await openSealer({ key: before, store, now });
    assert.equal(await first.sealer.open(old, at(one)), '482913');
    assert.deepEqual(first.sealer.fingerprint('a'), print);
    const second = await openSealer({ key: after, previous: [before], store, now });
    assert.equal(await second.keys.rewrap(100), 2);
    const third = await openSealer({ key: after, store, now });
    assert.equal(await third.sealer.open(old, at(one)), '482913');
    assert.deepEqual(third.sealer.fingerprint('a'), print);
    await assert.rejects(openSealer({ key: before, store, now }), /not configured/);
  });
  it('started for the first time with a changed key takes the old one for what is there', async () => {
    const [before, after] = [randomBytes(32), randomBytes(32)];
    const old = createSealer(before, 'namaskah verification message v1').seal('482913', `code:${one}:v1`);
    const { sealer } = await openSealer({ key: after, previous: [before], store: memoryKeys(), now });
    assert.equal(await sealer.open(old, at(one)), '482913');
  });
  it("destroys one tenant's texts and leaves all else", async () => {
    const { sealer, keys } = await openSealer({ key: randomBytes(32), store: memoryKeys(), now });
    const [gone, kept, own] = [await sealer.seal('a', at(one)), await sealer.seal('b', at(two)), await sealer.seal('c', at(undefined))];
    assert.equal(await keys.destroy(one), 1);
    assert.deepEqual(
      [await sealer.open(gone, at(one)), await sealer.open(kept, at(two)), await sealer.open(own, at(undefined))],
      [undefined, 'b', 'c'],
    );
  });
  it('fingerprints are equal for equal texts and keys only', async () => {
    const { sealer } = await openSealer({ key: randomBytes(32), store: memoryKeys(), now });
    const other = await openSealer({ key: randomBytes(32), store: memoryKeys(), now });
    assert.deepEqual(sealer.fingerprint('a'), sealer.fingerprint('a'));
    assert.notDeepEqual(sealer.fingerprint('a'), sealer.fingerprint('b'));
    assert.notDeepEqual(sealer.fingerprint('a'), other.sealer.fingerprint('a'));
  });
  it('refuses a key of another length', () => assert.rejects(openSealer({ key: randomBytes(16), store: memoryKeys(), now }), /32 bytes/));
});
