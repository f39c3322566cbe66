import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import type { DataKey, KeyStore } from '../keys.ts';

const at = (second: number): Date => new Date(Date.UTC(2026, 10, 21, 12, 0, second));
const keyOf = (owner: string, version: number, over: Partial<DataKey> = {}): DataKey => ({
  ...{ owner, version, wrapperId: 'old', wrapped: Buffer.from(`${owner}:${version}`), createdAt: at(version) },
  ...over,
});
const plain = (keys: readonly DataKey[]) =>
  keys.map(({ owner, version, wrapperId, wrapped, createdAt }) => ({
    ...{ owner, version, wrapperId, createdAt: createdAt.getTime() },
    wrapped: wrapped && Buffer.from(wrapped).toString(),
  }));

/** What every store of data keys does. Each run has owners of its own; other keys may be there. */
export const keyStoreContract = (name: string, open: () => Promise<KeyStore>): void => {
  describe(`data keys in ${name}`, () => {
    it('are read by owner, in the order of their versions', async () => {
      const store = await open();
      const [owner, other] = [newId(), newId()];
      assert.deepEqual(await store.read(owner), []);
      await store.add(keyOf(owner, 2));
      await store.add(keyOf(other, 1));
      assert.deepEqual(plain(await store.add(keyOf(owner, 1))), plain([keyOf(owner, 1), keyOf(owner, 2)]));
      assert.deepEqual(plain(await store.read(owner)), plain([keyOf(owner, 1), keyOf(owner, 2)]));
    });
    it('are written once: of many writers all get the same', async () => {
      const store = await open();
      const owner = newId();
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, index) => store.add(keyOf(owner, 1, { wrapped: Buffer.from(`try ${index}`) }))),
      );
      const [first, ...others] = answers.map(plain);
      for (const answer of others) assert.deepEqual(answer, first);
      assert.deepEqual(plain(await store.read(owner)), first);
    });
    it('are wrapped anew by compare-and-set, and then no more among those that others wrap', async () => {
      const store = await open();
      const owner = newId();
      const key = keyOf(owner, 1, { wrapperId: `old-${owner}` });
      await store.add(key);
      const mine = async () => (await store.wrappedByOthers('new', 10_000)).filter((one) => one.owner === owner);
      assert.equal((await mine()).length, 1);
      assert.equal(await store.rewrap(key, { wrapperId: 'new', wrapped: Buffer.from('anew') }), true);
      assert.equal(await store.rewrap(key, { wrapperId: 'newer', wrapped: Buffer.from('never') }), false);
      assert.equal((await mine()).length, 0);
      assert.deepEqual(plain(await store.read(owner)), plain([{ ...key, wrapperId: 'new', wrapped: Buffer.from('anew') }]));
    });
    it('are destroyed for good: their versions stay, their bytes do not', async () => {
      const store = await open();
      const [owner, other] = [newId(), newId()];
      const key = keyOf(owner, 1);
      for (const one of [key, keyOf(owner, 2), keyOf(other, 1)]) await store.add(one);
      assert.equal(await store.destroy(owner, at(9)), 2);
      assert.equal(await store.destroy(owner, at(9)), 0);
      assert.deepEqual(
        (await store.read(owner)).map(({ version, wrapped }) => [version, wrapped]),
        [
          [1, undefined],
          [2, undefined],
        ],
      );
      assert.equal(await store.rewrap(key, { wrapperId: 'new', wrapped: Buffer.from('x') }), false);
      assert.deepEqual(
        (await store.add(key)).map(({ wrapped }) => wrapped),
        [undefined, undefined],
      );
      assert.equal((await store.read(other)).length, 1);
    });
    it('are old by the newest that still seals', async () => {
      const store = await open();
      const [old, renewed, gone] = [newId(), newId(), newId()];
      for (const owner of [old, renewed, gone]) await store.add(keyOf(owner, 1));
      await store.add(keyOf(renewed, 2, { createdAt: at(50) }));
      await store.destroy(gone, at(3));
      const found = await store.ownersOlderThan(at(30), 10_000);
      assert.deepEqual(
        [old, renewed, gone].map((owner) => found.includes(owner)),
        [true, false, false],
      );
    });
  });
};
