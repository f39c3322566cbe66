import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hourMs, minuteMs, secondMs } from '#platform/time/index.ts';
import { catalogueCache, keep, matches } from './catalogue-cache.ts';

describe('the cache of the catalogue', () => {
  const open = () => {
    const clock = { ms: 1_000 };
    let calls = 0;
    const cache = catalogueCache(() => clock.ms);
    const ask = async (key = 'services', kind: 'list' | 'price' = 'list') =>
      (await cache.shared(key, kind, async () => `answer ${(calls += 1)}`)).body.toString();
    return { clock, cache, ask };
  };

  it('keeps lists for an hour, prices for half an hour', async () => {
    const { clock, ask } = open();
    assert.deepEqual([await ask(), await ask('prices', 'price')], ['answer 1', 'answer 2']);
    clock.ms += 30 * minuteMs - 1;
    assert.deepEqual([await ask(), await ask('prices', 'price')], ['answer 1', 'answer 2']);
    clock.ms += 2;
    assert.deepEqual([await ask(), await ask('prices', 'price')], ['answer 1', 'answer 3']);
    clock.ms += 30 * minuteMs;
    assert.equal(await ask(), 'answer 4');
  });

  it('asks once for all who ask at the same time; a failure is nobody else’s', async () => {
    const cache = catalogueCache();
    let calls = 0;
    const answers = await Promise.all(Array.from({ length: 5 }, () => cache.shared('a', 'list', async () => String((calls += 1)))));
    assert.deepEqual(new Set(answers.map(({ body }) => body.toString())), new Set(['1']));
    await assert.rejects(cache.shared('b', 'list', () => Promise.reject(new Error('away'))));
    assert.equal((await cache.shared('b', 'list', async () => 'back')).body.toString(), 'back');
  });

  it('forgets when the catalogue changes, also what was on its way, and trusts answers little while the change is rolled out', async () => {
    const { clock, cache, ask } = open();
    assert.equal(await ask(), 'answer 1');
    let release = (): void => {};
    const slow = cache.shared('slow', 'list', () => new Promise((resolve) => (release = () => resolve('old'))));
    cache.forget();
    release();
    assert.equal((await slow).body.toString(), 'old', 'who waits for it gets it');
    assert.equal((await cache.shared('slow', 'list', async () => 'new')).body.toString(), 'new');
    assert.equal(await ask(), 'answer 2');
    clock.ms += 31 * secondMs;
    assert.equal(await ask(), 'answer 3', 'an old replica may have given it');
    clock.ms += 5 * minuteMs;
    assert.equal(await ask(), 'answer 4');
    clock.ms += hourMs - 1;
    assert.equal(await ask(), 'answer 4');
  });

  it('forgets the market it is told of, also what was on its way, and trusts answers little while it moves', async () => {
    const { clock, cache } = open();
    let calls = 0;
    const ask = async (key: string, market?: string) =>
      (await cache.shared(key, 'price', async () => `${(calls += 1)}`, market)).body.toString();
    assert.deepEqual([await ask('a', 'telegram'), await ask('b', 'whatsapp'), await ask('c', 'all'), await ask('d')], ['1', '2', '3', '4']);
    let release = (): void => {};
    const slow = cache.shared('slow', 'list', () => new Promise((resolve) => (release = () => resolve('old'))), 'all');
    cache.forgetMarket(['telegram']);
    release();
    assert.equal((await slow).body.toString(), 'old');
    assert.equal((await cache.shared('slow', 'list', async () => 'new', 'all')).body.toString(), 'new');
    assert.deepEqual([await ask('a', 'telegram'), await ask('b', 'whatsapp'), await ask('c', 'all'), await ask('d')], ['5', '2', '6', '4']);
    clock.ms += 2 * secondMs + 1;
    assert.equal(await ask('a', 'telegram'), '7', 'a replica that did not know yet may have given it');
    clock.ms += 15 * secondMs;
    assert.equal(await ask('a', 'telegram'), '8');
    clock.ms += 29 * minuteMs;
    assert.deepEqual([await ask('a', 'telegram'), await ask('d')], ['8', '4']);
    cache.forgetMarket('all');
    assert.deepEqual([await ask('b', 'whatsapp'), await ask('d')], ['9', '4']);
  });

  it('tags are those of the bytes; a client may send several, weak ones, or a star', () => {
    const { etag } = keep('{"a":1}');
    assert.match(etag, /^"[\w-]{22}"$/);
    assert.equal(keep('{"a":1}').etag, etag);
    assert.notEqual(keep('{"a":2}').etag, etag);
    for (const header of [etag, `W/${etag}`, `"x", ${etag}`, '*']) assert.ok(matches(header, etag), header);
    for (const header of [undefined, '', '"x"', etag.slice(1, -1)]) assert.ok(!matches(header, etag), header);
  });
});
