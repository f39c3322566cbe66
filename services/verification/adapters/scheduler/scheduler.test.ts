import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger } from '#platform/logging/index.ts';
import { eventually } from '#platform/testing/index.ts';
import { hourMs } from '#platform/time/index.ts';
import { startScheduler } from './scheduler.ts';

const logger = createLogger({ service: 'scheduler-test', level: 'silent' });
const pace = { houseKeep: async () => {}, houseKeepMs: hourMs, logger, limit: 4, leaseMs: hourMs };

/** What each look finds, in turn; then nothing. */
const looking = (...found: readonly number[]) => {
  let looks = 0;
  return { looks: () => looks, work: async () => found[looks++] ?? 0 };
};

test('a full batch is followed by the next at once, a part of one soon, an empty one by the tick', async () => {
  const { looks, work } = looking(4, 4, 1, 2, 0, 1);
  const scheduler = startScheduler({ ...pace, work, tickMs: hourMs, busyTickMs: 1 });
  await eventually(() => assert.equal(looks(), 5));
  await scheduler.close();
  assert.equal(looks(), 5);
});

test('without a pace of its own for work, a part of a batch is followed by the tick', async () => {
  const { looks, work } = looking(4, 1, 1);
  const scheduler = startScheduler({ ...pace, work, tickMs: hourMs });
  await eventually(() => assert.equal(looks(), 2));
  await scheduler.close();
  assert.equal(looks(), 2);
});
