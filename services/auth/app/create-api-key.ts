import { appError, type FieldViolation } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import type { Clock } from '#platform/time/index.ts';
import type { Actor } from '../domain/actor.ts';
import { apiKeyCreated } from '../domain/facts.ts';
import { isManager } from '../domain/roles.ts';
import { everyScope, isScope, scopesCover } from '../domain/scopes.ts';
import { requireText } from './credentials.ts';
import type { ApiKeys, ApiKeyView, NewApiKey, StoredApiKey, Vault } from './ports.ts';

export interface CreateApiKeyDeps {
  readonly apiKeys: ApiKeys;
  /** Makes a key from random bytes; the form is shared with the gateway. */
  readonly generate: (random: Uint8Array) => { readonly key: string; readonly prefix: string; readonly mode: string };
  readonly vault: Vault;
  readonly clock: Clock;
}
export interface CreateApiKeyInput {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly expiresAt?: Date;
  readonly idempotencyKey: string;
}
export interface CreatedApiKey {
  readonly apiKey: ApiKeyView;
  readonly key: string;
}

const refuse = (...fields: FieldViolation[]) => appError('request.invalid', { fields });
const purpose = (id: string): string => `api-key:${id}`;

const readScopes = (wanted: readonly string[]): string[] => {
  const unknown = wanted.flatMap((scope, i) => (isScope(scope) ? [] : [{ field: `scopes[${i}]`, reason: 'is not a known scope' }]));
  if (unknown.length > 0) throw refuse(...unknown);
  return wanted.length === 0 ? [...everyScope] : [...new Set(wanted)];
};

/**
 * The key is stored as SHA-256 only. With an idempotency key it is also kept encrypted for a day, so that a repetition
 * after a lost reply gives the same key and not a second one.
 * @throws auth.forbidden when the actor is no manager or holds fewer scopes; request.invalid; request.idempotency_conflict
 */
export const createApiKey = (deps: CreateApiKeyDeps) => {
  /** A key that makes a key acts for the person behind it, and cannot outlive itself. */
  const creator = async (actor: Actor, expiresAt: Date | undefined): Promise<string> => {
    if (actor.kind === 'user') return actor.id;
    const own = await deps.apiKeys.find(actor.tenantId, actor.id);
    if (own === undefined || own.revokedAt !== undefined) throw appError('auth.forbidden');
    if (own.expiresAt !== undefined && (expiresAt === undefined || expiresAt > own.expiresAt)) {
      throw appError('auth.forbidden', { message: 'A key cannot make a key that outlives it.' });
    }
    return own.createdBy;
  };

  const replay = (stored: StoredApiKey, fingerprint: Uint8Array): CreatedApiKey => {
    if (!deps.vault.equal(stored.fingerprint, fingerprint)) throw appError('request.idempotency_conflict');
    return { apiKey: stored, key: stored.sealedKey === undefined ? '' : deps.vault.open(stored.sealedKey, purpose(stored.id)) };
  };

  return async (actor: Actor, input: CreateApiKeyInput): Promise<CreatedApiKey> => {
    if (!isManager(actor.role)) throw appError('auth.forbidden');
    const now = deps.clock.now();
    const { tenantId } = actor;
    const { idempotencyKey, expiresAt } = input;
    const name = requireText(input.name, 'name', 100);
    const scopes = readScopes(input.scopes);
    if (expiresAt !== undefined && expiresAt <= now) throw refuse({ field: 'expiresAt', reason: 'must be in the future' });
    if (idempotencyKey.length > 255) throw refuse({ field: 'idempotencyKey', reason: 'must have at most 255 characters' });
    if (!scopesCover(actor.scopes, scopes)) throw appError('auth.forbidden', { message: 'A key cannot hold more scopes than its maker.' });

    const createdBy = await creator(actor, expiresAt);
    const id = newId();
    const { key, prefix, mode } = deps.generate(deps.vault.random(32));
    const apiKey: ApiKeyView = { id, name, prefix, mode, scopes, createdAt: now, ...(expiresAt && { expiresAt }) };
    // Who asks is part of it: the answer to one person's key never goes to another.
    const fingerprint = deps.vault.digest(JSON.stringify([actor.kind, actor.id, name, scopes, expiresAt?.toISOString() ?? null]));
    const row: NewApiKey = {
      ...apiKey,
      tenantId,
      createdBy,
      digest: deps.vault.digest(key),
      ...(idempotencyKey !== '' && { replay: { idempotencyKey, fingerprint, sealedKey: deps.vault.seal(key, purpose(id)) } }),
    };
    const earlier = await deps.apiKeys.create(row, apiKeyCreated({ tenantId, at: now }, id, scopes));
    return earlier === undefined ? { apiKey, key } : replay(earlier, fingerprint);
  };
};
