import { encodeCursor, pageLimit, type Database, type Queryable } from '#platform/postgres/index.ts';
import type { Invitation, Members, NewInvitation } from '../../app/ports.ts';
import type { MemberRole } from '../../domain/roles.ts';
import { datedCursor } from './dated-cursor.ts';

export interface InvitationRow {
  id: string;
  tenant_id: string;
  tenant_name: string;
  email: string;
  role: MemberRole;
  expires_at: Date;
  accepted_at: Date | null;
  sealed_token: Buffer | null;
}

export const toInvitation = (row: InvitationRow): Invitation => ({
  id: row.id,
  tenantId: row.tenant_id,
  tenantName: row.tenant_name,
  email: row.email,
  role: row.role,
  expiresAt: row.expires_at,
  ...(row.accepted_at && { acceptedAt: row.accepted_at }),
});

const inviteSql = `
insert into invitations as i (id, tenant_id, email, role, invited_by, created_at, expires_at) values ($1, $2, $3, $4, $5, $6, $7)
on conflict (tenant_id, lower(email)) where accepted_at is null do update set
  role = excluded.role, invited_by = excluded.invited_by, created_at = excluded.created_at, expires_at = excluded.expires_at,
  token_hash = null, sealed_token = null
where i.role = any ($8::text[]) or i.expires_at <= excluded.created_at
returning id`;

export const upsertInvitation = async (
  db: Queryable,
  invitation: NewInvitation,
  replaceable: readonly MemberRole[],
): Promise<string | undefined> => {
  const { id, tenantId, email, role, invitedBy, createdAt, expiresAt } = invitation;
  const [row] = await db.query<{ id: string }>(inviteSql, [id, tenantId, email, role, invitedBy, createdAt, expiresAt, replaceable]);
  return row?.id;
};

const issueSql = `
with issued as (
  update invitations set
    token_hash = case when accepted_at is null and expires_at > $5 then coalesce(token_hash, $3) else token_hash end,
    sealed_token = case when accepted_at is null and expires_at > $5 then coalesce(sealed_token, $4) else sealed_token end
  where tenant_id = $1 and id = $2
  returning id, tenant_id, email, role, expires_at, accepted_at, sealed_token
)
select i.*, t.name as tenant_name from issued i join tenants t on t.id = i.tenant_id`;

const findSql = `
select i.id, i.tenant_id, i.email, i.role, i.expires_at, i.accepted_at, i.sealed_token, t.name as tenant_name
from invitations i join tenants t on t.id = i.tenant_id
where i.token_hash = $1`;

const pageSql = (hasCursor: boolean): string => `
select m.user_id, u.email, m.role, m.joined_at
from memberships m join users u on u.id = m.user_id
where m.tenant_id = $1 ${hasCursor ? 'and (m.joined_at, m.user_id) < ($3, $4)' : ''}
order by m.joined_at desc, m.user_id desc
limit $2`;

interface MemberRow {
  user_id: string;
  email: string;
  role: MemberRole;
  joined_at: Date;
}

const ownerSql = `select u.email, t.name from memberships m join users u on u.id = m.user_id join tenants t on t.id = m.tenant_id
  where m.tenant_id = $1 and m.role = 'owner' order by m.joined_at, m.user_id limit 1`;

export const createMembers = (db: Database): Members => ({
  list: async (tenantId, page) => {
    const limit = pageLimit(page.limit);
    const after = datedCursor(page.cursor);
    const rows = await db.query<MemberRow>(pageSql(after !== undefined), [tenantId, limit + 1, ...(after ?? [])]);
    const items = rows.slice(0, limit);
    const last = rows.length > limit ? items.at(-1) : undefined;
    return {
      items: items.map((row) => ({ userId: row.user_id, email: row.email, role: row.role, joinedAt: row.joined_at })),
      nextCursor: last === undefined ? '' : encodeCursor([last.joined_at, last.user_id]),
    };
  },
  isMember: async (tenantId, email) => {
    const rows = await db.query(
      'select 1 from users u join memberships m on m.user_id = u.id where lower(u.email) = lower($2) and m.tenant_id = $1',
      [tenantId, email],
    );
    return rows.length > 0;
  },
  invite: (invitation, replaceable) => upsertInvitation(db, invitation, replaceable),
  issueInvitation: async (tenantId, id, token, now) => {
    const [row] = await db.query<InvitationRow>(issueSql, [tenantId, id, token.hash, token.sealed, now]);
    return row && { invitation: toInvitation(row), sealed: row.sealed_token ?? new Uint8Array() };
  },
  owner: async (tenantId) => {
    const [row] = await db.query<{ email: string; name: string }>(ownerSql, [tenantId]);
    return row && { email: row.email, tenantName: row.name };
  },
  findInvitation: async (tokenHash) => {
    const [row] = await db.query<InvitationRow>(findSql, [tokenHash]);
    return row && toInvitation(row);
  },
});
