import assert from 'node:assert/strict';
import test from 'node:test';
import { status } from '@grpc/grpc-js';
import { retryPolicy } from './retries.ts';

const unavailable = { code: status.UNAVAILABLE, details: '' };

test('only "unavailable" is tried again, twice, with growing pauses', () => {
  const retries = retryPolicy(() => 0.5);
  assert.equal(retries.pauseMs(undefined, 1), undefined);
  assert.equal(retries.pauseMs({ code: status.DEADLINE_EXCEEDED, details: '' }, 1), undefined);
  assert.deepEqual(
    [1, 2, 3].map((attempts) => retries.pauseMs(unavailable, attempts)),
    [25, 75, undefined],
  );
});

test('an outage is not fed: after half of the tokens nothing is tried again until answers have earned some', () => {
  const retries = retryPolicy();
  let tried = 0;
  while (retries.pauseMs(unavailable, 1) !== undefined) tried += 1;
  assert.equal(tried, 49);
  for (let answers = 0; answers < 9; answers += 1) retries.pauseMs(undefined, 1);
  assert.equal(retries.pauseMs(unavailable, 1), undefined, 'less than a token more is too few');
  for (let answers = 0; answers < 20; answers += 1) retries.pauseMs(undefined, 1);
  assert.notEqual(retries.pauseMs(unavailable, 1), undefined);
});
