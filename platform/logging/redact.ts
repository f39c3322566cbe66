import { isErrorCode } from '#platform/errors/index.ts';

/**
 * What a log record may not hold. Redaction works by key at any depth, so a careless `logger.info({ request })` stays
 * harmless; numbers and addresses inside free text are masked by pattern. It is a net, not a permission: codes and
 * message texts do not belong into log calls.
 */
const secretKeys = new Set([
  'password',
  'passwd',
  'passphrase',
  'token',
  'accesstoken',
  'refreshtoken',
  'idtoken',
  'jwt',
  'key',
  'apikey',
  'secret',
  'clientsecret',
  'privatekey',
  'signingkey',
  'encryptionkey',
  'principalkey',
  'authorization',
  'cookie',
  'setcookie',
  'code',
  'otp',
  'totp',
  'pin',
  'text',
  'transcription',
  'audiourl',
  'recordinguri',
  'body',
  'messagetext',
  'signature',
  'credential',
  'credentials',
  'databaseurl',
  'natsurl',
  'parameters',
  'params',
]);
const phoneKeys = new Set(['phone', 'phonenumber', 'msisdn', 'number', 'from', 'to', 'recipient', 'sender', 'destination', 'source']);
const secretSuffix = /(password|token|secret|apikey|privatekey)$/;

const redacted = '[redacted]';
const maxDepth = 8;
const maxEntries = 100;

/** `+447700900123` → `+4477*****123`: enough to compare two lines, not enough to call somebody. */
export const maskPhone = (phone: string): string => {
  const plus = phone.startsWith('+') ? '+' : '';
  const digits = phone.replace(/\D/g, '');
  if (digits.length < 8) return plus + '*'.repeat(digits.length);
  return plus + digits.slice(0, 4) + '*'.repeat(digits.length - 7) + digits.slice(-3);
};

/** `ada.lovelace@example.com` → `a***@example.com` */
export const maskEmail = (email: string): string => {
  const at = email.lastIndexOf('@');
  return at < 1 ? '***' : `${email.slice(0, 1)}***${email.slice(at)}`;
};

const phoneInText = /\+[1-9]\d{6,14}\b/g;
const emailInText = /[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+/g;
/** Credentials inside URLs, and bearer values. */
const userInfoInText = /(\w+:\/\/[^\s/:@]*):[^\s/@]+@/g;
const bearerInText = /\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi;

/** Masks what can be recognised inside free text: phone numbers, e-mail addresses, URL credentials, bearer tokens. */
export const redactText = (text: string): string => {
  let result = text;
  if (result.includes('+')) result = result.replace(phoneInText, maskPhone);
  if (result.includes('@')) result = result.replace(userInfoInText, `$1:${redacted}@`).replace(emailInText, maskEmail);
  if (/b(?:earer|asic)\s/i.test(result)) result = result.replace(bearerInText, `$1 ${redacted}`);
  return result;
};

const plainKey = (key: string): string => key.toLowerCase().replace(/[^a-z0-9]/g, '');

const digitsOnly = /^\+?[\d\s()./-]{7,20}$/;

const redactEntry = (key: string, value: unknown, depth: number): unknown => {
  if (value === undefined || value === null || typeof value === 'boolean') return value;
  const name = plainKey(key);
  if (name === 'code' && typeof value === 'string' && isErrorCode(value)) return value;
  if (secretKeys.has(name) || secretSuffix.test(name)) return redacted;
  if (name.endsWith('phone') || phoneKeys.has(name)) {
    if (typeof value === 'string') return digitsOnly.test(value) ? maskPhone(value) : redactText(value);
    if (Array.isArray(value)) return value.slice(0, maxEntries).map((entry) => redactEntry(key, entry, depth + 1));
  }
  return redactValue(value, depth);
};

interface ErrorRecord {
  readonly type: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly errorCode?: string;
  readonly cause?: unknown;
  readonly errors?: unknown;
}

/** Errors of drivers carry statements, parameters and rows as properties; only what is named here is logged. */
const redactError = (error: Error, depth: number): ErrorRecord => {
  const { code, cause, errors } = error as { code?: unknown; cause?: unknown; errors?: unknown };
  return {
    type: error.name,
    message: redactText(error.message),
    stack: error.stack === undefined ? undefined : redactText(error.stack),
    ...(typeof code === 'string' || typeof code === 'number' ? { errorCode: String(code) } : {}),
    ...(cause === undefined ? {} : { cause: redactValue(cause, depth + 1) }),
    ...(Array.isArray(errors) ? { errors: redactValue(errors, depth + 1) } : {}),
  };
};

export const redactValue = (value: unknown, depth = 0): unknown => {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (depth > maxDepth) return '[too deep]';
  if (value instanceof Error) return redactError(value, depth);
  if (value instanceof Date) return value;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.slice(0, maxEntries).map((entry) => redactValue(entry, depth + 1));
  if (value instanceof Map || value instanceof Set) return `[${value.constructor.name} of ${value.size}]`;
  return redactRecord(value as Record<string, unknown>, depth + 1);
};

/** A redacted copy; the record itself is left as it is. */
export const redactRecord = (record: Record<string, unknown>, depth = 0): Record<string, unknown> => {
  const copy: Record<string, unknown> = {};
  let entries = 0;
  for (const key of Object.keys(record)) {
    if (++entries > maxEntries) break;
    copy[key] = redactEntry(key, record[key], depth);
  }
  return copy;
};
