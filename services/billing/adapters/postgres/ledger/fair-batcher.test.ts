import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isAppError } from '#platform/errors/index.ts';
import { fairBatcher, type FairBatcherOptions } from './fair-batcher.ts';

interface Command {
  readonly tenant: string;
  readonly id: number;
  readonly exclusives?: readonly string[];
}

/** After it, the calls of a turn are on their way, and whoever was answered has come back. */
const turn = async (): Promise<void> => {
  for (let count = 0; count < 3; count++) await new Promise(setImmediate);
};

/** A batcher whose batches end when the test says so. */
const setUp = (over: Partial<FairBatcherOptions<Command, string>> = {}) => {
  const batches: { readonly commands: readonly Command[]; end(error?: Error): void }[] = [];
  const call = fairBatcher<Command, string>({
    run: (commands) =>
      new Promise((resolve, reject) => {
        const end = (error?: Error): void => (error === undefined ? resolve(commands.map(({ id }) => `answer ${id}`)) : reject(error));
        batches.push({ commands, end });
      }),
    tenantOf: ({ tenant }) => tenant,
    exclusivesOf: ({ exclusives = [] }) => exclusives,
    maxBatch: 4,
    maxConcurrent: 1,
    maxWaiting: 100,
    maxWaitingPerTenant: 50,
    ...over,
  });
  /** Ends batches until none is left. @returns the ids of each */
  const drain = async (): Promise<number[][]> => {
    const seen: number[][] = [];
    await turn();
    for (let at = 0; at < batches.length; at++) {
      seen.push(batches[at]!.commands.map(({ id }) => id));
      batches[at]!.end();
      await turn();
    }
    return seen;
  };
  return { call, batches, drain };
};

const refused = (error: unknown): boolean => isAppError(error, 'platform.overloaded') && error.retryAfterMs !== undefined;

test('the commands of one turn go out at its end; those that come meanwhile travel together, and everybody gets his own answer', async () => {
  const { call, batches, drain } = setUp();
  const answers = [call({ tenant: 't0', id: 0 })];
  await new Promise(setImmediate);
  assert.deepEqual(
    batches.map(({ commands }) => commands.length),
    [1],
    'nobody waits for company',
  );
  answers.push(...[1, 2, 3].map((id) => call({ tenant: `t${id}`, id })));
  assert.deepEqual(await drain(), [[0], [1, 2, 3]]);
  assert.deepEqual(await Promise.all(answers), ['answer 0', 'answer 1', 'answer 2', 'answer 3']);
});

test('callers who come back together are divided: one half is at work while the other is on its way', async () => {
  const { call, batches } = setUp({ maxBatch: 100 });
  let id = 0;
  const caller = async (): Promise<void> => {
    for (let turn = 0; turn < 6; turn++) await call({ tenant: 't', id: id++ });
  };
  const callers = Array.from({ length: 32 }, caller);
  const sizes: number[] = [];
  await turn();
  for (let at = 0; at < batches.length; at++) {
    sizes.push(batches[at]!.commands.length);
    batches[at]!.end();
    await turn();
  }
  await Promise.all(callers);
  assert.equal(
    sizes.reduce((a, b) => a + b, 0),
    32 * 6,
  );
  assert.deepEqual(sizes.slice(0, 6), [16, 16, 16, 16, 16, 16], 'never 1 and 31 in turns');
});

test('beside a batch under way goes only a full one', async () => {
  const { call, batches, drain } = setUp({ maxConcurrent: 2 });
  void call({ tenant: 't0', id: 0 });
  await turn();
  for (let id = 1; id < 4; id++) void call({ tenant: `t${id}`, id });
  await turn();
  assert.equal(batches.length, 1, 'three wait: too few for a batch of four');
  void call({ tenant: 't4', id: 4 });
  await turn();
  assert.deepEqual(
    batches.map(({ commands }) => commands.length),
    [1, 4],
  );
  for (let id = 5; id < 13; id++) void call({ tenant: `t${id}`, id });
  await turn();
  assert.equal(batches.length, 2, 'never more than two at once');
  assert.deepEqual(
    (await drain()).flat(),
    Array.from({ length: 13 }, (_, id) => id),
  );
});

test('tenants take turns: a flood of one delays another by one batch, and each tenant keeps his order', async () => {
  const { call, drain } = setUp();
  void call({ tenant: 'flood', id: 0 });
  await turn();
  for (let id = 1; id < 12; id++) void call({ tenant: 'flood', id });
  for (const id of [100, 101]) void call({ tenant: 'small', id });
  assert.deepEqual(await drain(), [[0], [1, 100, 2, 101], [3, 4, 5, 6], [7, 8, 9, 10], [11]]);
});

test('commands that exclude each other never share a batch, and the later one follows the earlier', async () => {
  const { call, drain } = setUp();
  void call({ tenant: 'a', id: 0 });
  await turn();
  for (const id of [1, 2, 3]) void call({ tenant: 'a', id, exclusives: ['one key'] });
  void call({ tenant: 'b', id: 4 });
  void call({ tenant: 'b', id: 5 });
  assert.deepEqual(await drain(), [[0], [1, 4, 5], [2], [3]]);
});

test('when the queue is full, in all or for one tenant, the next is refused at once, and those inside are served', async () => {
  const { call, drain } = setUp({ maxWaiting: 6, maxWaitingPerTenant: 3 });
  const inside = [call({ tenant: 'a', id: 0 })];
  await turn();
  inside.push(...[1, 2, 3].map((id) => call({ tenant: 'a', id })));
  await assert.rejects(call({ tenant: 'a', id: 4 }), refused);
  inside.push(...[5, 6, 7].map((id) => call({ tenant: 'b', id })));
  await assert.rejects(call({ tenant: 'c', id: 8 }), refused);
  await drain();
  assert.equal((await Promise.all(inside)).length, 7);
  const later = call({ tenant: 'a', id: 9 });
  await drain();
  assert.equal(await later, 'answer 9');
});

test('a statement that the database refused is tried command by command; after any other failure everybody is told', async () => {
  const poison = Object.assign(new Error('a check'), { code: '23514' });
  const ran: number[][] = [];
  let failure: Error = poison;
  const call = fairBatcher<Command, string>({
    run: async (commands) => {
      ran.push(commands.map(({ id }) => id));
      await new Promise(setImmediate);
      if (commands.some(({ id }) => id === 2)) throw failure;
      return commands.map(({ id }) => `answer ${id}`);
    },
    tenantOf: ({ tenant }) => tenant,
    exclusivesOf: () => [],
    maxBatch: 4,
    maxConcurrent: 1,
    maxWaiting: 100,
    maxWaitingPerTenant: 100,
  });
  const outcomes = async (): Promise<string[]> => {
    const first = call({ tenant: '0', id: 0 });
    await new Promise(setImmediate);
    const all = await Promise.allSettled([first, ...[1, 2, 3].map((id) => call({ tenant: String(id), id }))]);
    return all.map(({ status }) => status);
  };
  assert.deepEqual(await outcomes(), ['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
  assert.deepEqual(ran, [[0], [1, 2, 3], [1], [2], [3]]);
  failure = Object.assign(new Error('the connection is gone'), { code: 'ECONNRESET' });
  assert.deepEqual(await outcomes(), ['fulfilled', 'rejected', 'rejected', 'rejected']);
});

test('whatever the load: nothing is lost, nothing runs twice, no batch is too large or has two that exclude each other', async () => {
  const command = fc.record({ tenant: fc.constantFrom('a', 'b', 'c', 'd'), key: fc.nat(6), wait: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 80 }), fc.integer({ min: 1, max: 9 }), async (load, maxBatch) => {
      const ran: (readonly Command[])[] = [];
      const call = fairBatcher<Command, string>({
        run: async (commands) => {
          ran.push(commands);
          await new Promise(setImmediate);
          return commands.map(({ id }) => String(id));
        },
        tenantOf: ({ tenant }) => tenant,
        exclusivesOf: ({ exclusives = [] }) => exclusives,
        maxBatch,
        maxConcurrent: 2,
        maxWaiting: 1_000,
        maxWaitingPerTenant: 1_000,
      });
      const answers: Promise<string>[] = [];
      for (const [id, { tenant, key, wait }] of load.entries()) {
        answers.push(call({ tenant, id, exclusives: [`${tenant} ${key}`] }));
        if (wait) await new Promise(setImmediate);
      }
      assert.deepEqual(
        await Promise.all(answers),
        load.map((_, id) => String(id)),
      );
      assert.deepEqual(
        ran
          .flat()
          .map(({ id }) => id)
          .toSorted((a, b) => a - b),
        load.map((_, id) => id),
      );
      for (const batch of ran) {
        assert.ok(batch.length <= maxBatch);
        const exclusives = batch.flatMap(({ exclusives: own = [] }) => own);
        assert.equal(new Set(exclusives).size, exclusives.length);
      }
    }),
    { numRuns: 60 },
  );
});
