import type { Money } from '#platform/money/index.ts';
import type { PaymentGateway, RefundStatement } from '../../app/payments/ports.ts';
import type { DisputeStatement } from '../../domain/dispute.ts';
import type { GatewayStatement } from '../../domain/payment.ts';

/** A gateway in memory whose answers can be lost, and whose webhooks are whatever the test says they are. */
export const fakeGateway = (name = 'simulator') => {
  const made = new Map<string, GatewayStatement>();
  const faults = {
    startLost: false,
    startRefused: false,
    verifyLost: false,
    refundLost: false,
    refundRefused: false,
    refundFails: false,
    chargeRefused: false,
  };
  const refunds = new Map<string, RefundStatement & { readonly reference: string; readonly amount: Money }>();
  const refundCalls: string[] = [];
  const disputes = new Map<string, DisputeStatement>();
  const starts: string[] = [];
  const charges: string[] = [];

  const gateway: PaymentGateway = {
    name,
    currencies: ['USD'],
    start: async ({ reference: paymentId, amount }) => {
      starts.push(paymentId);
      if (faults.startRefused) return { outcome: 'no', reason: 'refused' };
      const gatewayPaymentId = `gw-${paymentId}`;
      if (!made.has(paymentId)) made.set(paymentId, { gatewayPaymentId, reference: paymentId, status: 'pending', amount });
      return faults.startLost
        ? { outcome: 'unknown', reason: 'lost' }
        : { outcome: 'yes', gatewayPaymentId, checkoutUrl: `https://pay.test/${paymentId}` };
    },
    verify: async ({ reference: paymentId }) => {
      if (faults.verifyLost) return { outcome: 'unknown', reason: 'lost' };
      const statement = made.get(paymentId);
      return statement === undefined ? { outcome: 'no', reason: 'no such payment' } : { outcome: 'yes', statement };
    },
    charge: async ({ reference, amount, token }) => {
      charges.push(reference);
      if (faults.chargeRefused || token === 'gone') return { outcome: 'no', reason: 'declined' };
      const gatewayPaymentId = `gw-${reference}`;
      if (!made.has(reference)) made.set(reference, { gatewayPaymentId, reference, status: 'succeeded', amount });
      return faults.startLost ? { outcome: 'unknown', reason: 'lost' } : { outcome: 'yes', gatewayPaymentId };
    },
    savedCard: async ({ reference }) => {
      if (faults.verifyLost) return { outcome: 'unknown', reason: 'lost' };
      return { outcome: 'yes', card: { token: `tok-${reference}`, brand: 'visa', last4: '4242', expiryMonth: 12, expiryYear: 2031 } };
    },
    // Like the weakest of them: without a key, so a second call would be a second refund.
    refund: async ({ reference, refundId, amount }) => {
      refundCalls.push(refundId);
      if (faults.refundRefused) return { outcome: 'no', reason: 'refused' };
      const refund = {
        gatewayRefundId: `re-${refundId}`,
        status: faults.refundFails ? ('failed' as const) : ('succeeded' as const),
        reference,
        amount,
      };
      refunds.set(refundId, refund);
      return faults.refundLost ? { outcome: 'unknown', reason: 'lost' } : { outcome: 'yes', ...refund };
    },
    verifyRefund: async ({ refundId }) => {
      if (faults.verifyLost) return { outcome: 'unknown', reason: 'lost' };
      const found = refunds.get(refundId);
      return found === undefined ? { outcome: 'no', reason: 'no such refund' } : { outcome: 'yes', ...found };
    },
    listStatement: async () => ({ outcome: 'yes', lines: [] }),
    listDisputes: async () =>
      faults.verifyLost ? { outcome: 'unknown', reason: 'lost' } : { outcome: 'yes', disputes: [...disputes.values()] },
    // Body: "<event id> <reference> [refund|dispute]"; header signature: "good".
    parseNotification: ({ headers, rawBody }) => {
      if (headers['signature'] !== 'good') return { outcome: 'forged' };
      const [eventId, reference, about] = rawBody.toString().split(' ');
      if (eventId === undefined || reference === undefined) return { outcome: 'malformed' };
      return { outcome: 'genuine', eventId, reference, about: about === 'refund' || about === 'dispute' ? about : 'payment' };
    },
  };
  /** The customer pays, or does not. */
  const decide = (paymentId: string, status: 'succeeded' | 'failed', amount?: Money): void => {
    const statement = made.get(paymentId);
    if (statement === undefined) throw new Error(`the gateway does not know ${paymentId}`);
    made.set(paymentId, { ...statement, status, amount: amount ?? statement.amount });
  };
  return { gateway, faults, decide, starts, charges, made, refunds, refundCalls, disputes };
};

export const silentMonitor = () => {
  const seen: { readonly kind: string; readonly fact: unknown }[] = [];
  const note = (kind: string) => (fact: unknown) => void seen.push({ kind, fact });
  return {
    seen,
    monitor: {
      hold: () => {},
      holdsExpired: () => {},
      creditLapsed: () => {},
      blockSealed: () => {},
      uncollected: note('uncollected'),
      paymentSettled: note('settled'),
      refundSettled: note('refunded'),
      disputed: note('disputed'),
      notificationUnmatched: note('unmatched'),
      gatewayUnknown: note('unknown'),
    },
  };
};
