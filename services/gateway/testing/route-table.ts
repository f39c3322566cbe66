/** Every route of the gateway with its access rule, without any service running. */
import { createLogger } from '#platform/logging/index.ts';
import { createMetrics, metricTable } from '#platform/telemetry/index.ts';
import type { RouteRow } from '../adapters/http/plugins/access-control.ts';
import { createServer } from '../adapters/http/server.ts';
import { fakeBackends } from './fake-backends.ts';
import { fakeLive } from './fake-feed.ts';

export const routeTable = async (): Promise<readonly RouteRow[]> => {
  const app = await createServer({
    backends: fakeBackends({}).backends,
    live: fakeLive(),
    authenticate: async () => undefined,
    readiness: async () => ({ ready: true, parts: {} }),
    logger: createLogger({ service: 'gateway', level: 'silent' }),
    metrics: createMetrics(metricTable),
    publicUrl: 'http://gateway.test',
    corsOrigins: [],
    rateLimitFactor: 1,
    requestBudgetMs: 1_000,
    bodyLimitBytes: 65_536,
    maxEventLoopDelayMs: 0,
  });
  const rows = [...app.routeTable];
  await app.close();
  return rows;
};
