import { LRUCache } from 'lru-cache';
import type { Logger } from '#platform/logging/index.ts';
import type { Carrier, ClaimedJob, SettledJob, Template } from '../../app/ports.ts';

export interface DispatcherOptions {
  readonly carrier: Carrier;
  readonly claim: (limit: number) => Promise<readonly ClaimedJob[]>;
  /** Submits one message; never throws. */
  readonly submit: (job: ClaimedJob, templateOf: (campaignId: string) => Template | undefined) => Promise<SettledJob>;
  /** Puts a message back that was certainly not sent. */
  readonly putBack: (job: ClaimedJob) => SettledJob;
  readonly loadTemplates: (campaignIds: readonly string[]) => Promise<ReadonlyMap<string, Template>>;
  /** Resolves when the answer is stored. */
  readonly record: (answer: SettledJob) => Promise<void>;
  readonly logger: Logger;
  /** Messages taken at once. Also what a kill -9 can leave unknown, times two. */
  readonly batchSize: number;
  readonly pollMs: number;
  readonly onBatch?: (messages: number) => void;
}

export interface Dispatcher {
  /** Looks for work at once. */
  wake(): void;
  inFlight(): number;
  /** Takes nothing more and waits for the answers of what is under way. */
  close(): Promise<void>;
}

/** Claims, renders and submits for as long as there is something to send. Claims ahead of the carrier by one batch at most. */
export const startDispatcher = (options: DispatcherOptions): Dispatcher => {
  const { carrier, logger, batchSize, pollMs } = options;
  const templates = new LRUCache<string, Template>({ max: 200 });
  const capacity = batchSize * 2;
  let inFlight = 0;
  let stopped = false;
  let notify: (() => void) | undefined;
  let woken = false;

  const signal = (): void => {
    woken = true;
    notify?.();
  };

  /** Until something happens, or the time is over. */
  const rest = async (ms: number): Promise<void> => {
    if (!woken) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        notify = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    notify = undefined;
    woken = false;
  };

  const prepareTemplates = async (jobs: readonly ClaimedJob[]): Promise<void> => {
    const missing = new Set(jobs.flatMap(({ campaignId }) => (campaignId !== undefined && !templates.has(campaignId) ? [campaignId] : [])));
    if (missing.size === 0) return;
    for (const [id, template] of await options.loadTemplates([...missing])) templates.set(id, template);
  };

  const finish = async (answer: SettledJob): Promise<void> => {
    try {
      await options.record(answer);
    } catch (error) {
      // Its claim will run out, and the message is parked as unknown.
      logger.error({ err: error }, 'the answer of a message could not be stored');
    } finally {
      inFlight -= 1;
      if (inFlight <= capacity - batchSize / 2) signal();
    }
  };

  const send = async (jobs: readonly ClaimedJob[]): Promise<void> => {
    inFlight += jobs.length;
    try {
      await prepareTemplates(jobs);
    } catch (error) {
      logger.warn({ err: error }, 'the texts of a batch cannot be read; it is put back');
      for (const job of jobs) void finish(options.putBack(job));
      return;
    }
    for (const job of jobs) void options.submit(job, (id) => templates.get(id)).then(finish);
  };

  const round = async (): Promise<void> => {
    const room = Math.min(batchSize, capacity - inFlight);
    if (!carrier.isReady() || room < batchSize / 2) return rest(carrier.isReady() ? pollMs : Math.min(pollMs, 50));
    const jobs = await options.claim(room);
    if (jobs.length > 0) {
      options.onBatch?.(jobs.length);
      await send(jobs);
    }
    // A short batch says that there is no more for the moment.
    if (jobs.length < room / 2) await rest(pollMs);
  };

  const loop = (async () => {
    while (!stopped) {
      try {
        await round();
      } catch (error) {
        logger.warn({ err: error }, 'messages could not be claimed');
        await rest(Math.max(pollMs, 500));
      }
    }
  })();

  return {
    wake: signal,
    inFlight: () => inFlight,
    close: async () => {
      stopped = true;
      signal();
      await loop;
      while (inFlight > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    },
  };
};
