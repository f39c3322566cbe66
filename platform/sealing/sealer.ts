import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { decrypt, encrypt, keyBytes, sealedBytes } from './cipher.ts';

/** First byte of every ciphertext: names the format. Of an envelope it is another one. */
const formatVersion = 1;

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
    seal: (plain, context) => encrypt(sealKey, Uint8Array.of(formatVersion), plain, context),
    open: (sealed, context) => {
      if (sealed[0] !== formatVersion || sealed.length < 1 + sealedBytes) throw new Error('not a sealed text of this format');
      return decrypt(sealKey, sealed, 1, context);
    },
  };
};
