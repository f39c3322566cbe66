import { randomBytes } from 'node:crypto';
import { createSealer } from '#platform/sealing/index.ts';
import type { Bodies, Secrets } from '../../app/webhooks/ports.ts';

/** Signing secrets of Standard Webhooks, sealed for their endpoint. @param key 32 bytes */
export const sealedSecrets = (key: Uint8Array): Secrets => {
  const sealer = createSealer(key, 'namaskah notification webhook secret v1');
  const context = ({ tenantId, id }: { readonly tenantId: string; readonly id: string }): string => `webhook:${tenantId}:${id}`;
  return {
    create: (endpoint) => sealer.seal(`whsec_${randomBytes(32).toString('base64')}`, context(endpoint)),
    open: (endpoint, sealed) => sealer.open(sealed, context(endpoint)),
  };
};

/** Bodies hold codes and numbers: sealed for their endpoint. @param key 32 bytes */
export const sealedBodies = (key: Uint8Array): Bodies => {
  const sealer = createSealer(key, 'namaskah notification webhook body v1');
  const context = ({ tenantId, endpointId }: { readonly tenantId: string; readonly endpointId: string }): string =>
    `body:${tenantId}:${endpointId}`;
  return {
    seal: (delivery, body) => sealer.seal(body, context(delivery)),
    open: (delivery, sealed) => sealer.open(sealed, context(delivery)),
  };
};
