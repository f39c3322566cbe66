import type { Logger } from '#platform/logging/index.ts';
import type { Metrics } from '#platform/telemetry/index.ts';
import type { SettlementObserver, StrayObserver } from '../../app/settlement/ports.ts';

/** Metrics and logs of numbers that providers have as active and that are not. */
export const createStrayObserver = ({ logger, metrics }: { logger: Logger; metrics: Metrics }): StrayObserver => {
  const strays = metrics.counter('verification_provider_strays_total');
  return {
    stray: (provider, activationId, measure) => {
      strays.inc({ provider, measure });
      logger.warn({ provider, activationId, measure }, 'the provider has a number as active that is not');
    },
    unreadable: (provider, detail) => logger.warn({ provider, detail }, 'the list of active numbers cannot be read'),
    failedSweep: (provider, error) =>
      logger.error({ provider, err: error }, 'the list of active numbers could not be compared; it is tried again'),
  };
};

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
