import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '#platform/testing/index.ts';
import { every } from './every.ts';

test('turns follow each other, never overlap, and survive a failure', async () => {
  const errors: unknown[] = [];
  let running = 0;
  let most = 0;
  let runs = 0;
  const job = every(1, 'test', { error: (...args: unknown[]) => void errors.push(args) } as never, async () => {
    runs += 1;
    most = Math.max(most, (running += 1));
    await new Promise((resolve) => setTimeout(resolve, 5));
    running -= 1;
    if (runs === 2) throw new Error('once');
  });
  await eventually(() => assert.ok(runs >= 4));
  await job.close();
  assert.deepEqual([most, errors.length, running], [1, 1, 0], 'closing waited for the run under way');
  const after = runs;
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(runs, after);
});
