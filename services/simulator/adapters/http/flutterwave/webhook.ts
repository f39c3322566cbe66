import { formatDecimal } from '#platform/money/index.ts';
import { cardOf } from '../../../app/charge-card.ts';
import { paymentNumber } from '../../../app/create-payment.ts';
import type { WebhookDialect } from '../../../app/ports.ts';
import type { Payment } from '../../../domain/payment.ts';

const cardJson = (payment: Payment): object | null => {
  const card = cardOf(payment);
  if (card === undefined) return null;
  const expiry = `${String(card.expiryMonth).padStart(2, '0')}/${String(card.expiryYear % 100)}`;
  return { type: card.brand.toUpperCase(), last_4digits: card.last4, expiry, token: card.token.replace(/^tok_/, 'flw-t1nf-') };
};

/** Flutterwave writes amounts as JSON numbers of whole units. */
export const transaction = (payment: Payment, status: 'successful' | 'failed'): object => ({
  id: paymentNumber(payment),
  tx_ref: payment.reference,
  amount: Number(formatDecimal(payment.paidMicros)),
  currency: payment.paidCurrency,
  customer: { email: payment.payerEmail ?? '' },
  card: cardJson(payment),
  charged_amount: Number(formatDecimal(payment.paidMicros)),
  status,
  created_at: new Date(payment.createdAtMs).toISOString(),
});

/** `verif-hash` is the shared secret itself: neither the body nor the time is signed. */
export const flutterwaveWebhook = (parts: { hash: string }): WebhookDialect => ({
  // Of chargebacks Flutterwave v3 tells in its dashboard, not by a webhook.
  event: (payment, what) =>
    what === 'disputed' || what === 'dispute_decided'
      ? undefined
      : JSON.stringify({
          event: what === 'refunded' ? 'refund.completed' : 'charge.completed',
          data: transaction(payment, what === 'succeeded' || what === 'refunded' ? 'successful' : 'failed'),
        }),
  headers: (_, __, key) => ({ 'verif-hash': key === 'true' ? parts.hash : `${parts.hash}?` }),
});
