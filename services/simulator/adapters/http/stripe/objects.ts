import { cardOf } from '../../../app/charge-card.ts';
import type { SimulatedDispute } from '../../../app/dispute-payment.ts';
import type { SimulatedRefund } from '../../../app/refund-payment.ts';
import type { Payment } from '../../../domain/payment.ts';
import { minorUnits } from '../amounts.ts';

/** The PaymentIntent of a session: the same number, another prefix. */
export const intentId = (payment: Payment): string => payment.id.replace(/^cs_/, 'pi_');
export const sessionIdOf = (intent: string): string => intent.replace(/^pi_/, 'cs_');

const seconds = (payment: Payment): number => Math.floor(payment.createdAtMs / 1000);

const customerOf = (payment: Payment): string => payment.id.replace(/^cs_/, 'cus_');
/** A card's id in Stripe's shape, and back to the token of the world. */
const methodOf = (payment: Payment): object | null => {
  const card = cardOf(payment);
  if (card === undefined) return null;
  const { brand, last4, expiryMonth, expiryYear } = card;
  return {
    id: card.token.replace(/^tok_cs_/, 'pm_'),
    object: 'payment_method',
    type: 'card',
    card: { brand, last4, exp_month: expiryMonth, exp_year: expiryYear },
  };
};
export const tokenOfMethod = (method: string): string => method.replace(/^pm_/, 'tok_cs_');

/** A Checkout Session: `expired` when the customer gave up, as the hosted page cannot fail otherwise. */
export const session = (payment: Payment, url: string, expanded = false): object => ({
  id: payment.id,
  object: 'checkout.session',
  amount_total: minorUnits(payment.paidCurrency, payment.paidMicros),
  currency: payment.paidCurrency.toLowerCase(),
  client_reference_id: payment.reference,
  created: seconds(payment),
  livemode: false,
  metadata: { payment_id: payment.reference },
  mode: 'payment',
  customer: payment.savesCard === true ? customerOf(payment) : null,
  payment_intent: payment.status === 'succeeded' ? (expanded ? intent(payment, undefined, true) : intentId(payment)) : null,
  payment_status: payment.status === 'succeeded' ? 'paid' : 'unpaid',
  status: { pending: 'open', succeeded: 'complete', failed: 'expired' }[payment.status],
  success_url: payment.returnUrl,
  url: payment.status === 'pending' ? url : null,
});

export const intent = (payment: Payment, status?: string, expanded = false): object => ({
  id: intentId(payment),
  object: 'payment_intent',
  amount: minorUnits(payment.askedCurrency, payment.askedMicros),
  amount_received: payment.status === 'succeeded' ? minorUnits(payment.paidCurrency, payment.paidMicros) : 0,
  currency: payment.paidCurrency.toLowerCase(),
  created: seconds(payment),
  livemode: false,
  metadata: { payment_id: payment.reference },
  payment_method: expanded ? methodOf(payment) : null,
  status:
    status ??
    {
      pending: 'requires_payment_method',
      succeeded: 'succeeded',
      failed: payment.direct === true ? 'requires_payment_method' : 'canceled',
    }[payment.status],
});

/** The charge of a paid PaymentIntent, as refunds and disputes tell of it; it carries the metadata of its intent. */
export const charge = (payment: Payment): object => ({
  id: payment.id.replace(/^cs_/, 'ch_'),
  object: 'charge',
  amount: minorUnits(payment.paidCurrency, payment.paidMicros),
  currency: payment.paidCurrency.toLowerCase(),
  metadata: { payment_id: payment.reference },
  payment_intent: intentId(payment),
});

/** @param expanded with the PaymentIntent in full, as `expand[]` asks for */
export const refund = ({ id, payment, amountMicros, note, status, createdAtMs }: SimulatedRefund, expanded = false): object => ({
  id,
  object: 'refund',
  amount: minorUnits(payment.paidCurrency, amountMicros),
  currency: payment.paidCurrency.toLowerCase(),
  created: Math.floor(createdAtMs / 1000),
  // One that was made without metadata, as in Stripe's dashboard, has none: those of its payment are not its own.
  metadata: note === '' ? {} : { refund_id: note, payment_id: payment.reference },
  payment_intent: expanded ? intent(payment) : intentId(payment),
  status,
});

/** @param expanded with the PaymentIntent in full, as `expand[]` asks for */
export const dispute = ({ id, payment, amountMicros, reason, status, createdAtMs }: SimulatedDispute, expanded: boolean): object => ({
  id,
  object: 'dispute',
  amount: minorUnits(payment.paidCurrency, amountMicros),
  charge: payment.id.replace(/^cs_/, 'ch_'),
  currency: payment.paidCurrency.toLowerCase(),
  created: Math.floor(createdAtMs / 1000),
  balance_transactions: [],
  metadata: {},
  payment_intent: expanded ? intent(payment) : intentId(payment),
  reason,
  status: { open: 'needs_response', won: 'won', lost: 'lost' }[status],
});
