import { randomBytes } from 'node:crypto';
import { createSealer } from '#platform/sealing/index.ts';
import type { Secrets } from '../../app/webhooks/ports.ts';

/** Signing secrets of Standard Webhooks, sealed for their endpoint. @param key 32 bytes */
export const sealedSecrets = (key: Uint8Array): Secrets => {
  const sealer = createSealer(key, 'namaskah notification webhook secret v1');
  const context = ({ tenantId, id }: { readonly tenantId: string; readonly id: string }): string => `webhook:${tenantId}:${id}`;
  return {
    create: (endpoint) => sealer.seal(`whsec_${randomBytes(32).toString('base64')}`, context(endpoint)),
    open: (endpoint, sealed) => sealer.open(sealed, context(endpoint)),
  };
};
