import type { Logger } from '#platform/logging/index.ts';
import type { Metrics } from '#platform/telemetry/index.ts';
import type { LateObserver } from '../../app/late/ports.ts';

export const createLateObserver = ({ logger, metrics }: { logger: Logger; metrics: Metrics }): LateObserver => {
  const decisions = metrics.counter('verification_late_code_decisions_total');
  return {
    decided: ({ verification: { id, tenantId, provider } }, outcome) => {
      decisions.inc({ outcome });
      logger.info({ verificationId: id, tenantId, provider, outcome }, 'a late code was decided');
    },
    failedStep: ({ verification: { id, tenantId } }, error) =>
      logger.error({ verificationId: id, tenantId, err: error }, 'a late code could not be decided; it is tried again after its lease'),
  };
};
