import type { Logger } from '#platform/logging/index.ts';
import type { Metrics } from '#platform/telemetry/index.ts';
import type { AuditMonitor } from '../../app/verify/ports.ts';

export const auditMonitor = ({ logger, metrics }: { readonly logger: Logger; readonly metrics: Metrics }): AuditMonitor => {
  const divergences = metrics.gauge('ledger_divergences');
  const verified = metrics.gauge('ledger_verified_timestamp_seconds');
  const imbalance = metrics.gauge('ledger_imbalance_micros');
  const holds = metrics.gauge('holds_open');
  return {
    audited: ({ finishedAt, broken, imbalanceMicros }) => {
      divergences.set(broken);
      verified.set(finishedAt.getTime() / 1_000);
      imbalance.set(Number(imbalanceMicros));
    },
    openHolds: (count) => holds.set(Number(count)),
    // Without the rows: they hold what customers wrote. `npm run billing:verify` shows them.
    divergence: ({ law, subject, expected, found }) => logger.error({ law, subject, expected, found }, 'the books diverge'),
  };
};
