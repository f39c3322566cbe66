import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { newId } from '#platform/ids/index.ts';
import { readMasterKey } from './derived-key.ts';
import { createRefreshTokens } from './refresh-tokens.ts';
import { createVault } from './vault.ts';

const master = randomBytes(32);

describe('vault', () => {
  const vault = createVault(master);

  test('opens what it sealed, for that purpose only, and never the same bytes twice', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), fc.string(), (text, purpose) => {
        fc.pre(text.isWellFormed());
        const sealed = vault.seal(text, purpose);
        assert.equal(vault.open(sealed, purpose), text);
        assert.notDeepEqual(vault.seal(text, purpose), sealed);
        assert.throws(() => vault.open(sealed, `${purpose}x`));
      }),
    );
  });

  test('one flipped bit anywhere, a cut, and another key are noticed', () => {
    const sealed = Buffer.from(vault.seal('a secret', 'p'));
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const broken = Buffer.from(sealed);
      broken[bit >> 3]! ^= 1 << (bit & 7);
      assert.throws(() => vault.open(broken, 'p'), `bit ${bit}`);
    }
    for (let length = 0; length < sealed.length; length += 1) assert.throws(() => vault.open(sealed.subarray(0, length), 'p'));
    assert.throws(() => createVault(randomBytes(32)).open(sealed, 'p'));
  });

  test('the key has 32 bytes', () => {
    assert.deepEqual(readMasterKey(master.toString('base64')), master);
    for (const text of ['', 'short', randomBytes(31).toString('base64'), randomBytes(33).toString('base64')])
      assert.throws(() => readMasterKey(text), /32 bytes/);
  });
});

describe('refresh tokens', () => {
  const tokens = createRefreshTokens(master);

  test('are read back, by every process with the same key', () => {
    const sessionId = newId();
    const token = tokens.first(sessionId);
    assert.deepEqual(createRefreshTokens(master).read(token.text), token);
    assert.deepEqual([token.sessionId, token.generation, token.text.length], [sessionId, 0, 95]);
    assert.notEqual(tokens.first(sessionId).text, token.text);
  });

  test('a chain is the same wherever it is computed, and no two of its tokens are equal', () => {
    let [here, there] = [tokens.first(newId()), tokens.first(newId())];
    there = createRefreshTokens(master).read(here.text)!;
    const seen = new Set<string>();
    for (let generation = 0; generation < 100; generation += 1) {
      assert.deepEqual(there, here);
      assert.equal(here.generation, generation);
      assert.equal(seen.has(here.text), false);
      seen.add(here.text);
      here = tokens.successor(here);
      there = createRefreshTokens(master).successor(there);
    }
  });

  test('every flipped bit, another key and every other spelling is refused', () => {
    const token = tokens.first(newId());
    const bytes = Buffer.from(token.text.slice(4), 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const broken = Buffer.from(bytes);
      broken[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(tokens.read(`nsr_${broken.toString('base64url')}`), undefined, `bit ${bit}`);
    }
    assert.equal(createRefreshTokens(randomBytes(32)).read(token.text), undefined);
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const accepted = alphabet.split('').filter((last) => tokens.read(token.text.slice(0, -1) + last) !== undefined);
    assert.deepEqual(accepted, [token.text.at(-1)]);
    for (const text of ['', 'nsr_', `${token.text}A`, token.text.slice(4), ` ${token.text}`]) assert.equal(tokens.read(text), undefined);
  });

  test('the successor cannot be computed with another key', () => {
    const token = tokens.first(newId());
    assert.throws(() => createRefreshTokens(randomBytes(32)).successor(token));
  });
});
