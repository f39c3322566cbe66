/** What streamed exports have in common: a bound per tenant, an end with the client or the process, and a first step ahead of the answer. */
import type { Writable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { appError } from '#platform/errors/index.ts';
import { callerOf } from './context.ts';

const maxPerTenant = 3;

export const exportGate = () => {
  const running = new Map<AbortController, string>();
  return {
    /** Ends with the answer, or when the client goes away. @throws request.rate_limited · request.cancelled */
    begin(request: FastifyRequest, answer: Writable): AbortSignal {
      const { tenantId } = callerOf(request);
      // Gone while his credentials were checked: nothing would say so any more, and his place would never be free.
      if (answer.destroyed) throw appError('request.cancelled');
      if ([...running.values()].filter((owner) => owner === tenantId).length >= maxPerTenant)
        throw appError('request.rate_limited', { message: `At most ${maxPerTenant} exports at once.`, retryAfterMs: 5_000 });
      const exporting = new AbortController();
      running.set(exporting, tenantId);
      answer.once('close', () => {
        running.delete(exporting);
        exporting.abort();
      });
      return exporting.signal;
    },
    close(): void {
      for (const exporting of running.keys()) exporting.abort();
    },
  };
};

/** Goes on after a first step that was taken to learn whether there is an error to answer with. */
export const resume = async function* resume<T>(first: IteratorResult<T, void>, rest: AsyncGenerator<T, void>): AsyncGenerator<T, void> {
  try {
    if (first.done !== true) yield first.value;
    yield* rest;
  } finally {
    await rest.return();
  }
};
