/** Under pressure new work is refused quickly with 503 and Retry-After; health checks and callbacks are still answered. */
import underPressure from '@fastify/under-pressure';
import type { FastifyInstance } from 'fastify';
import { appError } from '#platform/errors/index.ts';

export const loadShedding = (app: FastifyInstance, { maxEventLoopDelayMs }: { readonly maxEventLoopDelayMs: number }): void => {
  // Off, for tests: a loop that stood still for a whole sample counts as infinitely late, whatever the limit.
  if (maxEventLoopDelayMs === 0) return;
  void app.register(underPressure, {
    maxEventLoopDelay: maxEventLoopDelayMs,
    sampleInterval: 1_000,
    pressureHandler: (request) => {
      if (request.routeOptions.config.alwaysServed) return;
      throw appError('platform.overloaded', { retryAfterMs: 1_000 });
    },
  });
};
