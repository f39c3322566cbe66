import type { Logger } from '#platform/logging/index.ts';
import type { Metrics } from '#platform/telemetry/index.ts';
import type { BillingMonitor } from '../../app/ports.ts';

/** Metrics for rates and alerts, logs for the single case. */
export const billingMonitor = ({ logger, metrics }: { readonly logger: Logger; readonly metrics: Metrics }): BillingMonitor => {
  const holds = metrics.counter('holds_total');
  const payments = metrics.counter('payments_total');
  const refunds = metrics.counter('payment_refunds_total');
  const disputes = metrics.counter('payment_disputes_total');
  const webhooks = metrics.counter('payment_webhooks_total');
  const uncollected = metrics.counter('uncollected_total');
  return {
    hold: (product, event) => holds.inc({ product, event }),
    holdsExpired: (count) => {
      holds.inc({ product: 'any', event: 'expired' }, count);
      logger.info({ count }, 'holds expired');
    },
    // The log is the second place where the chain is kept.
    blockSealed: ({ height, hash, transfers }) => logger.info({ height: height.toString(), hash, transfers }, 'transfers sealed'),
    creditLapsed: (wallets) => logger.info({ wallets }, 'credit expired'),
    uncollected: ({ tenantId, holdId, product, owedMicros }) => {
      uncollected.inc({ product });
      logger.warn({ tenantId, holdId, product, owedMicros: owedMicros.toString() }, 'delivered but not paid: recorded as uncollected');
    },
    paymentSettled: ({ paymentId, gateway, result }) => {
      payments.inc({ gateway, status: result });
      if (result === 'mismatched')
        logger.error({ paymentId, gateway }, 'the gateway received other money than was asked for: not credited, decide by hand');
      else logger.info({ paymentId, gateway, result }, result === 'surplus' ? 'paid twice: the second is given back' : 'payment settled');
    },
    refundSettled: ({ refundId, gateway, cause, result }) => {
      refunds.inc({ gateway, cause, status: result });
      if (result === 'failed' && cause === 'surplus')
        logger.error({ refundId, gateway }, 'a payment that was paid twice could not be given back: decide by hand');
      else logger.info({ refundId, gateway, cause, result }, 'refund settled');
    },
    disputed: ({ disputeId, gateway, outcome, uncoveredMicros }) => {
      disputes.inc({ gateway, outcome });
      const fact = { disputeId, gateway, outcome, uncoveredMicros: uncoveredMicros.toString() };
      if (outcome === 'opened') logger.warn(fact, 'a payment is disputed: answer in the dashboard of the gateway');
      else logger.info(fact, 'a dispute was decided');
    },
    notificationUnmatched: ({ gateway, eventId }) => {
      webhooks.inc({ gateway, outcome: 'unmatched' });
      logger.warn({ gateway, eventId }, 'a genuine notification about a payment that is not ours');
    },
    gatewayUnknown: ({ gateway, operation, reason }) =>
      logger.warn({ gateway, operation, reason }, 'the payment gateway did not answer; asked again later'),
  };
};

/**
 * Counters whose first event calls a person stand at zero from the start: Prometheus sees an increase only of what it has seen before, so
 * the first mismatch of a process would go unheard.
 */
export const beginPaymentCounters = (metrics: Metrics, gateways: Iterable<string>): void => {
  for (const gateway of gateways) {
    metrics.counter('payments_total').inc({ gateway, status: 'mismatched' }, 0);
    metrics.counter('payment_refunds_total').inc({ gateway, cause: 'surplus', status: 'failed' }, 0);
    metrics.counter('payment_disputes_total').inc({ gateway, outcome: 'opened' }, 0);
  }
};
