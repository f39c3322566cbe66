import type { Logger } from '#platform/logging/index.ts';
import type { Metrics } from '#platform/telemetry/index.ts';
import type { SettlementObserver } from '../../app/settlement/ports.ts';

/** Metrics and logs of what providers owe us. */
export const createSettlementObserver = ({ logger, metrics }: { logger: Logger; metrics: Metrics }): SettlementObserver => {
  const settled = metrics.counter('verification_provider_settlements_total');
  const lost = metrics.counter('verification_provider_lost_amount_total');
  const open = metrics.gauge('verification_provider_claims_open');
  return {
    settled: ({ provider, verificationId, activationId, costMicros }, outcome, evidence) => {
      settled.inc({ provider, outcome, evidence });
      if (outcome === 'refunded') return;
      lost.inc({ provider }, Number(costMicros) / 1_000_000);
      logger.warn({ provider, verificationId, activationId, evidence }, 'the provider keeps what no customer pays');
    },
    open: (claims) => {
      open.reset();
      for (const { provider, count } of claims) open.set({ provider }, count);
    },
    failedStep: ({ provider, verificationId }, error) =>
      logger.error({ provider, verificationId, err: error }, 'a claim could not be asked about; it is repeated after its lease'),
  };
};
