import type { Database, Queryable } from '#platform/postgres/index.ts';
import type { Account, Accounts, TenantView, UserView } from '../../app/ports.ts';
import type { MemberRole } from '../../domain/roles.ts';
import { factParameters, insertFacts } from './facts.ts';
import { MembershipRow, TenantRow, type UserRow } from './rows.ts';

interface AccountRow {
  user_id: string;
  email: string;
  password_hash: string;
  email_verified_at: Date | null;
  tenant_id: string;
  role: MemberRole;
  is_operator: boolean;
  plan: string;
}

const accountSql = `
select u.id as user_id, u.email, u.password_hash, u.email_verified_at, m.tenant_id, m.role, t.plan,
  exists (select from operators o where o.user_id = u.id) as is_operator
from users u
join lateral (
  select tenant_id, role from memberships where user_id = u.id order by joined_at desc, tenant_id desc limit 1
) m on true
join tenants t on t.id = m.tenant_id
where lower(u.email) = lower($1)`;

export const selectAccount = async (db: Queryable, email: string, lock: boolean): Promise<Account | undefined> => {
  const [row] = await db.query<AccountRow>(lock ? `${accountSql} for update of u` : accountSql, [email]);
  return (
    row && {
      userId: row.user_id,
      email: row.email,
      passwordHash: row.password_hash,
      tenantId: row.tenant_id,
      role: row.role,
      isOperator: row.is_operator,
      plan: row.plan,
      ...(row.email_verified_at && { emailVerifiedAt: row.email_verified_at }),
    }
  );
};

const toUser = ({ id, email, createdAt, emailVerifiedAt }: Pick<UserRow, 'id' | 'email' | 'createdAt' | 'emailVerifiedAt'>): UserView => ({
  id,
  email,
  createdAt,
  ...(emailVerifiedAt && { emailVerifiedAt }),
});
const toTenant = ({ id, name, plan, createdAt }: TenantRow): TenantView => ({ id, name, plan, createdAt });

const registerSql = `
with new_user as (
  insert into users (id, email, password_hash, created_at) values ($1, $2, $3, $4)
  on conflict (lower(email)) do nothing returning id
), new_tenant as (
  insert into tenants (id, name, plan, created_at) select $5, $6, $7, $4 from new_user
), new_membership as (
  insert into memberships (tenant_id, user_id, role, joined_at) select $5, id, 'owner', $4 from new_user
), facts as (${insertFacts(8, 'new_user')})
select id from new_user`;

const issueSql = `
with person as (
  select u.id, u.email, u.email_verified_at, u.created_at
  from memberships m join users u on u.id = m.user_id
  where m.tenant_id = $1 and m.user_id = $2
), issued as (
  insert into email_verifications as v (user_id, tenant_id, token_hash, sealed_token, expires_at)
  select id, $1, $3, $4, $5 from person where email_verified_at is null
  on conflict (user_id) do update set
    tenant_id = case when v.expires_at > $6 then v.tenant_id else excluded.tenant_id end,
    token_hash = case when v.expires_at > $6 then v.token_hash else excluded.token_hash end,
    sealed_token = case when v.expires_at > $6 then v.sealed_token else excluded.sealed_token end,
    expires_at = case when v.expires_at > $6 then v.expires_at else excluded.expires_at end
  returning sealed_token
)
select p.id, p.email, p.email_verified_at, p.created_at, i.sealed_token from person p left join issued i on true`;

export const createAccounts = (db: Database): Accounts => ({
  register: async ({ user, tenant }, facts) => {
    const rows = await db.query(registerSql, [
      user.id,
      user.email,
      user.passwordHash,
      user.createdAt,
      tenant.id,
      tenant.name,
      tenant.plan,
      ...factParameters(facts),
    ]);
    if (rows.length > 0) db.signalOutbox();
    return rows.length > 0;
  },
  findByEmail: (email) => selectAccount(db, email, false),
  profile: async (tenantId, userId) => {
    const row = await db.em().findOne(MembershipRow, { tenant: tenantId, user: userId }, { populate: ['tenant', 'user'] });
    return row === null ? undefined : { user: toUser(row.user), tenant: toTenant(row.tenant), role: row.role };
  },
  tenant: async (tenantId) => {
    const row = await db.em().findOne(TenantRow, { id: tenantId });
    return row === null ? undefined : toTenant(row);
  },
  issueEmailVerification: async (tenantId, userId, token, now) => {
    const [row] = await db.query<{
      id: string;
      email: string;
      email_verified_at: Date | null;
      created_at: Date;
      sealed_token: Buffer | null;
    }>(issueSql, [tenantId, userId, token.hash, token.sealed, token.expiresAt, now]);
    if (row === undefined) return undefined;
    const user = toUser({ id: row.id, email: row.email, createdAt: row.created_at, emailVerifiedAt: row.email_verified_at });
    return { user, sealed: row.sealed_token ?? new Uint8Array() };
  },
});
