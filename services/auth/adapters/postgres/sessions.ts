import type { Database, Queryable } from '#platform/postgres/index.ts';
import type { LiveSession, Sessions } from '../../app/ports.ts';
import { sessionEnded } from '../../domain/facts.ts';
import type { MemberRole } from '../../domain/roles.ts';
import { sessionAbsoluteMs, sessionIdleMs, type EndReason } from '../../domain/session.ts';
import { addMs } from '#platform/time/index.ts';
import { factParameters, insertFacts, recordFacts } from './facts.ts';

interface SessionRow {
  id: string;
  tenant_id: string;
  user_id: string;
  generation: number;
  token_hash: Buffer;
  created_at: Date;
  rotated_at: Date;
  end_reason: EndReason | null;
  role: MemberRole;
  is_operator: boolean;
  plan: string;
}

const columns = `s.id, s.tenant_id, s.user_id, s.generation, s.token_hash, s.created_at, s.rotated_at, s.end_reason, m.role, t.plan,
  exists (select from operators o where o.user_id = s.user_id) as is_operator`;

const toSession = (row: SessionRow): LiveSession => ({
  id: row.id,
  tenantId: row.tenant_id,
  userId: row.user_id,
  generation: row.generation,
  tokenHash: row.token_hash,
  createdAt: row.created_at,
  rotatedAt: row.rotated_at,
  role: row.role,
  isOperator: row.is_operator,
  plan: row.plan,
  ...(row.end_reason && { endReason: row.end_reason }),
});

const findSql = `
select ${columns}
from sessions s
join memberships m on m.tenant_id = s.tenant_id and m.user_id = s.user_id
join tenants t on t.id = s.tenant_id
where s.id = $1`;

const rotateSql = `
update sessions s set generation = s.generation + 1, token_hash = $4, rotated_at = $5
from memberships m join tenants t on t.id = m.tenant_id
where s.id = $1 and s.generation = $2 and s.token_hash = $3
  and s.ended_at is null and s.rotated_at > $6 and s.created_at > $7
  and m.tenant_id = s.tenant_id and m.user_id = s.user_id
returning ${columns}`;

const endSql = `
with ended as (
  update sessions set ended_at = $3, end_reason = $4 where id = $1 and tenant_id = $2 and ended_at is null returning id
), facts as (${insertFacts(5, 'ended')})
select id from ended`;

const expireSql = `
update sessions set ended_at = $1, end_reason = 'expired'
where id in (
  select id from sessions where ended_at is null and (rotated_at <= $2 or created_at <= $3) limit $4 for update skip locked
)
returning id, tenant_id, user_id`;

interface EndedRow {
  id: string;
  tenant_id: string;
  user_id: string;
}

const recordEnded = async (tx: Queryable, rows: readonly EndedRow[], reason: EndReason, at: Date): Promise<void> =>
  await recordFacts(
    tx,
    rows.map((row) => sessionEnded({ tenantId: row.tenant_id, at }, { id: row.id, userId: row.user_id }, reason)),
  );

/** For a unit of work: every session of the person, in whichever tenant. */
export const endSessionsOf = async (tx: Queryable, userId: string, reason: EndReason, at: Date): Promise<void> => {
  const rows = await tx.query<EndedRow>(
    'update sessions set ended_at = $2, end_reason = $3 where user_id = $1 and ended_at is null returning id, tenant_id, user_id',
    [userId, at, reason],
  );
  await recordEnded(tx, rows, reason, at);
};

export const createSessions = (db: Database): Sessions => ({
  open: async (session) => {
    await db.query(
      `insert into sessions (id, tenant_id, user_id, token_hash, created_at, rotated_at, user_agent, ip_address) values ($1, $2, $3, $4, $5, $5, $6, $7)`,
      [session.id, session.tenantId, session.userId, session.tokenHash, session.createdAt, session.userAgent, session.ipAddress],
      { name: 'session-open' },
    );
  },
  find: async (id) => {
    const [row] = await db.query<SessionRow>(findSql, [id], { name: 'session-find' });
    return row && toSession(row);
  },
  rotate: async ({ sessionId, generation, tokenHash, successorHash, at }) => {
    const [row] = await db.query<SessionRow>(
      rotateSql,
      [sessionId, generation, tokenHash, successorHash, at, addMs(at, -sessionIdleMs), addMs(at, -sessionAbsoluteMs)],
      { name: 'session-rotate' },
    );
    return row && toSession(row);
  },
  end: async (session, reason, at) => {
    const fact = sessionEnded({ tenantId: session.tenantId, at }, session, reason);
    const rows = await db.query(endSql, [session.id, session.tenantId, at, reason, ...factParameters([fact])]);
    if (rows.length > 0) db.signalOutbox();
    return rows.length > 0;
  },
  endExpired: async (now, limit) => {
    const ended = await db.transaction(async (tx) => {
      const rows = await tx.query<EndedRow>(expireSql, [now, addMs(now, -sessionIdleMs), addMs(now, -sessionAbsoluteMs), limit]);
      await recordEnded(tx, rows, 'expired', now);
      return rows.length;
    });
    if (ended > 0) db.signalOutbox();
    return ended;
  },
});
