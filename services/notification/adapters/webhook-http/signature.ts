import { createHmac } from 'node:crypto';
import type { WebhookMessage } from '../../app/webhooks/ports.ts';

const prefix = 'whsec_';
const unix = (at: Date): number => Math.floor(at.getTime() / 1_000);

/** https://www.standardwebhooks.com: the key is what the secret's base64 says. */
const standard = ({ id, at, body }: WebhookMessage, secret: string): string => {
  const key = Buffer.from(secret.slice(prefix.length), 'base64');
  return `v1,${createHmac('sha256', key)
    .update(`${id}.${unix(at)}.${body}`)
    .digest('base64')}`;
};
/** For those who have no library: the key is the whole secret, as text. */
const simple = ({ at, body }: WebhookMessage, secret: string): string =>
  `v1=${createHmac('sha256', secret)
    .update(`${unix(at)}.${body}`)
    .digest('hex')}`;

/** During a rotation each secret signs, the newest first. */
export const signatureHeaders = (message: WebhookMessage): Readonly<Record<string, string>> => ({
  'webhook-id': message.id,
  'webhook-timestamp': String(unix(message.at)),
  'webhook-signature': message.secrets.map((secret) => standard(message, secret)).join(' '),
  'x-webhook-signature': [`t=${unix(message.at)}`, ...message.secrets.map((secret) => simple(message, secret))].join(','),
});
