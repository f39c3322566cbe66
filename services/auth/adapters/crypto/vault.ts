import { createCipheriv, createDecipheriv, createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Vault } from '../../app/ports.ts';
import { derivedKey } from './derived-key.ts';

const formatVersion = 1;
const ivLength = 12;
const tagLength = 16;

/** Sealed form: version (1 byte) · nonce (12) · tag (16) · ciphertext. */
export const createVault = (masterKey: Uint8Array): Vault => {
  const key = derivedKey(masterKey, 'seal');
  return {
    random: (bytes) => randomBytes(bytes),
    digest: (text) => createHash('sha256').update(text).digest(),
    equal: (a, b) => a.length === b.length && timingSafeEqual(a, b),
    token: () => randomBytes(32).toString('base64url'),
    seal: (text, purpose) => {
      const iv = randomBytes(ivLength);
      const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(purpose));
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return Buffer.concat([Buffer.of(formatVersion), iv, cipher.getAuthTag(), body]);
    },
    open: (sealed, purpose) => {
      const bytes = Buffer.from(sealed);
      if (bytes[0] !== formatVersion || bytes.length < 1 + ivLength + tagLength) throw new Error('not a sealed value');
      const iv = bytes.subarray(1, 1 + ivLength);
      const tag = bytes.subarray(1 + ivLength, 1 + ivLength + tagLength);
      const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: tagLength }).setAAD(Buffer.from(purpose)).setAuthTag(tag);
      return Buffer.concat([decipher.update(bytes.subarray(1 + ivLength + tagLength)), decipher.final()]).toString('utf8');
    },
  };
};
