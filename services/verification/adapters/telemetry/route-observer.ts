import type { BalanceObserver } from '../../app/balance/ports.ts';
import type { Logger } from '#platform/logging/index.ts';
import type { Metrics } from '#platform/telemetry/index.ts';
import type { MarketObserver, RouteObserver } from '../../app/routing/ports.ts';

const levels = { closed: 0, half_open: 1, open: 2 } as const;

/** Metrics and logs of routing. */
export const createRouteObserver = ({ logger, metrics }: { logger: Logger; metrics: Metrics }): RouteObserver => {
  const decisions = metrics.counter('verification_route_decisions_total');
  const refusals = metrics.counter('verification_route_refusals_total');
  const circuits = metrics.gauge('verification_provider_circuit');
  return {
    decided: (verdict) => decisions.inc({ verdict }),
    refused: (provider, reason) => refusals.inc({ provider, reason }),
    circuit: (provider, state) => {
      circuits.set({ provider }, levels[state]);
      logger.warn({ provider, circuit: state }, 'a circuit has changed');
    },
  };
};

/** What accounts at providers should hold, and what nobody can explain. */
export const createBalanceObserver = ({ logger, metrics }: { logger: Logger; metrics: Metrics }): BalanceObserver => {
  const drifts = metrics.gauge('verification_provider_drift_amount');
  const limits = metrics.gauge('verification_provider_drift_limit_amount');
  return {
    known: (provider, { driftMicros, limitMicros }) => {
      drifts.set({ provider }, Number(driftMicros) / 1_000_000);
      limits.set({ provider }, Number(limitMicros) / 1_000_000);
    },
    reconciled: (provider, { driftMicros, limitMicros }) => {
      if (driftMicros > limitMicros || driftMicros < -limitMicros)
        logger.warn({ provider, driftMicros: String(driftMicros) }, 'our account at a provider does not hold what it should');
    },
  };
};

/** Metrics and logs of price lists and balances. */
export const createMarketObserver = ({ logger, metrics }: { logger: Logger; metrics: Metrics }): MarketObserver => {
  const balances = metrics.gauge('verification_provider_balance');
  return {
    balance: (provider, micros) => balances.set({ provider }, Number(micros) / 1_000_000),
    unreadable: (provider, what, detail) => logger.warn({ provider, what, detail }, 'a provider does not say what it has'),
  };
};
