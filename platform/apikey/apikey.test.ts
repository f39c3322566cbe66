import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { apiKeyChecksum, apiKeyModes, apiKeyRandomBytes, generateApiKey, parseApiKey } from './index.ts';

const keys = fc
  .tuple(fc.constantFrom(...apiKeyModes), fc.uint8Array({ minLength: apiKeyRandomBytes, maxLength: apiKeyRandomBytes }))
  .map(([mode, random]) => ({ mode, key: generateApiKey(mode, random) }));

test('every generated key has the published form and is read back', () => {
  fc.assert(
    fc.property(keys, ({ mode, key }) => {
      assert.match(key, /^nsk_(live|test)_[0-9A-Za-z]{36}$/);
      assert.deepEqual(parseApiKey(key), { mode, prefix: key.slice(0, 14) });
    }),
  );
});

test('one changed character anywhere is always noticed (CRC32 finds every burst of up to 32 bits)', () => {
  fc.assert(
    fc.property(keys, fc.nat(), fc.constantFrom('0', 'a', 'Z', '9', 'x', 'Q', '_', '-'), ({ key }, position, replacement) => {
      const at = position % key.length;
      fc.pre(key[at] !== replacement);
      assert.equal(parseApiKey(key.slice(0, at) + replacement + key.slice(at + 1)), undefined);
    }),
    { numRuns: 1000 },
  );
});

test('a key of the other mode, cut, extended or padded is refused', () => {
  fc.assert(
    fc.property(keys, ({ mode, key }) => {
      const swapped = key.replace(mode, mode === 'live' ? 'test' : 'live');
      for (const wrong of [swapped, key.slice(1), key.slice(0, -1), `${key}0`, ` ${key}`, `${key}\n`, '']) {
        assert.equal(parseApiKey(wrong), undefined);
      }
    }),
  );
});

test('different random bytes give different keys, and too few are refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.nat(31), (random, at) => {
      const other = Uint8Array.from(random);
      other[at] = (other[at] ?? 0) ^ 1;
      assert.notEqual(generateApiKey('live', random), generateApiKey('live', other));
    }),
  );
  assert.throws(() => generateApiKey('live', new Uint8Array(31)), RangeError);
});

test('the checksum is the one that other tools compute', () => {
  // python3: zlib.crc32(b'nsk_live_' + b'0' * 30) = 3219517884, in base62 of digits, upper case, lower case.
  assert.equal(generateApiKey('live', new Uint8Array(32)), `nsk_live_${'0'.repeat(30)}3Vslfo`);
  assert.equal(apiKeyChecksum(''), '000000');
});
