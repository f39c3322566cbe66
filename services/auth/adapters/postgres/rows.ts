import { defineEntity, p, type InferEntity } from '@mikro-orm/postgresql';

export const TenantRow = defineEntity({
  name: 'TenantRow',
  tableName: 'tenants',
  properties: { id: p.uuid().primary(), name: p.text(), plan: p.text(), version: p.integer(), createdAt: p.datetime() },
});
export type TenantRow = InferEntity<typeof TenantRow>;

export const UserRow = defineEntity({
  name: 'UserRow',
  tableName: 'users',
  properties: {
    id: p.uuid().primary(),
    email: p.text(),
    passwordHash: p.text().lazy(),
    emailVerifiedAt: p.datetime().nullable(),
    createdAt: p.datetime(),
  },
});
export type UserRow = InferEntity<typeof UserRow>;

export const MembershipRow = defineEntity({
  name: 'MembershipRow',
  tableName: 'memberships',
  properties: {
    tenant: () => p.manyToOne(TenantRow).primary(),
    user: () => p.manyToOne(UserRow).primary(),
    role: p.text().$type<'owner' | 'admin' | 'staff' | 'viewer'>(),
    joinedAt: p.datetime(),
  },
});
export type MembershipRow = InferEntity<typeof MembershipRow>;

export const ApiKeyRow = defineEntity({
  name: 'ApiKeyRow',
  tableName: 'api_keys',
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    createdBy: p.uuid(),
    name: p.text(),
    prefix: p.text(),
    mode: p.text(),
    scopes: p.array(),
    createdAt: p.datetime(),
    expiresAt: p.datetime().nullable(),
    lastUsedAt: p.datetime().nullable(),
    revokedAt: p.datetime().nullable(),
    idempotencyKey: p.text().nullable(),
    fingerprint: p.blob().nullable(),
    sealedKey: p.blob().nullable(),
  },
});
export type ApiKeyRow = InferEntity<typeof ApiKeyRow>;

export const SigningKeyRow = defineEntity({
  name: 'SigningKeyRow',
  tableName: 'signing_keys',
  properties: {
    kid: p.text().primary(),
    publicJwk: p.json().$type<Record<string, unknown>>(),
    sealedPrivateJwk: p.blob(),
    createdAt: p.datetime(),
    signsFrom: p.datetime(),
  },
});
export type SigningKeyRow = InferEntity<typeof SigningKeyRow>;

/** What the EntityManager reads. Sessions, tokens and counters are only touched by SQL: each step there is one statement. */
export const entities = [TenantRow, UserRow, MembershipRow, ApiKeyRow, SigningKeyRow];
