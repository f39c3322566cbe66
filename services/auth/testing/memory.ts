import type {
  Account,
  Accounts,
  ApiKeys,
  Invitation,
  LiveSession,
  Member,
  Members,
  NewApiKey,
  NewInvitation,
  NewSession,
  NewUser,
  Page,
  PageRequest,
  PendingToken,
  Sessions,
  SigningKeys,
  StoredApiKey,
  StoredSigningKey,
  Throttle,
  ThrottleClaim,
  Transactions,
  UnitOfWork,
  UserView,
} from '../app/ports.ts';
import { emailKey } from '../domain/email.ts';
import { sessionEnded, type Fact } from '../domain/facts.ts';
import type { MemberRole } from '../domain/roles.ts';
import { isExpired, type EndReason } from '../domain/session.ts';
import { delayAfter } from '../domain/throttle.ts';

interface MembershipEntry {
  tenantId: string;
  userId: string;
  role: MemberRole;
  joinedAt: Date;
}
interface SessionEntry extends NewSession {
  generation: number;
  rotatedAt: Date;
  endReason?: EndReason;
}
interface VerificationEntry {
  tenantId: string;
  userId: string;
  token: PendingToken;
}
interface InvitationEntry extends NewInvitation {
  token?: PendingToken;
  acceptedAt?: Date;
}
interface TenantEntry {
  id: string;
  name: string;
  plan: string;
  version: number;
  createdAt: Date;
}
interface KeyEntry extends NewApiKey {
  revokedAt?: Date;
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

const emptyState = () => ({
  users: new Map<string, NewUser>(),
  tenants: new Map<string, TenantEntry>(),
  memberships: [] as MembershipEntry[],
  sessions: new Map<string, SessionEntry>(),
  keys: new Map<string, KeyEntry>(),
  verifications: new Map<string, VerificationEntry>(),
  invitations: new Map<string, InvitationEntry>(),
  operators: new Set<string>(),
  facts: [] as Fact[],
});

/** Newest first, by a date and an id; the cursor is the last id. */
const pageOf = <T>(rows: readonly T[], { limit, cursor }: PageRequest, position: (row: T) => readonly [Date, string]): Page<T> => {
  const sorted = rows.toSorted((a, b) => {
    const [atA, idA] = position(a);
    const [atB, idB] = position(b);
    return atB.getTime() - atA.getTime() || idB.localeCompare(idA);
  });
  const from = cursor === '' ? 0 : sorted.findIndex((row) => position(row)[1] === cursor) + 1;
  const size = limit === 0 ? 25 : limit;
  const items = sorted.slice(from, from + size);
  const last = items.at(-1);
  return { items, nextCursor: from + size < sorted.length && last !== undefined ? position(last)[1] : '' };
};

/** All stores in memory, held to the same contract as the real ones (stores.contract.ts). */
export const createMemoryStores = () => {
  let state = emptyState();

  const membership = (tenantId: string, userId: string) => state.memberships.find((m) => m.tenantId === tenantId && m.userId === userId);
  const userByEmail = (email: string) => [...state.users.values()].find((user) => emailKey(user.email) === emailKey(email));
  const view = ({ id, email, createdAt, emailVerifiedAt }: NewUser): UserView => ({
    id,
    email,
    createdAt,
    ...(emailVerifiedAt && { emailVerifiedAt }),
  });

  const account = (email: string): Account | undefined => {
    const user = userByEmail(email);
    const latest = state.memberships
      .filter((m) => m.userId === user?.id)
      .toSorted((a, b) => b.joinedAt.getTime() - a.joinedAt.getTime() || b.tenantId.localeCompare(a.tenantId))[0];
    const tenant = state.tenants.get(latest?.tenantId ?? '');
    if (user === undefined || latest === undefined || tenant === undefined) return undefined;
    const { emailVerifiedAt, passwordHash } = user;
    return {
      userId: user.id,
      email: user.email,
      passwordHash,
      tenantId: tenant.id,
      role: latest.role,
      isOperator: state.operators.has(user.id),
      plan: tenant.plan,
      ...(emailVerifiedAt && { emailVerifiedAt }),
    };
  };

  const live = (entry: SessionEntry | undefined): LiveSession | undefined => {
    const member = entry && membership(entry.tenantId, entry.userId);
    const tenant = state.tenants.get(entry?.tenantId ?? '');
    if (entry === undefined || member === undefined || tenant === undefined) return undefined;
    const { id, tenantId, userId, generation, tokenHash, createdAt, rotatedAt, endReason } = entry;
    return {
      id,
      tenantId,
      userId,
      generation,
      tokenHash,
      createdAt,
      rotatedAt,
      role: member.role,
      isOperator: state.operators.has(userId),
      plan: tenant.plan,
      ...(endReason && { endReason }),
    };
  };

  const endEntry = (entry: SessionEntry, reason: EndReason, at: Date): void => {
    entry.endReason = reason;
    state.facts.push(sessionEnded({ tenantId: entry.tenantId, at }, entry, reason));
  };

  const invitationView = (entry: InvitationEntry): Invitation => {
    const { id, tenantId, email, role, expiresAt, acceptedAt } = entry;
    return { id, tenantId, tenantName: state.tenants.get(tenantId)?.name ?? '', email, role, expiresAt, ...(acceptedAt && { acceptedAt }) };
  };

  const stored = (key: KeyEntry): StoredApiKey => ({
    ...key,
    fingerprint: key.replay?.fingerprint ?? new Uint8Array(),
    ...(key.replay && key.revokedAt === undefined && { sealedKey: key.replay.sealedKey }),
  });

  const accounts: Accounts = {
    register: async ({ user, tenant }, facts) => {
      if (userByEmail(user.email) !== undefined) return false;
      state.users.set(user.id, user);
      state.tenants.set(tenant.id, { ...tenant, version: 1 });
      state.memberships.push({ tenantId: tenant.id, userId: user.id, role: 'owner', joinedAt: user.createdAt });
      state.facts.push(...facts);
      return true;
    },
    findByEmail: async (email) => account(email),
    profile: async (tenantId, userId) => {
      const [member, user, tenant] = [membership(tenantId, userId), state.users.get(userId), state.tenants.get(tenantId)];
      if (member === undefined || user === undefined || tenant === undefined) return undefined;
      const { id, name, plan, createdAt } = tenant;
      return { user: view(user), tenant: { id, name, plan, createdAt }, role: member.role };
    },
    tenant: async (tenantId) => {
      const tenant = state.tenants.get(tenantId);
      return tenant && { id: tenant.id, name: tenant.name, plan: tenant.plan, createdAt: tenant.createdAt };
    },
    issueEmailVerification: async (tenantId, userId, token, now) => {
      const user = state.users.get(userId);
      if (user === undefined || membership(tenantId, userId) === undefined) return undefined;
      if (user.emailVerifiedAt !== undefined) return { user: view(user), sealed: new Uint8Array() };
      const pending = state.verifications.get(userId);
      if (pending !== undefined && pending.token.expiresAt > now) return { user: view(user), sealed: pending.token.sealed };
      state.verifications.set(userId, { tenantId, userId, token });
      return { user: view(user), sealed: token.sealed };
    },
  };

  const sessions: Sessions = {
    open: async (session) => void state.sessions.set(session.id, { ...session, generation: 0, rotatedAt: session.createdAt }),
    find: async (id) => live(state.sessions.get(id)),
    rotate: async ({ sessionId, generation, tokenHash, successorHash, at }) => {
      const entry = state.sessions.get(sessionId);
      if (entry === undefined || entry.endReason !== undefined || entry.generation !== generation) return undefined;
      if (!same(entry.tokenHash, tokenHash) || isExpired(entry, at) || membership(entry.tenantId, entry.userId) === undefined)
        return undefined;
      const rotated = { ...entry, generation: generation + 1, tokenHash: successorHash, rotatedAt: at };
      state.sessions.set(sessionId, rotated);
      return live(rotated);
    },
    end: async ({ id, tenantId }, reason, at) => {
      const entry = state.sessions.get(id);
      if (entry === undefined || entry.tenantId !== tenantId || entry.endReason !== undefined) return false;
      endEntry(entry, reason, at);
      return true;
    },
    endExpired: async (now, limit) => {
      const expired = [...state.sessions.values()]
        .filter((entry) => entry.endReason === undefined && isExpired(entry, now))
        .slice(0, limit);
      for (const entry of expired) endEntry(entry, 'expired', now);
      return expired.length;
    },
  };

  const apiKeys: ApiKeys = {
    create: async (key, fact) => {
      const used = key.replay?.idempotencyKey;
      const earlier = [...state.keys.values()].find(
        (k) => used !== undefined && k.tenantId === key.tenantId && k.replay?.idempotencyKey === used,
      );
      if (earlier !== undefined) return stored(earlier);
      state.keys.set(key.id, key);
      state.facts.push(fact);
      return undefined;
    },
    list: async (tenantId, page) =>
      pageOf([...state.keys.values()].filter((key) => key.tenantId === tenantId).map(stored), page, (key) => [key.createdAt, key.id]),
    find: async (tenantId, id) => {
      const key = state.keys.get(id);
      return key?.tenantId === tenantId ? stored(key) : undefined;
    },
    revoke: async (tenantId, id, fact) => {
      const key = state.keys.get(id);
      if (key?.tenantId !== tenantId) return false;
      if (key.revokedAt === undefined) {
        key.revokedAt = fact.occurredAt;
        state.facts.push(fact);
      }
      return true;
    },
    findByDigest: async (digest) => {
      const key = [...state.keys.values()].find((k) => same(k.digest, digest));
      const creator = key && membership(key.tenantId, key.createdBy);
      const tenant = state.tenants.get(key?.tenantId ?? '');
      if (key === undefined || creator === undefined || tenant === undefined) return undefined;
      return { ...key, creatorRole: creator.role, plan: tenant.plan };
    },
  };

  const invite = async (invitation: NewInvitation, replaceable: readonly MemberRole[]): Promise<string | undefined> => {
    const open = [...state.invitations.values()].find(
      (i) => i.acceptedAt === undefined && i.tenantId === invitation.tenantId && emailKey(i.email) === emailKey(invitation.email),
    );
    if (open !== undefined && !replaceable.includes(open.role) && open.expiresAt > invitation.createdAt) return undefined;
    const id = open?.id ?? invitation.id;
    state.invitations.set(id, { ...invitation, id, email: open?.email ?? invitation.email });
    return id;
  };

  const members: Members = {
    list: async (tenantId, page) => {
      const rows = state.memberships
        .filter((m) => m.tenantId === tenantId)
        .map(({ userId, role, joinedAt }): Member => ({ userId, role, joinedAt, email: state.users.get(userId)?.email ?? '' }));
      return pageOf(rows, page, (m) => [m.joinedAt, m.userId]);
    },
    isMember: async (tenantId, email) => membership(tenantId, userByEmail(email)?.id ?? '') !== undefined,
    invite,
    issueInvitation: async (tenantId, id, token, now) => {
      const entry = state.invitations.get(id);
      if (entry?.tenantId !== tenantId) return undefined;
      if (entry.acceptedAt === undefined && entry.expiresAt > now) entry.token ??= token;
      return { invitation: invitationView(entry), sealed: entry.token?.sealed ?? new Uint8Array() };
    },
    owner: async (tenantId) => {
      const [first] = state.memberships
        .filter((row) => row.tenantId === tenantId && row.role === 'owner')
        .toSorted((a, b) => a.joinedAt.getTime() - b.joinedAt.getTime() || (a.userId < b.userId ? -1 : 1));
      const [user, tenant] = [state.users.get(first?.userId ?? ''), state.tenants.get(tenantId)];
      return user && tenant && { email: user.email, tenantName: tenant.name };
    },
    findInvitation: async (hash) => {
      const entry = [...state.invitations.values()].find((i) => i.token !== undefined && same(i.token.hash, hash));
      return entry && invitationView(entry);
    },
  };

  const planSetAt = new Map<string, Date>();
  const unit: UnitOfWork = {
    record: async (fact) => void state.facts.push(fact),
    lockAccount: async (email) => account(email),
    takeEmailVerification: async (hash, now) => {
      const entry = [...state.verifications.values()].find((v) => same(v.token.hash, hash) && v.token.expiresAt > now);
      if (entry !== undefined) state.verifications.delete(entry.userId);
      return entry && { tenantId: entry.tenantId, userId: entry.userId };
    },
    dropEmailVerification: async (userId) => void state.verifications.delete(userId),
    markEmailVerified: async (userId, at) => {
      const user = state.users.get(userId);
      if (user === undefined || user.emailVerifiedAt !== undefined) return false;
      state.users.set(userId, { ...user, emailVerifiedAt: at });
      return true;
    },
    addUser: async (user) => void state.users.set(user.id, user),
    replacePassword: async (userId, passwordHash) => {
      const user = state.users.get(userId);
      if (user !== undefined) state.users.set(userId, { ...user, passwordHash });
    },
    endSessionsOf: async (userId, reason, at) => {
      for (const entry of state.sessions.values())
        if (entry.userId === userId && entry.endReason === undefined) endEntry(entry, reason, at);
    },
    takeInvitation: async (id, hash, now) => {
      const entry = state.invitations.get(id);
      if (entry?.token === undefined || !same(entry.token.hash, hash) || entry.acceptedAt !== undefined || entry.expiresAt <= now)
        return undefined;
      entry.acceptedAt = now;
      return invitationView(entry);
    },
    addOperator: async (userId) => {
      const isNew = !state.operators.has(userId);
      state.operators.add(userId);
      return isNew;
    },
    removeOperator: async (userId) => state.operators.delete(userId),
    addMember: async (tenantId, userId, role, joinedAt) => {
      if (membership(tenantId, userId) === undefined) state.memberships.push({ tenantId, userId, role, joinedAt });
    },
    invite,
    setPlan: async (tenantId, plan, at) => {
      const tenant = state.tenants.get(tenantId);
      if (tenant === undefined) return undefined;
      if (at < (planSetAt.get(tenantId) ?? at)) return 'same';
      planSetAt.set(tenantId, at);
      if (tenant.plan === plan) return 'same';
      tenant.plan = plan;
      tenant.version += 1;
      return tenant.version;
    },
  };

  let last: Promise<unknown> = Promise.resolve();
  const transactions: Transactions = {
    run: <T>(work: (unit: UnitOfWork) => Promise<T>): Promise<T> => {
      const next = last.then(async () => {
        const before = structuredClone(state);
        try {
          return await work(unit);
        } catch (error) {
          state = before;
          throw error;
        }
      });
      last = next.catch(() => undefined);
      return next;
    },
  };

  return {
    accounts,
    sessions,
    apiKeys,
    members,
    transactions,
    throttle: memoryThrottle(),
    signingKeys: memorySigningKeys(),
    facts: async (): Promise<readonly Fact[]> => state.facts,
  };
};

const memoryThrottle = (): Throttle => {
  const rows = new Map<string, { attempts: number; blockedUntil: number; updatedAt: number }>();
  const keyOf = ({ policy, subject }: ThrottleClaim): string => `${policy.name} ${subject}`;
  return {
    claim: async (claims, now) => {
      const at = now.getTime();
      const until = Math.max(...claims.map((claim) => rows.get(keyOf(claim))?.blockedUntil ?? 0));
      if (until > at) return until - at;
      for (const claim of claims) {
        const row = rows.get(keyOf(claim));
        const isForgotten = row === undefined || row.updatedAt <= at - claim.policy.forgetAfterMs;
        const attempts = isForgotten ? 1 : row.attempts + 1;
        const delay = delayAfter(claim.policy, attempts);
        rows.set(keyOf(claim), {
          attempts,
          blockedUntil: delay === 0 ? -Infinity : at + delay,
          updatedAt: Math.max(at, row?.updatedAt ?? at),
        });
      }
      return 0;
    },
    release: async (claims) => {
      for (const claim of claims) {
        const row = rows.get(keyOf(claim));
        if (claim.reset === true) rows.delete(keyOf(claim));
        else if (row !== undefined) row.attempts = Math.max(0, row.attempts - 1);
      }
    },
  };
};

const memorySigningKeys = (): SigningKeys => {
  const keys = new Map<string, StoredSigningKey>();
  return {
    list: async () => [...keys.values()],
    add: async (key, known) => {
      if ([...keys.keys()].some((kid) => !known.includes(kid))) return false;
      keys.set(key.kid, key);
      return true;
    },
    remove: async (kids) => {
      for (const kid of kids) keys.delete(kid);
    },
  };
};
