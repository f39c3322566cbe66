import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromTypeId, isUuid, newId, toTypeId } from './index.ts';

test('ids are UUIDv7 of now, all different, and rise, within a millisecond too', () => {
  const before = Date.now();
  const ids = Array.from({ length: 20_000 }, newId);
  const after = Date.now();
  const millisecond = (id: string): number => Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
  for (const [index, id] of ids.entries()) {
    assert.ok(isUuid(id));
    assert.match(id, /^.{14}7.{4}[89ab]/);
    assert.ok(index === 0 || id > (ids[index - 1] ?? ''), `${id} after ${ids[index - 1]}`);
  }
  assert.ok(millisecond(ids[0] ?? '') >= before);
  // The counter may run over into the next millisecond once; never far ahead of the clock.
  assert.ok(millisecond(ids.at(-1) ?? '') <= after + 1);
});

test('the tail is random, not counted', () => {
  const tails = Array.from({ length: 2_000 }, () => newId().slice(24));
  assert.equal(new Set(tails).size, tails.length);
});

test('an id goes to the edge and comes back; another kind, or another text, is no id', () => {
  const id = newId();
  assert.equal(fromTypeId('hold', toTypeId('hold', id)), id);
  assert.equal(fromTypeId('payment', toTypeId('hold', id)), undefined);
  assert.equal(fromTypeId('hold', 'hld_x'), undefined);
});
