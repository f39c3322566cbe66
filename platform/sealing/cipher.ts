import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';

export const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
/** What a ciphertext has beside its head and its text. */
export const sealedBytes = nonceBytes + tagBytes;

/** Head, nonce, ciphertext, tag. @param authenticated bound to the ciphertext, not stored */
export const encrypt = (key: KeyObject, head: Uint8Array, plain: string, authenticated: string): Buffer => {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(authenticated));
  return Buffer.concat([head, nonce, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]);
};

/** @throws when key, place or bytes are not those of the sealing */
export const decrypt = (key: KeyObject, sealed: Uint8Array, headBytes: number, authenticated: string): string => {
  const [from, end] = [headBytes + nonceBytes, sealed.length - tagBytes];
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(headBytes, from), { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(authenticated)).setAuthTag(sealed.subarray(end));
  return Buffer.concat([decipher.update(sealed.subarray(from, end)), decipher.final()]).toString('utf8');
};
