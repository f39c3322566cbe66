import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto';

/** First byte of every ciphertext: names the format, and one day the key. */
const formatVersion = 1;
const nonceBytes = 12;
const tagBytes = 16;
const headBytes = 1 + nonceBytes;
const keyBytes = 32;

export interface Sealer {
  /** @param context where the ciphertext lives (tenant, row): authenticated, not stored, so that it opens nowhere else */
  seal(plain: string, context: string): Buffer;
  /** @throws when it was sealed with another key, for another context, or changed */
  open(sealed: Uint8Array, context: string): string;
}

/**
 * A key of its own for one purpose. As a key object: Node makes one of any other form at each use, for several times the
 * price of the cipher.
 * @param key 32 bytes
 */
export const deriveKey = (key: Uint8Array, purpose: string): KeyObject => {
  if (key.length !== keyBytes) throw new RangeError(`the encryption key must have ${keyBytes} bytes`);
  return createSecretKey(Buffer.from(hkdfSync('sha256', key, '', purpose, keyBytes)));
};

/**
 * AES-256-GCM for texts at rest; layout: version, nonce, ciphertext, tag.
 * @param key 32 bytes
 * @param purpose separates the keys of different uses of one secret; part of the format, never change it
 */
export const createSealer = (key: Uint8Array, purpose: string): Sealer => {
  const sealKey = deriveKey(key, purpose);
  return {
    seal: (plain, context) => {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv('aes-256-gcm', sealKey, nonce).setAAD(Buffer.from(context));
      return Buffer.concat([Uint8Array.of(formatVersion), nonce, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    },
    open: (sealed, context) => {
      if (sealed[0] !== formatVersion || sealed.length < headBytes + tagBytes) throw new Error('not a sealed text of this format');
      const end = sealed.length - tagBytes;
      const decipher = createDecipheriv('aes-256-gcm', sealKey, sealed.subarray(1, headBytes), { authTagLength: tagBytes });
      decipher.setAAD(Buffer.from(context)).setAuthTag(sealed.subarray(end));
      return Buffer.concat([decipher.update(sealed.subarray(headBytes, end)), decipher.final()]).toString('utf8');
    },
  };
};
