import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { appError } from '#platform/errors/index.ts';
import type { PushReader } from '../../app/ports.ts';
import { idPattern, messageOf } from './answers.ts';
import { fieldsOf, parsed, textOf } from './fields.ts';
import { textVerifiedName } from './provider.ts';

const maxBodyBytes = 64 * 1024;
const received: ReadonlySet<unknown> = new Set(['v2.sms.received', 'v2.call.received']);

/** Equal length whatever was sent, so the comparison tells nothing. */
const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/**
 * Webhooks of TextVerified: the secret in the address, and `X-Webhook-Signature: HMAC-SHA512=<base64>` over the raw body
 * under the webhook's own secret. The signature has no time: a repetition is the same message and changes nothing.
 */
export const createTextVerifiedPush = (options: { readonly secret: string; readonly webhookSecret: string }): PushReader => {
  const expected = digest(options.secret);
  return {
    ...{ provider: textVerifiedName, address: textVerifiedName, about: 'both' },
    accepts: ({ secret, headers, body }) => {
      const signature = `HMAC-SHA512=${createHmac('sha512', options.webhookSecret).update(body).digest('base64')}`;
      const genuine = timingSafeEqual(digest(headers['x-webhook-signature'] ?? ''), digest(signature));
      return timingSafeEqual(digest(secret), expected) && genuine;
    },
    read: (body) => {
      const fields = body.length > maxBodyBytes ? undefined : fieldsOf(parsed(Buffer.from(body).toString('utf8')));
      if (fields === undefined) throw appError('request.malformed');
      // Rentals, back orders and billing cycles are reported to the same address.
      if (!received.has(fields['event'])) return undefined;
      const data = fieldsOf(fields['data']);
      const activationId = textOf(data?.['reservationId']);
      const message = messageOf(data);
      if (message === undefined) throw appError('request.malformed');
      // A message to a number that nobody has rented now.
      return idPattern.test(activationId) ? { ...message, activationId } : undefined;
    },
  };
};
