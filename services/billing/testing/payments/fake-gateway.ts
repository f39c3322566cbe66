import type { Money } from '#platform/money/index.ts';
import type { PaymentGateway } from '../../app/payments/ports.ts';
import type { GatewayStatement } from '../../domain/payment.ts';

/** A gateway in memory whose answers can be lost, and whose webhooks are whatever the test says they are. */
export const fakeGateway = () => {
  const made = new Map<string, GatewayStatement>();
  const faults = { startLost: false, startRefused: false, verifyLost: false };
  const starts: string[] = [];

  const gateway: PaymentGateway = {
    name: 'simulator',
    currencies: ['USD'],
    start: async ({ paymentId, amount }) => {
      starts.push(paymentId);
      if (faults.startRefused) return { outcome: 'no', reason: 'refused' };
      const gatewayPaymentId = `gw-${paymentId}`;
      if (!made.has(paymentId)) made.set(paymentId, { gatewayPaymentId, reference: paymentId, status: 'pending', amount });
      return faults.startLost
        ? { outcome: 'unknown', reason: 'lost' }
        : { outcome: 'yes', gatewayPaymentId, checkoutUrl: `https://pay.test/${paymentId}` };
    },
    verify: async ({ paymentId }) => {
      if (faults.verifyLost) return { outcome: 'unknown', reason: 'lost' };
      const statement = made.get(paymentId);
      return statement === undefined ? { outcome: 'no', reason: 'no such payment' } : { outcome: 'yes', statement };
    },
    // Body: "<event id> <payment id>"; header signature: "good".
    parseNotification: ({ headers, rawBody }) => {
      if (headers['signature'] !== 'good') return { outcome: 'forged' };
      const [eventId, paymentId] = rawBody.toString().split(' ');
      return eventId === undefined || paymentId === undefined ? { outcome: 'malformed' } : { outcome: 'genuine', eventId, paymentId };
    },
  };
  /** The customer pays, or does not. */
  const decide = (paymentId: string, status: 'succeeded' | 'failed', amount?: Money): void => {
    const statement = made.get(paymentId);
    if (statement === undefined) throw new Error(`the gateway does not know ${paymentId}`);
    made.set(paymentId, { ...statement, status, amount: amount ?? statement.amount });
  };
  return { gateway, faults, decide, starts, made };
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
      notificationUnmatched: note('unmatched'),
      gatewayUnknown: note('unknown'),
    },
  };
};
