import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createSealer } from './sealer.ts';

describe('the sealer', () => {
  const sealer = createSealer(randomBytes(32));
  it('opens what it sealed, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (plain, context) =>
        assert.equal(sealer.open(sealer.seal(plain, context), context), plain),
      ),
    );
  });
  it('never seals alike twice', () => assert.notDeepEqual(sealer.seal('482913', 'a'), sealer.seal('482913', 'a')));
  it('does not open elsewhere, changed, cut short or with another key', () => {
    const sealed = sealer.seal('482913', 'code:t1:v1');
    assert.throws(() => sealer.open(sealed, 'code:t1:v2'));
    assert.throws(() => createSealer(randomBytes(32)).open(sealed, 'code:t1:v1'));
    assert.throws(() => sealer.open(sealed.subarray(0, 20), 'code:t1:v1'));
    for (let index = 0; index < sealed.length; index++) {
      const changed = Uint8Array.from(sealed);
      changed[index] = (changed[index] ?? 0) ^ 1;
      assert.throws(() => sealer.open(changed, 'code:t1:v1'), `byte ${index}`);
    }
  });
  it('fingerprints are equal for equal texts and keys only', () => {
    assert.deepEqual(sealer.fingerprint('a'), sealer.fingerprint('a'));
    assert.notDeepEqual(sealer.fingerprint('a'), sealer.fingerprint('b'));
    assert.notDeepEqual(sealer.fingerprint('a'), createSealer(randomBytes(32)).fingerprint('a'));
  });
  it('refuses a key of another length', () => assert.throws(() => createSealer(randomBytes(16)), /32 bytes/));
});
