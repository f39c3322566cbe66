import { encodeCursor, pageLimit, type Database } from '#platform/postgres/index.ts';
import type { ApiKeys, ApiKeyView, NewApiKey, PresentedApiKey, StoredApiKey } from '../../app/ports.ts';
import type { MemberRole } from '../../domain/roles.ts';
import type { Fact } from '../../domain/facts.ts';
import { datedCursor } from './dated-cursor.ts';
import { factParameters, insertFacts } from './facts.ts';
import { ApiKeyRow } from './rows.ts';

const toView = (row: ApiKeyRow): ApiKeyView => ({
  id: row.id,
  name: row.name,
  prefix: row.prefix,
  mode: row.mode,
  scopes: row.scopes,
  createdAt: row.createdAt,
  ...(row.expiresAt && { expiresAt: row.expiresAt }),
  ...(row.lastUsedAt && { lastUsedAt: row.lastUsedAt }),
  ...(row.revokedAt && { revokedAt: row.revokedAt }),
});

const toStored = (row: ApiKeyRow): StoredApiKey => ({
  ...toView(row),
  createdBy: row.createdBy,
  fingerprint: row.fingerprint ?? new Uint8Array(),
  ...(row.sealedKey && { sealedKey: row.sealedKey }),
});

const createSql = `
with added as (
  insert into api_keys (id, tenant_id, created_by, name, digest, prefix, mode, scopes, created_at, expires_at, idempotency_key, fingerprint, sealed_key)
  values ($1, $2, $3, $4, $5, $6, $7, $8::text[], $9, $10, $11, $12, $13)
  on conflict (tenant_id, idempotency_key) where idempotency_key is not null do nothing
  returning id
), facts as (${insertFacts(14, 'added')})
select id from added`;

// Locking first makes a second revocation wait and then see that there is nothing left to do or to tell.
const revokeSql = `
with found as (
  select id, revoked_at from api_keys where tenant_id = $1 and id = $2 for update
), revoked as (
  update api_keys k set revoked_at = $3, sealed_key = null from found where k.id = found.id and found.revoked_at is null returning k.id
), facts as (${insertFacts(4, 'revoked')})
select id from found`;

const presentedSql = `
select k.id, k.tenant_id, k.digest, k.scopes, k.expires_at, k.revoked_at, m.role, t.plan
from api_keys k
join memberships m on m.tenant_id = k.tenant_id and m.user_id = k.created_by
join tenants t on t.id = k.tenant_id
where k.digest = $1`;

interface PresentedRow {
  id: string;
  tenant_id: string;
  digest: Buffer;
  scopes: string[];
  expires_at: Date | null;
  revoked_at: Date | null;
  role: MemberRole;
  plan: string;
}

const toPresented = (row: PresentedRow): PresentedApiKey => ({
  id: row.id,
  tenantId: row.tenant_id,
  digest: row.digest,
  scopes: row.scopes,
  creatorRole: row.role,
  plan: row.plan,
  ...(row.expires_at && { expiresAt: row.expires_at }),
  ...(row.revoked_at && { revokedAt: row.revoked_at }),
});

const createParameters = (key: NewApiKey, fact: Fact): unknown[] => [
  key.id,
  key.tenantId,
  key.createdBy,
  key.name,
  key.digest,
  key.prefix,
  key.mode,
  key.scopes,
  key.createdAt,
  key.expiresAt ?? null,
  key.replay?.idempotencyKey ?? null,
  key.replay?.fingerprint ?? null,
  key.replay?.sealedKey ?? null,
  ...factParameters([fact]),
];

export const createApiKeys = (db: Database): ApiKeys => ({
  create: async (key, fact) => {
    // The second round is for a key whose day ended between the two statements.
    for (let round = 0; round < 2; round += 1) {
      if ((await db.query(createSql, createParameters(key, fact))).length > 0) {
        db.signalOutbox();
        return undefined;
      }
      const earlier = await db.em().findOne(ApiKeyRow, { tenantId: key.tenantId, idempotencyKey: key.replay?.idempotencyKey ?? null });
      if (earlier !== null) return toStored(earlier);
    }
    throw new Error('an idempotency key was taken and free at once, twice');
  },
  list: async (tenantId, page) => {
    const limit = pageLimit(page.limit);
    const after = datedCursor(page.cursor);
    const older = after && { $or: [{ createdAt: { $lt: after[0] } }, { createdAt: after[0], id: { $lt: after[1] } }] };
    const rows = await db.em().find(ApiKeyRow, { tenantId, ...older }, { orderBy: { createdAt: 'desc', id: 'desc' }, limit: limit + 1 });
    const items = rows.slice(0, limit);
    const last = rows.length > limit ? items.at(-1) : undefined;
    return { items: items.map(toView), nextCursor: last === undefined ? '' : encodeCursor([last.createdAt, last.id]) };
  },
  find: async (tenantId, id) => {
    const row = await db.em().findOne(ApiKeyRow, { tenantId, id });
    return row === null ? undefined : toStored(row);
  },
  revoke: async (tenantId, id, fact) => {
    const rows = await db.query(revokeSql, [tenantId, id, fact.occurredAt, ...factParameters([fact])]);
    if (rows.length > 0) db.signalOutbox();
    return rows.length > 0;
  },
  findByDigest: async (digest) => {
    const [row] = await db.query<PresentedRow>(presentedSql, [digest], { name: 'api-key-present' });
    return row && toPresented(row);
  },
});
