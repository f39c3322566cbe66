import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { it } from 'node:test';
import fc from 'fast-check';
import { createSealer } from './index.ts';

const key = randomBytes(32);
const sealer = createSealer(key, 'test v1');

it('opens what it sealed, whatever it is, and never seals alike twice', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (plain, context) => {
      assert.equal(sealer.open(sealer.seal(plain, context), context), plain);
      assert.notDeepEqual(sealer.seal(plain, context), sealer.seal(plain, context));
    }),
  );
});
it('does not open for another context, purpose or key, nor what was changed or cut short', () => {
  const sealed = sealer.seal('secret', 'tenant:row');
  assert.throws(() => sealer.open(sealed, 'tenant:other'));
  assert.throws(() => createSealer(key, 'test v2').open(sealed, 'tenant:row'));
  assert.throws(() => createSealer(randomBytes(32), 'test v1').open(sealed, 'tenant:row'));
  assert.throws(() => sealer.open(sealed.subarray(0, 20), 'tenant:row'));
  for (let index = 0; index < sealed.length; index++) {
    const changed = Uint8Array.from(sealed);
    changed[index] = (changed[index] ?? 0) ^ 1;
    assert.throws(() => sealer.open(changed, 'tenant:row'), `byte ${index}`);
  }
});
it('refuses a key of another length', () => assert.throws(() => createSealer(randomBytes(16), 'x'), /32 bytes/));
