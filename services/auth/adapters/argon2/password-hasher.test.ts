import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseOptions } from '@node-rs/argon2';
import { isAppError } from '#platform/errors/index.ts';
import { createPasswordHasher } from './password-hasher.ts';

test('stored hashes are argon2id at the agreed cost, salted, and fit their password only', async () => {
  const hasher = await createPasswordHasher();
  const [one, two] = await Promise.all([hasher.hash('correct horse'), hasher.hash('correct horse')]);
  assert.match(one, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  assert.notEqual(one, two);
  assert.ok(parseOptions(one).saltLen >= 16);
  assert.equal(await hasher.verify('correct horse', one), true);
  for (const wrong of ['Correct horse', 'correct horse ', '', 'correct hors']) assert.equal(await hasher.verify(wrong, one), false);
});

test('nothing is cut off: passwords that differ in the last of 256 characters differ', async () => {
  const hasher = await createPasswordHasher();
  const stored = await hasher.hash(`${'x'.repeat(255)}a`);
  assert.equal(await hasher.verify(`${'x'.repeat(255)}b`, stored), false);
});

test('without a hash the work is done all the same', async () => {
  const hasher = await createPasswordHasher({ concurrency: 1 });
  const stored = await hasher.hash('x');
  const timeMs = async (hash: string | undefined): Promise<number> => {
    const startedAt = performance.now();
    assert.equal(await hasher.verify('y', hash), false);
    return performance.now() - startedAt;
  };
  let [known, unknown] = [Infinity, Infinity];
  // By turns, and the best of each: other work on the machine can only add.
  for (let i = 0; i < 20; i += 1) {
    known = Math.min(known, await timeMs(stored));
    unknown = Math.min(unknown, await timeMs(undefined));
  }
  // Skipping the hash would be a factor of a thousand.
  assert.ok(unknown > known / 4 && unknown < known * 4, `${known} ms known, ${unknown} ms unknown`);
});

test('a full queue refuses at once, everybody who waits is served, and the places come back', async () => {
  const hasher = await createPasswordHasher({ concurrency: 1, maxWaiting: 3 });
  const stored = await hasher.hash('x');
  for (let round = 0; round < 2; round += 1) {
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => hasher.verify('x', stored)));
    assert.equal(results.filter((result) => result.status === 'fulfilled' && result.value).length, 4);
    const refusals = results.filter((result) => result.status === 'rejected').map((result) => result.reason as unknown);
    assert.ok(refusals.length === 6 && refusals.every((reason) => isAppError(reason, 'auth.busy') && reason.retryAfterMs !== undefined));
  }
});

test('a hash that cannot be read frees its place', async () => {
  const hasher = await createPasswordHasher({ concurrency: 1, maxWaiting: 0 });
  for (let i = 0; i < 3; i += 1) await assert.rejects(hasher.verify('x', 'not a hash'));
  assert.match(await hasher.hash('x'), /^\$argon2id/);
});
