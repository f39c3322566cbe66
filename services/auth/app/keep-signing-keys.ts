import type { Clock } from '#platform/time/index.ts';
import { nextKeySignsFrom, publishedKeys } from '../domain/signing-keys.ts';
import type { SigningKeyFactory, SigningKeys, StoredSigningKey, Vault } from './ports.ts';

export interface KeepSigningKeysDeps {
  readonly signingKeys: SigningKeys;
  readonly factory: SigningKeyFactory;
  readonly vault: Vault;
  readonly clock: Clock;
}

export const signingKeyPurpose = (kid: string): string => `signing-key:${kid}`;

/**
 * Makes the first key and every next one when it is due, drops those that no living token was signed with.
 * Any number of replicas may run it at once.
 * @returns the keys to publish; one of them signs
 */
export const keepSigningKeys = (deps: KeepSigningKeysDeps) => async (): Promise<StoredSigningKey[]> => {
  const now = deps.clock.now();
  const known = await deps.signingKeys.list();
  const signsFrom = nextKeySignsFrom(known, now);
  if (signsFrom !== undefined) {
    const { kid, publicJwk, privateJwk } = await deps.factory.create();
    const sealedPrivateJwk = deps.vault.seal(JSON.stringify(privateJwk), signingKeyPurpose(kid));
    // When another replica was faster, its key is in the list below.
    await deps.signingKeys.add(
      { kid, publicJwk, sealedPrivateJwk, createdAt: now, signsFrom },
      known.map((key) => key.kid),
    );
  }
  const all = signsFrom === undefined ? known : await deps.signingKeys.list();
  const published = publishedKeys(all, now);
  const kept = new Set(published.map((key) => key.kid));
  const retired = all.filter((key) => !kept.has(key.kid)).map((key) => key.kid);
  if (retired.length > 0) await deps.signingKeys.remove(retired);
  return published;
};
