import { Agent, request } from 'undici';
import type { Outgoing, OutgoingRequest, World } from '../../app/ports.ts';

export interface HttpOutgoing extends Outgoing {
  /** Forgets what waits. What is on the wire is finished, but not repeated. */
  clear(): void;
  waiting(): number;
  close(): Promise<void>;
}

interface Job {
  readonly request: OutgoingRequest;
  attempts: number;
  /** A job of a world that was reset meanwhile is not repeated. */
  readonly generation: number;
}

const capacity = 200_000;

/**
 * Sends webhooks and pushes over kept-alive connections, at most `concurrency` at once, first come first served.
 * Anything but 2xx is repeated with doubled waiting, up to `outgoing.maxAttempts`. Nothing is logged: bodies hold codes.
 */
export const createHttpOutgoing = (world: World, options: { concurrency?: number } = {}): HttpOutgoing => {
  const concurrency = options.concurrency ?? 64;
  const agent = new Agent({ connections: concurrency, keepAliveTimeout: 30_000, pipelining: 1 });
  let queue: Job[] = [];
  /** Index of the first job that waits; the array is cut when the head has grown. */
  let head = 0;
  let running = 0;
  let generation = 0;
  let closed = false;

  const repeatLater = (job: Job): void => {
    const { retryFirstMs, retryMaxMs, maxAttempts } = world.settings.outgoing;
    if (closed || job.generation !== generation || job.request.once === true || job.attempts >= maxAttempts) {
      world.counters[job.request.kind === 'push' ? 'pushesFailed' : 'webhooksFailed'] += 1;
      return;
    }
    const waitMs = Math.min(retryMaxMs, retryFirstMs * 2 ** Math.min(job.attempts - 1, 20));
    world.agenda.at(world.clock.now().getTime() + waitMs, () => enqueue(job));
  };

  const attempt = async (job: Job): Promise<boolean> => {
    const { url, body, headers } = job.request;
    job.attempts += 1;
    const timeoutMs = world.settings.outgoing.timeoutMs;
    try {
      const response = await request(url, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', ...headers?.(world.clock.now().getTime()) },
        dispatcher: agent,
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
      });
      await response.body.dump();
      return response.statusCode >= 200 && response.statusCode < 300;
    } catch {
      return false;
    }
  };

  const run = async (job: Job): Promise<void> => {
    const delivered = await attempt(job);
    running -= 1;
    if (delivered) world.counters[job.request.kind === 'push' ? 'pushes' : 'webhooks'] += 1;
    else repeatLater(job);
    pump();
  };

  const pump = (): void => {
    while (running < concurrency && !closed) {
      const job = queue[head];
      if (job === undefined) break;
      head += 1;
      running += 1;
      void run(job);
    }
    if (head > 1024 && head * 2 > queue.length) {
      queue = queue.slice(head);
      head = 0;
    }
  };

  const enqueue = (job: Job): void => {
    if (queue.length - head >= capacity) {
      world.counters[job.request.kind === 'push' ? 'pushesFailed' : 'webhooksFailed'] += 1;
      return;
    }
    queue.push(job);
    pump();
  };

  return {
    send: (outgoing) => enqueue({ request: outgoing, attempts: 0, generation }),
    clear: () => {
      queue = [];
      head = 0;
      generation += 1;
    },
    waiting: () => queue.length - head + running,
    close: async () => {
      closed = true;
      await agent.destroy();
    },
  };
};
