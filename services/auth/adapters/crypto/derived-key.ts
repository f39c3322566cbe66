import { hkdfSync } from 'node:crypto';

/** One key for each use, so that no value made for one use means anything in another. */
export const derivedKey = (master: Uint8Array, use: string): Buffer =>
  Buffer.from(hkdfSync('sha256', master, new Uint8Array(), `namaskah/auth/${use}`, 32));

/** @throws when the text is not 32 bytes in base64 */
export const readMasterKey = (text: string): Buffer => {
  const key = Buffer.from(text, 'base64');
  if (key.length !== 32) throw new Error('AUTH_ENCRYPTION_KEY must be 32 bytes in base64 (openssl rand -base64 32)');
  return key;
};
