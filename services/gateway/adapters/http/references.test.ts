import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newId, toTypeId } from '#platform/ids/index.ts';
import { edgeReference, rawReference } from './references.ts';

test('what was bought is shown and looked for by its id, whatever billing calls it', () => {
  const id = newId();
  for (const [kind, stored, shown] of [
    ['verification', id, toTypeId('verification', id)],
    ['campaign', id, toTypeId('campaign', id)],
    ['payment', id, toTypeId('payment', id)],
    ['adjustment', id, toTypeId('adjustment', id)],
    ['charge', `rental:${id}`, toTypeId('rental', id)],
    ['refund', `rental:${id}`, toTypeId('rental', id)],
  ] as const) {
    assert.equal(edgeReference(kind, stored), shown);
    assert.equal(rawReference(shown), stored);
  }
});

test('an order of a rental, of the time before rentals were named, is shown and found by its bare id', () => {
  const order = newId();
  assert.equal(edgeReference('charge', order), order);
  assert.equal(edgeReference('rental', order), order);
  assert.equal(rawReference(order), order);
});

test('texts that are no id of ours stay what they are', () => {
  for (const text of ['INV-1', 'rental:none', 'ver_nonsense', 'rnt_', 'verification', `rental:${newId()}x`]) {
    assert.equal(edgeReference('charge', text), text);
    assert.equal(rawReference(text), text);
  }
  assert.equal(edgeReference('charge', ''), null);
  assert.equal(rawReference(''), '');
});
