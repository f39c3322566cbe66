import { createCipheriv, createDecipheriv, createHmac, createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto';
import type { Sealer } from '../../app/ports.ts';

/** First byte of every ciphertext: names the format, and one day the key. */
const formatVersion = 1;
const nonceBytes = 12;
const tagBytes = 16;
const headBytes = 1 + nonceBytes;

/**
 * AES-256-GCM; layout: version, nonce, ciphertext, tag. The context is authenticated, not stored.
 * @param key 32 bytes
 */
export const createSealer = (key: Uint8Array): Sealer => {
  if (key.length !== 32) throw new RangeError('the encryption key must have 32 bytes');
  // As a key object: Node makes one of any other form at each use, for several times the price of the cipher.
  const derive = (purpose: string): KeyObject => createSecretKey(Buffer.from(hkdfSync('sha256', key, '', purpose, 32)));
  const sealKey = derive('namaskah verification message v1');
  const fingerprintKey = derive('namaskah verification fingerprint v1');
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
    fingerprint: (text) => createHmac('sha256', fingerprintKey).update(text).digest(),
  };
};
