import { createHmac } from 'node:crypto';
import { createSealer as createPlatformSealer, deriveKey } from '#platform/sealing/index.ts';
import type { Sealer } from '../../app/ports.ts';

/** Texts at rest, and fingerprints by which they are compared without being opened. @param key 32 bytes */
export const createSealer = (key: Uint8Array): Sealer => {
  const fingerprintKey = deriveKey(key, 'namaskah verification fingerprint v1');
  return {
    ...createPlatformSealer(key, 'namaskah verification message v1'),
    fingerprint: (text) => createHmac('sha256', fingerprintKey).update(text).digest(),
  };
};
