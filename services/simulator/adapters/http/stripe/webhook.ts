import type { Sign, WebhookDialect } from '../../../app/ports.ts';
import type { BoundedMap } from '../../../domain/bounded-map.ts';
import type { Payment } from '../../../domain/payment.ts';
import { charge, intent, intentId, session } from './objects.ts';

const objectOf = (payment: Payment, what: Parameters<WebhookDialect['event']>[1]): object => {
  if (what === 'declined') return intent(payment, 'requires_payment_method');
  if (what === 'disputed' || what === 'dispute_decided') return { object: 'dispute', payment_intent: intentId(payment) };
  if (what === 'refunded') return charge(payment);
  return payment.direct === true ? intent(payment) : session(payment, '');
};

/** Events as Stripe sends and lists them. @param parts.events remembers them, for `GET /v1/events` */
export const stripeWebhook = (parts: {
  sign: Sign;
  secret: string;
  nowMs: () => number;
  nextId: (prefix: string) => string;
  events: BoundedMap<string, object>;
}): WebhookDialect => ({
  event: (payment, what) => {
    const direct = { succeeded: 'payment_intent.succeeded', failed: 'payment_intent.payment_failed' } as const;
    const told = {
      succeeded: 'checkout.session.completed',
      failed: 'checkout.session.expired',
      declined: 'payment_intent.payment_failed',
      refunded: 'charge.refunded',
      disputed: 'charge.dispute.created',
      dispute_decided: 'charge.dispute.closed',
    }[what];
    const type = payment.direct === true && (what === 'succeeded' || what === 'failed') ? direct[what] : told;
    const event = {
      id: parts.nextId('evt'),
      object: 'event',
      api_version: '2026-10-28.endive',
      created: Math.floor(parts.nowMs() / 1000),
      livemode: false,
      pending_webhooks: 1,
      request: { id: null, idempotency_key: null },
      type,
      data: { object: objectOf(payment, what) },
    };
    parts.events.set(event.id, event);
    return JSON.stringify(event);
  },
  headers: (body, nowMs, key) => {
    const seconds = Math.floor(nowMs / 1000);
    const secret = key === 'true' ? parts.secret : `${parts.secret}?`;
    return { 'stripe-signature': `t=${seconds},v1=${parts.sign(secret, `${seconds}.${body}`)}` };
  },
});
