import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TypeID } from 'typeid-js';
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

test("at the edge an id is what the library of TypeID's authors makes of it, and is read back", () => {
  fc.assert(
    fc.property(fc.uuid(), (id) => {
      const text = toTypeId('verification', id);
      assert.equal(text, TypeID.fromUUID('ver', id).toString());
      assert.equal(fromTypeId('verification', text), id);
    }),
    { numRuns: 1_000 },
  );
  for (const id of ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'])
    assert.equal(fromTypeId('verification', toTypeId('verification', id)), id);
});

test('a text with one other character is another id or none, as the library says', () => {
  const character = fc.constantFrom(...'0123456789abcdefghijklmnopqrstuvwxyzAZ-_ ÿ€'.split(''));
  fc.assert(
    fc.property(fc.uuid({ version: 7 }), fc.nat(29), character, (id, at, other) => {
      const text = toTypeId('verification', id);
      const changed = text.slice(0, at) + other + text.slice(at + 1);
      const byLibrary = (): string | undefined => {
        try {
          return changed.startsWith('ver_') ? TypeID.fromString(changed).toUUID() : undefined;
        } catch {
          return undefined;
        }
      };
      const ours = fromTypeId('verification', changed);
      // The library also refuses versions of UUID that are not defined; to us such an id is one that nothing has.
      if (ours === undefined || /^.{14}[1-8].{4}[89ab]/.test(ours)) assert.equal(ours, byLibrary());
      else assert.notEqual(ours, id);
    }),
    { numRuns: 2_000 },
  );
});
