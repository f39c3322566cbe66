import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, it } from 'node:test';
import { isAppError } from '#platform/errors/index.ts';
import { coalesce } from './coalesce.ts';

const gate = () => {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
};

const turn = (): Promise<void> => new Promise(setImmediate);

describe('coalesce', () => {
  it('sends those of one turn together, in order, each with its own answer', async () => {
    const batches: number[][] = [];
    const call = coalesce<number, string>({
      maxBatch: 3,
      maxConcurrent: 1,
      maxWaiting: 100,
      run: async (items) => {
        batches.push([...items]);
        return items.map((item) => `answer ${item}`);
      },
    });
    const answers = [1, 2].map(call);
    await turn();
    answers.push(...[3, 4, 5, 6].map(call));
    assert.deepEqual(
      await Promise.all(answers),
      [1, 2, 3, 4, 5, 6].map((item) => `answer ${item}`),
    );
    assert.deepEqual(batches, [[1, 2], [3, 4, 5], [6]]);
  });
  it('lets those that come while a batch is under way travel together after it', async () => {
    const batches: number[][] = [];
    const first = gate();
    const call = coalesce<number, string>({
      maxBatch: 3,
      maxConcurrent: 1,
      maxWaiting: 100,
      run: async (items) => {
        batches.push([...items]);
        if (batches.length === 1) await first.opened;
        return items.map((item) => `answer ${item}`);
      },
    });
    const answers = [call(1)];
    await turn();
    for (const item of [2, 3, 4, 5]) {
      answers.push(call(item));
      await turn();
    }
    first.open();
    assert.deepEqual(await Promise.all(answers), ['answer 1', 'answer 2', 'answer 3', 'answer 4', 'answer 5']);
    assert.deepEqual(batches, [[1], [2, 3, 4], [5]]);
  });
  it('keeps to its number of batches at once', async () => {
    let running = 0;
    let most = 0;
    const call = coalesce<number, number>({
      maxBatch: 2,
      maxConcurrent: 2,
      maxWaiting: 1_000,
      run: async (items) => {
        most = Math.max(most, ++running);
        await new Promise(setImmediate);
        running -= 1;
        return items;
      },
    });
    assert.deepEqual(
      await Promise.all(Array.from({ length: 50 }, (_value, index) => call(index))),
      Array.from({ length: 50 }, (_value, index) => index),
    );
    assert.equal(most, 2);
  });
  it('refuses at once when too many wait, and serves those that do', async () => {
    const first = gate();
    const call = coalesce<number, number>({
      maxBatch: 10,
      maxConcurrent: 1,
      maxWaiting: 2,
      run: async (items) => (await first.opened, items),
    });
    const served = [call(1)];
    await turn();
    served.push(call(2), call(3));
    await assert.rejects(call(4), (error) => isAppError(error, 'platform.overloaded'));
    first.open();
    assert.deepEqual(await Promise.all(served), [1, 2, 3]);
  });
  it('tries items one by one when the database refused the batch, so that one spoils no other', async () => {
    const first = gate();
    const call = coalesce<number, number>({
      maxBatch: 10,
      maxConcurrent: 1,
      maxWaiting: 10,
      run: async (items) => {
        await first.opened;
        if (items.includes(3)) throw Object.assign(new Error('duplicate key'), { code: '23505' });
        return items;
      },
    });
    const results = Promise.allSettled([1, 2, 3, 4].map(call));
    first.open();
    assert.deepEqual(
      (await results).map(({ status }) => status),
      ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
    );
  });
  it('repeats nothing when the outcome is unknown: every caller learns of it', async () => {
    const first = gate();
    let runs = 0;
    const call = coalesce<number, number>({
      maxBatch: 10,
      maxConcurrent: 1,
      maxWaiting: 10,
      run: async (items) => {
        runs += 1;
        await first.opened;
        if (runs > 1) throw new Error('connection lost');
        return items;
      },
    });
    const calls = [call(1)];
    await turn();
    const results = Promise.allSettled([...calls, call(2), call(3)]);
    first.open();
    assert.deepEqual(
      (await results).map(({ status }) => status),
      ['fulfilled', 'rejected', 'rejected'],
    );
    assert.equal(runs, 2);
  });
  it('runs a batch in the context of its first caller, also one that has waited', async () => {
    const caller = new AsyncLocalStorage<string>();
    const first = gate();
    const seen: [items: string, context: string | undefined][] = [];
    const call = coalesce<string, string>({
      maxBatch: 2,
      maxConcurrent: 1,
      maxWaiting: 10,
      run: async (items) => {
        await first.opened;
        seen.push([items.join(), caller.getStore()]);
        return items;
      },
    });
    const calls = [caller.run('a', () => call('a'))];
    await turn();
    for (const name of ['b', 'c', 'd']) calls.push(caller.run(name, () => call(name)));
    first.open();
    await Promise.all(calls);
    assert.deepEqual(seen, [
      ['a', 'a'],
      ['b,c', 'b'],
      ['d', 'd'],
    ]);
  });
});
