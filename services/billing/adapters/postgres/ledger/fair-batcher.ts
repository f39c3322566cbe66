import { AsyncResource } from 'node:async_hooks';
import { appError } from '#platform/errors/index.ts';
import { refusedByDatabase } from '#platform/postgres/index.ts';

export interface FairBatcherOptions<Command, Answer> {
  /** Handles a batch in one statement: all or nothing. Refusals of single commands are answers. @returns one per command, in their order */
  readonly run: (commands: readonly Command[]) => Promise<readonly Answer[]>;
  /** Whose turn it is when a batch cannot take everybody. */
  readonly tenantOf: (command: Command) => string;
  /** Two commands that share one of these never travel in the same batch: the later one waits for the answer to the earlier. */
  readonly exclusivesOf: (command: Command) => readonly string[];
  readonly maxBatch: number;
  /** Batches under way at once, when they are full; each takes a connection. */
  readonly maxConcurrent: number;
  /** More commands than this, in all or of one tenant, are refused at once with platform.overloaded. */
  readonly maxWaiting: number;
  readonly maxWaitingPerTenant: number;
}

interface Waiting<Command, Answer> {
  readonly command: Command;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
  /** The caller's context: a batch runs in that of its first, for its trace. Kept only for commands that are the first of their tenant. */
  readonly context: AsyncResource;
}

/** Fewer than this are not worth two batches. */
const undivided = 8;
/** Callers who have been answered and did not come back within this time are not expected any more. */
const returnWithinMs = 50;

/**
 * Group commit: while nothing is under way, the commands of one turn of the event loop go out together at its end; those that come meanwhile
 * travel together in the next batch. No timer is ever waited for.
 * Callers who are answered together come back together. So a batch takes half of all who are about, those who wait and those who have
 * just been answered: while one half is at work, the other is on its way. Otherwise the first to come back goes alone, all others
 * after him, and either the database or the callers stand idle.
 * When a batch ends, the next one is sent before the callers are told: answering them takes this thread as long as half a batch takes the database.
 * Tenants take turns, so one that floods the queue waits behind himself only, and has a limit of his own.
 * @returns the call for one command; rejects with what its batch, or the command alone, failed with
 */
export const fairBatcher = <Command, Answer>({
  run,
  tenantOf,
  exclusivesOf,
  maxBatch,
  maxConcurrent,
  maxWaiting,
  maxWaitingPerTenant,
}: FairBatcherOptions<Command, Answer>): ((command: Command) => Promise<Answer>) => {
  /** In the order of turns: a map keeps the order of insertion, and who was served goes to the end. */
  const queues = new Map<string, Waiting<Command, Answer>[]>();
  const outside = new AsyncResource('ledger');
  let waiting = 0;
  let running = 0;
  let gathering = false;
  /** Callers who were answered last and are not back yet. */
  let expected = 0;
  let answeredAt = 0;

  const expect = (callers: number): void => {
    expected = callers;
    answeredAt = performance.now();
  };
  const half = (): number => {
    // So many that both halves would be full.
    if (waiting >= maxBatch) return maxBatch;
    if (performance.now() - answeredAt > returnWithinMs) expected = 0;
    return Math.min(maxBatch, Math.max(undivided, Math.ceil((waiting + expected) / 2)));
  };

  const take = (size: number): Waiting<Command, Answer>[] => {
    const batch: Waiting<Command, Answer>[] = [];
    const taken = new Set<string>();
    let stuck = 0;
    // Tenants that are put back at the end are met again by this very loop.
    for (const [tenant, queue] of queues) {
      queues.delete(tenant);
      const exclusives = queue[0] === undefined ? [] : exclusivesOf(queue[0].command);
      const next = exclusives.some((key) => taken.has(key)) ? undefined : queue.shift();
      if (queue.length > 0) queues.set(tenant, queue);
      if (next === undefined) stuck += 1;
      else {
        stuck = 0;
        for (const key of exclusives) taken.add(key);
        batch.push(next);
      }
      if (batch.length >= size || stuck >= queues.size) break;
    }
    waiting -= batch.length;
    return batch;
  };

  /** @returns what tells the callers of the batch */
  const outcomeOf = async (batch: readonly Waiting<Command, Answer>[]): Promise<() => void> => {
    try {
      const [first] = batch;
      const commands = batch.map(({ command }) => command);
      const answers = await first!.context.runInAsyncScope(run, undefined, commands);
      if (answers.length !== batch.length) throw new Error(`${answers.length} answers to ${batch.length} commands`);
      expect(batch.length);
      return () => {
        for (const [index, { resolve }] of batch.entries()) resolve(answers[index] as Answer);
      };
    } catch (error) {
      if (batch.length === 1 || !refusedByDatabase(error))
        return () => {
          for (const { reject } of batch) reject(error);
        };
      for (const one of batch) (await outcomeOf([one]))();
      return () => undefined;
    }
  };

  const send = async (batch: readonly Waiting<Command, Answer>[]): Promise<void> => {
    running += 1;
    const tell = await outcomeOf(batch);
    running -= 1;
    next();
    // A pool hands out its connection at the next tick: so this one comes after the statement has been written.
    process.nextTick(tell);
  };

  const next = (): void => {
    gathering = false;
    // Beside a batch under way goes only one that is full: what is less had better gather.
    while (waiting > 0 && running < (waiting >= maxBatch ? maxConcurrent : 1)) void send(take(half()));
  };
  /** At the end of this turn: what one message brings is mostly more than one command. */
  const gather = (): void => {
    if (gathering || running >= (waiting >= maxBatch ? maxConcurrent : 1)) return;
    gathering = true;
    setImmediate(next);
  };

  return (command) =>
    new Promise((resolve, reject) => {
      const tenant = tenantOf(command);
      const queue = queues.get(tenant);
      if (waiting >= maxWaiting || (queue?.length ?? 0) >= maxWaitingPerTenant) {
        reject(appError('platform.overloaded', { retryAfterMs: 1_000 }));
        return;
      }
      const context = queue === undefined ? new AsyncResource('ledger') : outside;
      const one = { command, resolve, reject, context };
      if (queue === undefined) queues.set(tenant, [one]);
      else queue.push(one);
      waiting += 1;
      if (expected > 0) expected -= 1;
      gather();
    });
};
