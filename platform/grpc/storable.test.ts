import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { isAppError } from '#platform/errors/index.ts';
import { requireStorable } from './storable.ts';

const fieldsOf = (request: unknown): string[] => {
  try {
    requireStorable(request);
  } catch (error) {
    assert.ok(isAppError(error, 'request.invalid'));
    return (error.fields ?? []).map(({ field }) => field);
  }
  return [];
};

test('a NUL is named wherever it stands: in messages, lists, maps and keys of maps', () => {
  const request = { name: 'a\u0000', page: { cursor: '\u0000' }, tags: ['fine', '\u0000b'], fields: { city: '\u0000', 'k\u0000': 'x' } };
  assert.deepEqual(fieldsOf(request), ['name', 'page.cursor', 'tags[1]', 'fields.city', 'fields']);
});

test('times end with the years 1 and 9999', () => {
  const at = (text: string): string[] => fieldsOf({ expiresAt: new Date(text) });
  assert.deepEqual(at('0001-01-01T00:00:00.000Z'), []);
  assert.deepEqual(at('9999-12-31T23:59:59.999Z'), []);
  for (const text of ['0000-12-31T23:59:59.999Z', '+010000-01-01T00:00:00.000Z', 'not a time'])
    assert.deepEqual(at(text), ['expiresAt'], text);
});

test('everything else passes, and bytes are not text', () => {
  assert.deepEqual(
    fieldsOf({ rawBody: Buffer.from('\u0000'), amount: { micros: -1n }, limit: -1, page: undefined, final: false, id: '' }),
    [],
  );
  fc.assert(fc.property(fc.object(), (request) => JSON.stringify(request).includes(String.raw`\u0000`) || fieldsOf(request).length === 0));
});

test('a thousand wrong values are twenty names', () => assert.equal(fieldsOf({ ids: Array<string>(1_000).fill('\u0000') }).length, 20));

test('what is nested beyond all measure is refused, not followed', () => {
  let deep: unknown = 'x';
  for (let level = 0; level < 30_000; level += 1) deep = [deep];
  assert.equal(fieldsOf({ deep }).length, 1);
});
