import { createHmac } from 'node:crypto';
import type { Push } from '../../../app/deliver-code.ts';
import { smsEvent } from './objects.ts';

/** `X-Webhook-Signature: HMAC-SHA512=<base64>` over the raw body. */
export const textVerifiedWebhook =
  (url: string, secret: string): Push =>
  (activation, received) => {
    const body = JSON.stringify(smsEvent(activation, received));
    const signature = createHmac('sha512', secret).update(body).digest('base64');
    return { kind: 'push', url, body, headers: () => ({ 'x-webhook-signature': `HMAC-SHA512=${signature}` }) };
  };
