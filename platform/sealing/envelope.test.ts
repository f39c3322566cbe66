import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { testClock } from '#platform/time/index.ts';
import { createEnvelope, createSealer, deriveKey, type Envelope } from './index.ts';
import { keyStoreContract } from './testing/key-store.contract.ts';
import { memoryKeys } from './testing/memory-keys.ts';

keyStoreContract('memory', async () => memoryKeys());

const maxAgeMs = 1_000;
const world = (wrappers: readonly Uint8Array[] = [randomBytes(32)]) => {
  const [store, clock] = [memoryKeys(), testClock()];
  /** A process of its own: same keys, same store, nothing in memory. */
  const open = (with_ = wrappers): Envelope =>
    createEnvelope({
      wrappers: with_,
      purpose: 'test',
      store,
      now: () => clock.now(),
      legacyOwner: 'legacy',
      cache: { max: 100, maxAgeMs },
    });
  return { store, clock, open, wrappers };
};
const place = (owner: string, context = `row of ${owner}`) => ({ owner, context });

describe('an envelope', () => {
  it('opens what it sealed, in any process, and never seals alike twice', async () => {
    const { open } = world();
    const [one, two] = [open(), open()];
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme' }), fc.constantFrom('a', 'b', 'c'), fc.string(), async (plain, owner, context) => {
        const sealed = await one.seal(plain, place(owner, context));
        assert.equal(await two.open(sealed, place(owner, context)), plain);
        assert.notDeepEqual(sealed, await one.seal(plain, place(owner, context)));
      }),
    );
  });

  it('does not open for another owner, place or wrapper, nor what was changed or cut short', async () => {
    const { open } = world();
    const envelope = open();
    const sealed = await envelope.seal('482913', place('a'));
    await envelope.seal('x', place('b'));
    await assert.rejects(envelope.open(sealed, place('b', 'row of a')));
    await assert.rejects(envelope.open(sealed, place('a', 'another row')));
    await assert.rejects(open([randomBytes(32)]).open(sealed, place('a')), /not configured/);
    for (let length = 0; length < sealed.length; length++) await assert.rejects(envelope.open(sealed.subarray(0, length), place('a')));
    for (let index = 0; index < sealed.length; index++) {
      const changed = Buffer.from(sealed);
      changed[index] = (changed[index] ?? 0) ^ 1;
      await assert.rejects(envelope.open(changed, place('a')), `byte ${index}`);
    }
  });

  it('asks the store once for an owner, however many texts there are at once, until the keys are too old', async () => {
    const { open, store, clock } = world();
    await open().seal('first', place('a'));
    const envelope = open();
    store.calls = 0;
    const sealed = await Promise.all(Array.from({ length: 50 }, (_, index) => envelope.seal(String(index), place('a'))));
    for (const [index, one] of sealed.entries()) assert.equal(await envelope.open(one, place('a')), String(index));
    assert.equal(store.calls, 1);
    clock.advance(maxAgeMs + 1);
    await envelope.seal('later', place('a'));
    assert.equal(store.calls, 2);
  });

  it('forgets the owner who has waited longest when there are too many', async () => {
    const { open, store } = world();
    const envelope = open();
    for (let owner = 0; owner < 150; owner++) await envelope.seal('x', place(String(owner)));
    store.calls = 0;
    await envelope.seal('x', place('149'));
    assert.equal(store.calls, 0);
    await envelope.seal('x', place('0'));
    assert.equal(store.calls, 1);
  });

  it('gives an owner one first key, though many processes want to make it', async () => {
    const { open, store } = world();
    const processes = Array.from({ length: 6 }, () => open());
    const sealed = await Promise.all(processes.map((one) => one.seal('x', place('a'))));
    assert.equal((await store.read('a')).length, 1);
    for (const one of sealed) assert.equal(await open().open(one, place('a')), 'x');
  });

  it('a failed question is asked again', async () => {
    const { store, clock, wrappers } = world();
    let broken = true;
    const failing = { ...store, read: (owner: string) => (broken ? Promise.reject(new Error('away')) : store.read(owner)) };
    const envelope = createEnvelope({ wrappers, purpose: 'test', store: failing, now: () => clock.now() });
    await assert.rejects(envelope.seal('x', place('a')), /away/);
    broken = false;
    await envelope.seal('x', place('a'));
  });

  it('after a rotation seals by the new key and opens by all; others follow, and open what they do not know yet at once', async () => {
    const { open, clock } = world();
    const [one, two] = [open(), open()];
    const old = await one.seal('old', place('a'));
    await two.seal('warm', place('a'));
    assert.equal(await one.rotate('a'), 2);
    const fresh = await one.seal('new', place('a'));
    assert.deepEqual([old.readUInt32BE(1), fresh.readUInt32BE(1)], [1, 2]);
    assert.equal(await two.open(fresh, place('a')), 'new');
    assert.equal(await one.open(old, place('a')), 'old');
    clock.advance(maxAgeMs + 1);
    assert.equal((await two.seal('x', place('a'))).readUInt32BE(1), 2);
  });

  it('after another wrapper all keys are wrapped anew in batches, while texts are sealed; then the old wrapper is not needed', async () => {
    const [before, after] = [randomBytes(32), randomBytes(32)];
    const { open, store } = world([before]);
    const sealed = new Map<string, Buffer>();
    for (let owner = 0; owner < 25; owner++) sealed.set(String(owner), await open().seal(`text ${owner}`, place(String(owner))));
    const rotating = open([after, before]);
    const counts: number[] = [];
    for (let more = true; more;) {
      const done = await rotating.rewrap(10);
      counts.push(done);
      await rotating.seal('meanwhile', place('new owner'));
      more = done === 10;
    }
    assert.deepEqual(counts, [10, 10, 5]);
    for (const [owner, one] of sealed) assert.equal(await open([after]).open(one, place(owner)), `text ${owner}`);
    assert.ok((await store.read('3')).every(({ wrapped }) => wrapped !== undefined));
    await assert.rejects(open([before]).open(sealed.get('3') ?? Buffer.alloc(0), place('3')), /not configured/);
  });

  it('what was sealed by a destroyed key is gone, for others when they look again; the owner may begin anew', async () => {
    const { open, clock } = world();
    const [one, two] = [open(), open()];
    const [gone, kept] = [await one.seal('gone', place('a')), await one.seal('kept', place('b'))];
    await two.open(gone, place('a'));
    assert.equal(await one.destroy('a'), 1);
    assert.equal(await one.open(gone, place('a')), undefined);
    clock.advance(maxAgeMs + 1);
    assert.equal(await two.open(gone, place('a')), undefined);
    assert.equal(await two.open(kept, place('b')), 'kept');
    const anew = await two.seal('anew', place('a'));
    assert.deepEqual([anew.readUInt32BE(1), await one.open(anew, place('a'))], [2, 'anew']);
    assert.equal(await one.open(gone, place('a')), undefined);
  });

  it('opens texts from before there was an envelope, whatever wraps the key now', async () => {
    const [before, after] = [randomBytes(32), randomBytes(32)];
    const { open } = world([before]);
    const old = createSealer(before, 'v1').seal('old text', 'row of a');
    const material = () => deriveKey(before, 'v1').export();
    assert.deepEqual(await open().firstKey('legacy', material), await open().firstKey('legacy', () => randomBytes(32)));
    assert.equal(await open().open(old, place('a')), 'old text');
    await assert.rejects(open().open(old, place('a', 'another row')));
    await open([after, before]).rewrap(10);
    assert.equal(await open([after]).open(old, place('a')), 'old text');
  });
});
