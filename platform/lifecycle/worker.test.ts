import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '#platform/testing/index.ts';
import { startWorker } from './worker.ts';

const gate = () => {
  let open = (): void => {};
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, open: () => open() };
};

test('work is looked at again and again while there is some', async () => {
  let left = 5;
  const worker = startWorker({ name: 'w', intervalMs: 3_600_000, work: async () => (left > 0 ? left-- : 0), onError: assert.fail });
  worker.wake();
  await eventually(() => assert.equal(left, 0));
  await worker.close();
});

test('with a pause, what follows work is looked at after it, long before the interval', async () => {
  const at: number[] = [];
  const work = async (): Promise<number> => {
    at.push(performance.now());
    return at.length < 4 ? 1 : 0;
  };
  const worker = startWorker({ name: 'w', intervalMs: 3_600_000, pauseMs: 20, work, onError: assert.fail });
  worker.wake();
  await eventually(() => assert.equal(at.length, 4));
  await worker.close();
  // A timer may fire a millisecond early by this clock.
  for (const [index, time] of at.entries()) if (index > 0) assert.ok(time - (at[index - 1] ?? 0) >= 19);
});

test('a wake-up during a look is not lost, and two looks never overlap', async () => {
  const first = gate();
  let looks = 0;
  let inside = 0;
  const work = async (): Promise<number> => {
    assert.equal(++inside, 1);
    if (++looks === 1) await first.promise;
    inside--;
    return 0;
  };
  const worker = startWorker({ name: 'w', intervalMs: 3_600_000, work, onError: assert.fail });
  worker.wake();
  await eventually(() => assert.equal(looks, 1));
  worker.wake();
  first.open();
  await eventually(() => assert.equal(looks, 2));
  await worker.close();
});

test('an error is reported and does not end the worker', async () => {
  const errors: unknown[] = [];
  let looks = 0;
  const work = async (): Promise<number> => {
    if (++looks === 1) throw new Error('once');
    return 0;
  };
  const worker = startWorker({ name: 'w', intervalMs: 1, work, onError: (error, name) => errors.push([name, String(error)]) });
  await eventually(() => assert.ok(looks >= 3));
  await worker.close();
  assert.deepEqual(errors, [['w', 'Error: once']]);
});

test('closing waits for the running look and starts no other', async () => {
  const first = gate();
  let looks = 0;
  const work = async (): Promise<number> => {
    looks++;
    await first.promise;
    return 1;
  };
  const worker = startWorker({ name: 'w', intervalMs: 1, work, onError: assert.fail });
  worker.wake();
  await eventually(() => assert.equal(looks, 1));
  let closed = false;
  const closing = worker.close().then(() => {
    closed = true;
  });
  worker.wake();
  assert.equal(closed, false);
  first.open();
  await closing;
  assert.equal(looks, 1);
});
