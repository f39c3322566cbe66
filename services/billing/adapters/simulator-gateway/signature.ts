import { createHmac, timingSafeEqual } from 'node:crypto';

const toleranceSeconds = 300;
const pattern = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/;

/** `t=<unix seconds>,v1=<hex HMAC-SHA256(secret, t + "." + raw body)>`, at most five minutes old or ahead. */
export const isGenuine = (header: string | undefined, rawBody: Buffer, secret: string, now: Date): boolean => {
  const match = pattern.exec(header ?? '');
  if (match === null) return false;
  const [, seconds = '', signature = ''] = match;
  const expected = createHmac('sha256', secret).update(`${seconds}.`).update(rawBody).digest();
  const equal = timingSafeEqual(expected, Buffer.from(signature, 'hex'));
  return equal && Math.abs(now.getTime() / 1000 - Number(seconds)) <= toleranceSeconds;
};

/** For tests and tools that play the gateway. */
export const sign = (rawBody: Buffer, secret: string, at: Date): string => {
  const seconds = Math.floor(at.getTime() / 1000);
  return `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.`).update(rawBody).digest('hex')}`;
};
