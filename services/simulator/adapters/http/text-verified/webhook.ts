import { createHmac } from 'node:crypto';
import type { Push } from '../../../app/deliver-code.ts';
import type { OutgoingRequest } from '../../../app/ports.ts';
import type { RentalPush } from '../../../app/rental-book.ts';
import { callEvent, smsEvent } from './objects.ts';
import { rentalSmsEvent } from './rental-objects.ts';

/** `X-Webhook-Signature: HMAC-SHA512=<base64>` over the raw body. */
const signed = (url: string, secret: string, event: object): OutgoingRequest => {
  const body = JSON.stringify(event);
  const signature = createHmac('sha512', secret).update(body).digest('base64');
  return { kind: 'push', url, body, headers: () => ({ 'x-webhook-signature': `HMAC-SHA512=${signature}` }) };
};

export const textVerifiedWebhook =
  (url: string, secret: string): Push =>
  (activation, received) => {
    // Nobody builds links from what is pushed: the recording is named by the service's own address.
    const links = { base: 'https://www.textverified.com/api/pub/v2' };
    return signed(url, secret, activation.capability === 'voice' ? callEvent(links, activation, received) : smsEvent(activation, received));
  };

/** Messages to rented numbers go to the same address, under the id of their reservation. */
export const textVerifiedRentalWebhook =
  (url: string, secret: string): RentalPush =>
  (rental, message) =>
    signed(url, secret, rentalSmsEvent(rental, message));
