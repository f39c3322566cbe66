import type { processConfig, Values } from '#platform/config/index.ts';
import { type Readiness, startAdminServer } from '#platform/http/index.ts';
import { createLogger, type Logger } from '#platform/logging/index.ts';
import { createMetrics, installPropagation, type Metrics, metricTable } from '#platform/telemetry/index.ts';
import { createReadiness, type ReadinessCheck } from './readiness.ts';
import { type Closable, closeAll, type Owned } from './resources.ts';

type Full = Values<typeof processConfig>;
/** What `startService` itself reads of a service's configuration. */
export type ProcessConfig = Pick<Full, 'logLevel' | 'adminHost' | 'adminPort' | 'shutdownTimeoutMs'> &
  Partial<Pick<Full, 'readinessDelayMs'>>;

export interface Life {
  readonly logger: Logger;
  readonly metrics: Metrics;
  /**
   * Takes over the closing of a resource. Reverse order of opening is the order of the drain.
   * @returns the resource
   */
  own<R extends Closable>(name: string, resource: R | Promise<R>): Promise<R>;
  /** Own dependencies only: a service that is down must not make others look down. */
  readiness(name: string, check: ReadinessCheck): void;
  /** A port where this process can be reached. */
  address(name: string, port: number): void;
}

export interface RunningService {
  readonly name: string;
  readonly addresses: Readonly<Record<string, number>>;
  readonly logger: Logger;
  ready(): Promise<Readiness>;
  /** Drains and closes everything; calling it again gives the same promise. @throws AggregateError when parts could not be closed */
  close(): Promise<void>;
}

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Opens a service part by part and knows how to take it down again.
 * On stop: readiness off → `stopping()` of every part → optional delay → parts closed in reverse → admin server closed.
 * @throws what the failing part threw; the parts opened before it are closed by then
 */
export const startService = async (
  name: string,
  config: ProcessConfig,
  open: (life: Life) => Promise<void>,
  options: { logger?: Logger } = {},
): Promise<RunningService> => {
  installPropagation();
  const logger = options.logger ?? createLogger({ service: name, level: config.logLevel });
  const metrics = createMetrics(metricTable, { defaults: true });
  const owned: Owned[] = [];
  const addresses: Record<string, number> = {};
  const readiness = createReadiness();
  let state: Readiness['state'] = 'starting';

  const ready = async (): Promise<Readiness> => {
    const parts = await readiness.parts();
    const all = state === 'serving' && Object.values(parts).every((part) => part.ready);
    metrics.gauge('ready').set(all ? 1 : 0);
    for (const [part, result] of Object.entries(parts)) metrics.gauge('part_ready').set({ part }, result.ready ? 1 : 0);
    return { ready: all, state, parts };
  };

  const life: Life = {
    logger,
    metrics,
    own: async (part, resource) => {
      const opened = await resource;
      owned.push({ name: part, resource: opened });
      return opened;
    },
    readiness: readiness.add,
    address: (part, port) => {
      addresses[part] = port;
    },
  };

  const stop = async (): Promise<void> => {
    const startedAt = performance.now();
    state = 'stopping';
    logger.info('stopping');
    for (const { resource } of owned) resource.stopping?.();
    const delayMs = config.readinessDelayMs ?? 0;
    if (delayMs > 0) await delay(delayMs);
    const failures = await closeAll(owned, config.shutdownTimeoutMs, logger);
    logger.info({ durationMs: Math.round(performance.now() - startedAt) }, 'stopped');
    if (failures.length > 0) throw new AggregateError(failures, `${failures.length} parts of ${name} could not be closed`);
  };

  try {
    const admin = await startAdminServer({ host: config.adminHost, port: config.adminPort, ready, metrics: metrics.expose });
    await life.own('admin', admin);
    life.address('admin', admin.port);
    await open(life);
  } catch (error) {
    await closeAll(owned, config.shutdownTimeoutMs, logger);
    throw error;
  }
  state = 'serving';
  logger.info({ addresses }, 'started');
  let closing: Promise<void> | undefined;
  return { name, addresses, logger, ready, close: () => (closing ??= stop()) };
};
