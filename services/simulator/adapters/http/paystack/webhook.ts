import { createHmac } from 'node:crypto';
import type { WebhookDialect } from '../../../app/ports.ts';
import type { Payment } from '../../../domain/payment.ts';
import { cardOf } from '../../../app/charge-card.ts';
import { paymentNumber } from '../../../app/create-payment.ts';
import { minorUnits } from '../amounts.ts';

const authorizationOf = (payment: Payment): object | null => {
  const card = cardOf(payment);
  if (card === undefined) return null;
  const { last4, brand, expiryMonth, expiryYear } = card;
  return {
    authorization_code: card.token.replace(/^tok_/, 'AUTH_'),
    reusable: true,
    card_type: brand,
    last4,
    exp_month: String(expiryMonth),
    exp_year: String(expiryYear),
  };
};

/** A transaction: `abandoned` until the customer has paid or was declined, as Paystack shows it. */
export const transaction = (payment: Payment) => ({
  id: paymentNumber(payment),
  status: { pending: 'abandoned', succeeded: 'success', failed: 'failed' }[payment.status],
  reference: payment.reference,
  amount: minorUnits(payment.paidCurrency, payment.paidMicros),
  currency: payment.paidCurrency,
  channel: 'card',
  authorization: authorizationOf(payment),
  customer: { email: payment.payerEmail ?? '' },
  created_at: new Date(payment.createdAtMs).toISOString(),
});

/** Paystack tells of successes only; its signature has no time, so an old webhook is as genuine as a new one. */
export const paystackWebhook = (parts: { secretKey: string }): WebhookDialect => ({
  event: (payment, what) => {
    if (what === 'succeeded') return JSON.stringify({ event: 'charge.success', data: transaction(payment) });
    if (what === 'disputed' || what === 'dispute_decided')
      return JSON.stringify({
        event: what === 'disputed' ? 'charge.dispute.create' : 'charge.dispute.resolve',
        data: { id: paymentNumber(payment), transaction: transaction(payment) },
      });
    if (what !== 'refunded') return undefined;
    const { reference, amount, currency } = transaction(payment);
    // Without an id, as it is.
    return JSON.stringify({ event: 'refund.processed', data: { status: 'processed', transaction_reference: reference, amount, currency } });
  },
  headers: (body, _, key) => ({
    'x-paystack-signature': createHmac('sha512', key === 'true' ? parts.secretKey : `${parts.secretKey}?`)
      .update(body)
      .digest('hex'),
  }),
});
