import type { Database, Transaction } from '#platform/postgres/index.ts';
import type { Transactions, UnitOfWork } from '../../app/ports.ts';
import { selectAccount } from './accounts.ts';
import { recordFacts } from './facts.ts';
import { toInvitation, upsertInvitation, type InvitationRow } from './members.ts';
import { endSessionsOf } from './sessions.ts';

const takeInvitationSql = `
with taken as (
  update invitations set accepted_at = $3, sealed_token = null
  where id = $1 and token_hash = $2 and accepted_at is null and expires_at > $3
  returning *
)
select taken.*, t.name as tenant_name from taken join tenants t on t.id = taken.tenant_id`;

// What was decided later stays, whatever arrives later.
const setPlanSql = `
with found as (
  select id, plan, plan_set_at from tenants where id = $1 for update
), changed as (
  update tenants t set plan = $2, plan_set_at = $3, version = t.version + case when found.plan <> $2 then 1 else 0 end
  from found where t.id = found.id and found.plan_set_at <= $3
  returning t.version, found.plan <> $2 as moved
)
select (select version from changed where moved) as version from found`;

/** Everything that must happen together, inside a transaction that somebody else began: a consumer's, with its inbox row. */
export const unitOfWork = (tx: Transaction): UnitOfWork => ({
  record: (fact) => recordFacts(tx, [fact]),
  lockAccount: (email) => selectAccount(tx, email, true),
  takeEmailVerification: async (tokenHash, now) => {
    const [row] = await tx.query<{ user_id: string; tenant_id: string }>(
      'delete from email_verifications where token_hash = $1 and expires_at > $2 returning user_id, tenant_id',
      [tokenHash, now],
    );
    return row && { userId: row.user_id, tenantId: row.tenant_id };
  },
  dropEmailVerification: async (userId) => void (await tx.query('delete from email_verifications where user_id = $1', [userId])),
  markEmailVerified: async (userId, at) =>
    (await tx.query('update users set email_verified_at = $2 where id = $1 and email_verified_at is null returning id', [userId, at]))
      .length > 0,
  addUser: async (user) => {
    await tx.query('insert into users (id, email, password_hash, email_verified_at, created_at) values ($1, $2, $3, $4, $5)', [
      user.id,
      user.email,
      user.passwordHash,
      user.emailVerifiedAt ?? null,
      user.createdAt,
    ]);
  },
  replacePassword: async (userId, passwordHash) =>
    void (await tx.query('update users set password_hash = $2 where id = $1', [userId, passwordHash])),
  endSessionsOf: (userId, reason, at) => endSessionsOf(tx, userId, reason, at),
  takeInvitation: async (id, tokenHash, now) => {
    const [row] = await tx.query<InvitationRow>(takeInvitationSql, [id, tokenHash, now]);
    return row && toInvitation(row);
  },
  addMember: async (tenantId, userId, role, at) => {
    await tx.query('insert into memberships (tenant_id, user_id, role, joined_at) values ($1, $2, $3, $4) on conflict do nothing', [
      tenantId,
      userId,
      role,
      at,
    ]);
  },
  invite: (invitation, replaceable) => upsertInvitation(tx, invitation, replaceable),
  addOperator: async (userId, grantedBy, at) => {
    const rows = await tx.query(
      'insert into operators (user_id, granted_by, granted_at) values ($1, $2, $3) on conflict do nothing returning user_id',
      [userId, grantedBy, at],
    );
    return rows.length > 0;
  },
  removeOperator: async (userId) => (await tx.query('delete from operators where user_id = $1 returning user_id', [userId])).length > 0,
  setPlan: async (tenantId, plan, at) => {
    const [row] = await tx.query<{ version: number | null }>(setPlanSql, [tenantId, plan, at]);
    return row && (row.version ?? 'same');
  },
});

export const createTransactions = (db: Database): Transactions => ({
  run: async (work) =>
    await db.transaction(async (tx) => {
      tx.afterCommit(() => db.signalOutbox());
      return await work(unitOfWork(tx));
    }),
});
