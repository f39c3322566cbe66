import { appError } from '#platform/errors/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { apiKeyRole, type MemberRole } from '../domain/roles.ts';
import type { ApiKeys, ApiKeyUsage, Vault } from './ports.ts';

export interface VerifiedApiKey {
  readonly keyId: string;
  readonly tenantId: string;
  readonly role: MemberRole;
  readonly scopes: readonly string[];
  readonly plan: string;
  readonly expiresAt?: Date;
}
export interface VerifyApiKeyDeps {
  readonly apiKeys: ApiKeys;
  readonly usage: ApiKeyUsage;
  /** Form and checksum only. */
  readonly hasKeyForm: (text: string) => boolean;
  readonly vault: Vault;
  readonly clock: Clock;
}

/** What a presented key may do now. One indexed query. @throws auth.unauthenticated for every reason alike */
export const verifyApiKey =
  (deps: VerifyApiKeyDeps) =>
  async (text: string): Promise<VerifiedApiKey> => {
    if (!deps.hasKeyForm(text)) throw appError('auth.unauthenticated');
    const digest = deps.vault.digest(text);
    const key = await deps.apiKeys.findByDigest(digest);
    const now = deps.clock.now();
    const isValid =
      key !== undefined &&
      deps.vault.equal(key.digest, digest) &&
      key.revokedAt === undefined &&
      (key.expiresAt === undefined || key.expiresAt > now);
    if (!isValid) throw appError('auth.unauthenticated');
    deps.usage.note(key.id, now);
    const { id: keyId, tenantId, scopes, plan, expiresAt } = key;
    return { keyId, tenantId, role: apiKeyRole(key.creatorRole), scopes, plan, ...(expiresAt && { expiresAt }) };
  };
