import type { Logger } from '#platform/logging/index.ts';
import type { Metrics } from '#platform/telemetry/index.ts';
import type { StatementMonitor } from '../../app/payments/compare-statements.ts';

export const statementMonitor = ({ logger, metrics }: { readonly logger: Logger; readonly metrics: Metrics }): StatementMonitor => {
  const findings = metrics.gauge('payment_statement_findings');
  const compared = metrics.gauge('payment_statement_compared_timestamp_seconds');
  return {
    compared: ({ gateway, findings: count, at }) => {
      findings.set({ gateway }, count);
      compared.set({ gateway }, at.getTime() / 1_000);
    },
    finding: (gateway, finding) => logger.error({ gateway, ...finding }, "a gateway's statement and the books differ"),
    unknown: (gateway, reason) => logger.warn({ gateway, reason }, 'the statement of a gateway could not be read; asked again later'),
  };
};
