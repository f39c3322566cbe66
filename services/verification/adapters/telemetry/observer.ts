import type { Logger } from '#platform/logging/index.ts';
import type { Metrics } from '#platform/telemetry/index.ts';
import type { Observer } from '../../app/ports.ts';
import type { Verification } from '../../domain/verification.ts';

const who = (verification: Verification) => ({
  verificationId: verification.id,
  tenantId: verification.tenantId,
  provider: verification.provider,
  state: verification.state,
});

/** Metrics and logs of the life cycle. */
export const createObserver = ({ logger, metrics }: { logger: Logger; metrics: Metrics }): Observer => {
  const reached = metrics.counter('verifications_total');
  const delay = metrics.histogram('verification_code_delay_seconds');
  const unknown = metrics.gauge('verification_unknown');
  const read = metrics.counter('verification_codes_read_total');
  const late = metrics.counter('verification_late_codes_total');
  const leaks = metrics.counter('verification_leaks_total');
  return {
    reached: (verification) => reached.inc({ service: verification.service, status: verification.state }),
    codeDelay: (verification, latencyMs) => delay.observe({ service: verification.service }, latencyMs / 1_000),
    codeRead: (rule) => read.inc({ rule }),
    lateCode: (verification) => {
      late.inc({ provider: verification.provider });
      logger.warn(who(verification), 'a message came after the money went back: kept until it is decided what becomes of it');
    },
    leak: (verification, what) => {
      leaks.inc({ provider: verification.provider });
      logger.error(
        { ...who(verification), activationId: verification.activationId, what },
        'the provider may charge what no customer pays',
      );
    },
    unknownCount: (count) => unknown.set(count),
    failedStep: (verification, error) =>
      logger.error({ ...who(verification), err: error }, 'a step failed; it is repeated after its lease'),
  };
};
