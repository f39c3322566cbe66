import { createHmac } from 'node:crypto';
import type { Push } from '../../../app/deliver-code.ts';
import { callEvent, smsEvent } from './objects.ts';

/** `X-Webhook-Signature: HMAC-SHA512=<base64>` over the raw body. */
export const textVerifiedWebhook =
  (url: string, secret: string): Push =>
  (activation, received) => {
    // Nobody builds links from what is pushed: the recording is named by the service's own address.
    const links = { base: 'https://www.textverified.com/api/pub/v2' };
    const event = activation.capability === 'voice' ? callEvent(links, activation, received) : smsEvent(activation, received);
    const body = JSON.stringify(event);
    const signature = createHmac('sha512', secret).update(body).digest('base64');
    return { kind: 'push', url, body, headers: () => ({ 'x-webhook-signature': `HMAC-SHA512=${signature}` }) };
  };
