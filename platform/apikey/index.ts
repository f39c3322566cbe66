import { crc32 } from 'node:zlib';

/**
 * The form of an API key, shared by the service that makes keys and the gateway that reads them:
 * `nsk_<live|test>_` + 30 base62 characters (178 bits) + 6 base62 characters, the CRC32 of everything before them.
 * The checksum lets a typo, or a scanner's false hit, be refused without a database read. It is no protection.
 * Pure: random bytes come in as an argument.
 */
export const apiKeyModes = ['live', 'test'] as const;
export type ApiKeyMode = (typeof apiKeyModes)[number];

export interface ParsedApiKey {
  readonly mode: ApiKeyMode;
  /** The first characters, enough to recognise a key in a list; not enough to guess the rest (148 bits are left). */
  readonly prefix: string;
}

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const secretLength = 30;
const checksumLength = 6;
const shownSecretLength = 5;
const keyPattern = /^nsk_(live|test)_([0-9A-Za-z]{30})([0-9A-Za-z]{6})$/;

/** Bytes that `generateApiKey` wants: 77 bits more than a key holds, so the remainder of the division has no visible bias. */
export const apiKeyRandomBytes = 32;

const base62 = (value: bigint, length: number): string => {
  let rest = value;
  let text = '';
  for (let i = 0; i < length; i += 1) {
    text = alphabet.charAt(Number(rest % 62n)) + text;
    rest /= 62n;
  }
  return text;
};

/** @returns the six characters that end a key whose other characters are `body` (prefix, mode and secret part). */
export const apiKeyChecksum = (body: string): string => base62(BigInt(crc32(body)), checksumLength);

/**
 * @param random at least `apiKeyRandomBytes` bytes from a cryptographic source
 * @throws RangeError when there are fewer
 */
export const generateApiKey = (mode: ApiKeyMode, random: Uint8Array): string => {
  if (random.length < apiKeyRandomBytes) throw new RangeError(`an API key needs ${apiKeyRandomBytes} random bytes`);
  const number = random.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const body = `nsk_${mode}_${base62(number, secretLength)}`;
  return body + apiKeyChecksum(body);
};

/** @returns undefined when the text does not have the form of a key or its checksum is wrong; says nothing about validity. */
export const parseApiKey = (text: string): ParsedApiKey | undefined => {
  const match = keyPattern.exec(text);
  if (match === null) return undefined;
  const body = text.slice(0, -checksumLength);
  if (apiKeyChecksum(body) !== text.slice(-checksumLength)) return undefined;
  return { mode: match[1] as ApiKeyMode, prefix: text.slice(0, `nsk_${match[1]}_`.length + shownSecretLength) };
};
