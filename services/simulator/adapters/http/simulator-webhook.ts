import { formatDecimal } from '#platform/money/index.ts';
import type { Sign, WebhookDialect } from '../../app/ports.ts';

/** The simulator's own webhook. */
export const simulatorWebhook = (parts: { sign: Sign; secret: string; nextId: (prefix: string) => string }): WebhookDialect => ({
  event: (payment, what) => {
    const status = what === 'declined' ? 'failed' : what;
    return JSON.stringify({
      id: parts.nextId('evt'),
      type: `payment.${status}`,
      data: {
        id: payment.id,
        reference: payment.reference,
        amount: formatDecimal(payment.paidMicros),
        currency: payment.paidCurrency,
        status,
      },
    });
  },
  headers: (body, nowMs, key) => {
    const seconds = Math.floor(nowMs / 1000);
    const secret = key === 'true' ? parts.secret : `${parts.secret}?`;
    return { 'x-simulator-signature': `t=${seconds},v1=${parts.sign(secret, `${seconds}.${body}`)}` };
  },
});
