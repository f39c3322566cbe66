import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createLanes } from './lanes.ts';

it('a held key waits for the return of the very task that failed, also when its successors arrive only after the failure', async () => {
  const ran: number[] = [];
  let failed = false;
  const lanes = createLanes<number>(4, async (task, key) => {
    if (task === 1 && !failed) {
      failed = true;
      lanes.hold(key, 1, 60_000);
      return;
    }
    ran.push(task);
  });
  lanes.add('aggregate', 1, 1);
  await lanes.idle();
  lanes.add('aggregate', 2, 2);
  lanes.add('aggregate', 3, 3);
  lanes.add('another', 4, 4);
  await lanes.idle();
  assert.deepEqual(ran, [4]);
  lanes.add('aggregate', 1, 1);
  while (ran.length < 4) await lanes.idle();
  assert.deepEqual(ran, [4, 1, 2, 3]);
  lanes.stop();
});
