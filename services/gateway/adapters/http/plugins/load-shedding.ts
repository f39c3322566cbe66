/** Under pressure new work is refused quickly with 503 and Retry-After; health checks and callbacks are still answered. */
import underPressure from '@fastify/under-pressure';
import type { FastifyInstance } from 'fastify';
import { appError } from '#platform/errors/index.ts';

const sampleIntervalMs = 1_000;

export const loadShedding = (app: FastifyInstance, { maxEventLoopDelayMs }: { readonly maxEventLoopDelayMs: number }): void => {
  // Off, for tests: a loop that stood still for a whole sample counts as infinitely late, whatever the limit.
  if (maxEventLoopDelayMs === 0) return;
  // A start compiles for a second: the sample it falls into says nothing about the load, and the first clients would be sent away for it.
  let countsFromMs = Number.POSITIVE_INFINITY;
  app.addHook('onListen', (done) => {
    countsFromMs = performance.now() + 2 * sampleIntervalMs;
    done();
  });
  void app.register(underPressure, {
    maxEventLoopDelay: maxEventLoopDelayMs,
    sampleInterval: sampleIntervalMs,
    pressureHandler: (request) => {
      if (request.routeOptions.config.alwaysServed || performance.now() < countsFromMs) return;
      throw appError('platform.overloaded', { retryAfterMs: 1_000 });
    },
  });
};
