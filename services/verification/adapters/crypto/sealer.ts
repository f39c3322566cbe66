import { createHmac, createSecretKey } from 'node:crypto';
import { createEnvelope, deriveKey, type Envelope, type KeyStore } from '#platform/sealing/index.ts';
import type { Place, Sealer } from '../../app/ports.ts';

/** Owners of keys that are no tenant's. */
const serviceOwner = 'service';
const fingerprintOwner = 'service:fingerprint';
/** Its first key opens what was sealed before tenants had keys: format 1. */
const legacyOwner = 'service:legacy';

export interface SealerParts {
  /** 32 bytes: wraps the data keys. */
  readonly key: Uint8Array;
  /** Those that it was before, newest first, until `rewrap` has found nothing more. */
  readonly previous?: readonly Uint8Array[];
  readonly store: KeyStore;
  readonly now: () => Date;
  readonly cache?: { readonly max: number; readonly maxAgeMs: number };
}

/** What operators do with keys. */
export type TenantKeys = Pick<Envelope, 'rotate' | 'rewrap' | 'destroy'>;

export interface OpenedSealer {
  readonly sealer: Sealer;
  readonly keys: TenantKeys;
}

const exported = (key: Uint8Array, purpose: string): Buffer => deriveKey(key, purpose).export();

/**
 * Texts at rest under keys of their tenants, and fingerprints by which they are compared without being opened. The key of the fingerprints, and
 * the one that sealed everything before, were derived from the configured key when this first started; they are kept as data keys since, so
 * that the configured key can be changed without losing either.
 */
export const openSealer = async ({ key, previous = [], store, now, cache }: SealerParts): Promise<OpenedSealer> => {
  const purpose = 'namaskah verification data key v1';
  const envelope = createEnvelope({ wrappers: [key, ...previous], purpose, store, now, legacyOwner, ...(cache && { cache }) });
  const first = previous.at(-1) ?? key;
  await envelope.firstKey(legacyOwner, () => exported(first, 'namaskah verification message v1'));
  const material = await envelope.firstKey(fingerprintOwner, () => exported(first, 'namaskah verification fingerprint v1'));
  const fingerprintKey = createSecretKey(material);
  const ownedBy = ({ tenantId, context }: Place) => ({ owner: tenantId ?? serviceOwner, context });
  return {
    sealer: {
      seal: (plain, place) => envelope.seal(plain, ownedBy(place)),
      open: (sealed, place) => envelope.open(sealed, ownedBy(place)),
      fingerprint: (text) => createHmac('sha256', fingerprintKey).update(text).digest(),
    },
    keys: { rotate: envelope.rotate, rewrap: envelope.rewrap, destroy: envelope.destroy },
  };
};
