import type { Logger } from '#platform/logging/index.ts';
import type { Metrics } from '#platform/telemetry/index.ts';
import type { BulkObserver } from '../../app/bulk/ports.ts';

/** Metrics and logs of bulk orders. */
export const createBulkObserver = ({ logger, metrics }: { logger: Logger; metrics: Metrics }): BulkObserver => {
  const ended = metrics.counter('verification_batches_total');
  return {
    ended: ({ state }) => ended.inc({ status: state }),
    failedStep: (batchId, error) => logger.error({ batchId, err: error }, 'a step of a batch failed; it is repeated after its lease'),
  };
};
