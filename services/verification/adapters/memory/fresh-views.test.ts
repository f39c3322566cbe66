import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VerificationView } from '../../app/view.ts';
import { createFreshViews } from './fresh-views.ts';

const view = (id: string, version: number): VerificationView => ({ id, version, code: '48151' }) as VerificationView;

test('a reading is given once, to its tenant, for an event that it knows of', () => {
  const views = createFreshViews(() => 0);
  views.keep('tenant', view('a', 3));
  assert.equal(views.take('another', 'a', 3), undefined);
  assert.equal(views.take('tenant', 'b', 3), undefined);
  assert.equal(views.take('tenant', 'a', 3)?.code, '48151');
  assert.equal(views.take('tenant', 'a', 3), undefined);
  views.keep('tenant', view('a', 3));
  assert.equal(views.take('tenant', 'a', 4), undefined, 'an event from after it');
});

test('a reading is worth nothing after a second, and is dropped when there are too many', () => {
  let now = 0;
  const views = createFreshViews(() => now);
  views.keep('tenant', view('a', 1));
  now = 1_001;
  assert.equal(views.take('tenant', 'a', 1), undefined);
  for (let index = 0; index <= 1_000; index++) views.keep('tenant', view(`v${index}`, 1));
  assert.equal(views.take('tenant', 'v0', 1), undefined);
  assert.ok(views.take('tenant', 'v1', 1));
  assert.ok(views.take('tenant', 'v1000', 1));
});
