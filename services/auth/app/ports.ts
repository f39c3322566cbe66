import type { Fact } from '../domain/facts.ts';
import type { Plan } from '../domain/plans.ts';
import type { MemberRole } from '../domain/roles.ts';
import type { EndReason, Session } from '../domain/session.ts';
import type { ThrottlePolicy } from '../domain/throttle.ts';

// ---- What is read ----

export interface UserView {
  readonly id: string;
  readonly email: string;
  readonly emailVerifiedAt?: Date;
  readonly createdAt: Date;
}
export interface TenantView {
  readonly id: string;
  readonly name: string;
  readonly plan: string;
  readonly createdAt: Date;
}
export interface Profile {
  readonly user: UserView;
  readonly tenant: TenantView;
  readonly role: MemberRole;
}

/** A person with the tenant that signing in leads to: the one joined last. */
export interface Account {
  readonly userId: string;
  readonly email: string;
  readonly passwordHash: string;
  readonly emailVerifiedAt?: Date;
  readonly tenantId: string;
  readonly role: MemberRole;
  readonly isOperator: boolean;
  readonly plan: string;
}

/** A session with what its access tokens say, as it is now (a changed role or plan is in the next token). */
export interface LiveSession extends Session {
  readonly role: MemberRole;
  readonly isOperator: boolean;
  readonly plan: string;
}

export interface ApiKeyView {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly mode: string;
  readonly scopes: readonly string[];
  readonly createdAt: Date;
  readonly expiresAt?: Date;
  readonly lastUsedAt?: Date;
  readonly revokedAt?: Date;
}
export interface StoredApiKey extends ApiKeyView {
  readonly createdBy: string;
  readonly fingerprint: Uint8Array;
  readonly sealedKey?: Uint8Array;
}
export interface PresentedApiKey {
  readonly id: string;
  readonly tenantId: string;
  readonly digest: Uint8Array;
  readonly creatorRole: MemberRole;
  readonly scopes: readonly string[];
  readonly plan: string;
  readonly expiresAt?: Date;
  readonly revokedAt?: Date;
}

export interface Member {
  readonly userId: string;
  readonly email: string;
  readonly role: MemberRole;
  readonly joinedAt: Date;
}
export interface Invitation {
  readonly id: string;
  readonly tenantId: string;
  readonly tenantName: string;
  readonly email: string;
  readonly role: MemberRole;
  readonly expiresAt: Date;
  readonly acceptedAt?: Date;
}

export interface PageRequest {
  readonly limit: number;
  readonly cursor: string;
}
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string;
}

// ---- What is written ----

export interface NewUser {
  readonly id: string;
  readonly email: string;
  readonly passwordHash: string;
  readonly emailVerifiedAt?: Date;
  readonly createdAt: Date;
}
export interface Registration {
  readonly user: NewUser;
  readonly tenant: { readonly id: string; readonly name: string; readonly plan: Plan; readonly createdAt: Date };
}
export interface NewSession {
  readonly id: string;
  readonly tenantId: string;
  readonly userId: string;
  readonly tokenHash: Uint8Array;
  readonly createdAt: Date;
  readonly userAgent: string;
  readonly ipAddress: string;
}
export interface Rotation {
  readonly sessionId: string;
  readonly generation: number;
  readonly tokenHash: Uint8Array;
  readonly successorHash: Uint8Array;
  readonly at: Date;
}
export interface NewApiKey {
  readonly id: string;
  readonly tenantId: string;
  readonly createdBy: string;
  readonly name: string;
  readonly digest: Uint8Array;
  readonly prefix: string;
  readonly mode: string;
  readonly scopes: readonly string[];
  readonly createdAt: Date;
  readonly expiresAt?: Date;
  /** With what is needed to give a lost reply again; absent when the caller gave no key. */
  readonly replay?: { readonly idempotencyKey: string; readonly fingerprint: Uint8Array; readonly sealedKey: Uint8Array };
}
/** A single-use token at rest: its SHA-256 to find it by, and itself encrypted so that issuing can be repeated. */
export interface PendingToken {
  readonly hash: Uint8Array;
  readonly sealed: Uint8Array;
  readonly expiresAt: Date;
}
export interface NewInvitation {
  readonly id: string;
  readonly tenantId: string;
  readonly email: string;
  readonly role: MemberRole;
  readonly invitedBy: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

// ---- Stores. Every method is one atomic step, facts included. ----

export interface Accounts {
  /** Tenant, user, ownership and facts, unless the address has an account: then nothing is written and false is returned. */
  register(registration: Registration, facts: readonly Fact[]): Promise<boolean>;
  findByEmail(email: string): Promise<Account | undefined>;
  profile(tenantId: string, userId: string): Promise<Profile | undefined>;
  tenant(tenantId: string): Promise<TenantView | undefined>;
  /** Stores `token` for a member of the tenant unless one is pending; answers with whichever is valid now. */
  issueEmailVerification(
    tenantId: string,
    userId: string,
    token: PendingToken,
    now: Date,
  ): Promise<{ user: UserView; sealed: Uint8Array } | undefined>;
}

export interface Sessions {
  open(session: NewSession): Promise<void>;
  find(id: string): Promise<LiveSession | undefined>;
  /** Compare and swap on generation and hash of a live, unexpired session; undefined when anything is different by now. */
  rotate(rotation: Rotation): Promise<LiveSession | undefined>;
  /** @returns false when it had ended before. Records sessionEnded. */
  end(session: Pick<Session, 'id' | 'tenantId' | 'userId'>, reason: EndReason, at: Date): Promise<boolean>;
  /** Ends up to `limit` sessions that have timed out, each with its fact. */
  endExpired(now: Date, limit: number): Promise<number>;
}

export interface ApiKeys {
  /** @returns the stored key when the tenant has used this idempotency key before; then nothing is written. */
  create(key: NewApiKey, fact: Fact): Promise<StoredApiKey | undefined>;
  list(tenantId: string, page: PageRequest): Promise<Page<ApiKeyView>>;
  find(tenantId: string, id: string): Promise<StoredApiKey | undefined>;
  /** @returns false when the tenant has no such key. Revoking again changes and records nothing. */
  revoke(tenantId: string, id: string, fact: Fact): Promise<boolean>;
  findByDigest(digest: Uint8Array): Promise<PresentedApiKey | undefined>;
}

/** Off the hot path: kept in memory and written in batches. */
export interface ApiKeyUsage {
  note(keyId: string, at: Date): void;
}

export interface Owner {
  readonly email: string;
  readonly tenantName: string;
}

export interface Members {
  list(tenantId: string, page: PageRequest): Promise<Page<Member>>;
  isMember(tenantId: string, email: string): Promise<boolean>;
  /**
   * One open invitation per tenant and address: inviting again replaces role, date and token of the first.
   * @returns the id it has now, or undefined when the open one carries a role outside `replaceable`
   */
  invite(invitation: NewInvitation, replaceable: readonly MemberRole[]): Promise<string | undefined>;
  issueInvitation(
    tenantId: string,
    id: string,
    token: PendingToken,
    now: Date,
  ): Promise<{ invitation: Invitation; sealed: Uint8Array } | undefined>;
  findInvitation(tokenHash: Uint8Array): Promise<Invitation | undefined>;
  /** The owner of longest standing. */
  owner(tenantId: string): Promise<Owner | undefined>;
}

/** What the less frequent use cases compose within one transaction. */
export interface UnitOfWork {
  record(fact: Fact): Promise<void>;
  /** Locks the person until the end of the transaction. */
  lockAccount(email: string): Promise<Account | undefined>;
  /** Consumes the token. */
  takeEmailVerification(tokenHash: Uint8Array, now: Date): Promise<{ readonly tenantId: string; readonly userId: string } | undefined>;
  dropEmailVerification(userId: string): Promise<void>;
  /** @returns false when it was verified before. */
  markEmailVerified(userId: string, at: Date): Promise<boolean>;
  addUser(user: NewUser): Promise<void>;
  replacePassword(userId: string, passwordHash: string): Promise<void>;
  endSessionsOf(userId: string, reason: EndReason, at: Date): Promise<void>;
  /** Consumes the invitation; undefined when it was accepted, replaced or has expired. */
  takeInvitation(id: string, tokenHash: Uint8Array, now: Date): Promise<Invitation | undefined>;
  /** A person who is a member already keeps the present role. */
  addMember(tenantId: string, userId: string, role: MemberRole, at: Date): Promise<void>;
  invite: Members['invite'];
  /** @returns false when the person was one before. */
  addOperator(userId: string, grantedBy: string, at: Date): Promise<boolean>;
  /** @returns false when the person was none. */
  removeOperator(userId: string): Promise<boolean>;
  /**
   * @param at when it was decided: an older decision changes nothing
   * @returns the tenant's new version, 'same' when nothing changed, undefined when there is no such tenant
   */
  setPlan(tenantId: string, plan: Plan, at: Date): Promise<number | 'same' | undefined>;
}

/** Runs all of `work` or nothing; may run it again after a conflict, so `work` has no effect outside. */
export interface Transactions {
  run<T>(work: (unit: UnitOfWork) => Promise<T>): Promise<T>;
}

export interface ThrottleClaim {
  readonly policy: ThrottlePolicy;
  readonly subject: string;
}
/** Attempts are counted before they are made, so that a hundred at once are no way around the delay. */
export interface Throttle {
  /** @returns 0 when the attempt may go ahead (and is counted), else milliseconds to wait (and nothing is counted). */
  claim(claims: readonly ThrottleClaim[], now: Date): Promise<number>;
  /** The attempt was no failure: takes it back. `reset` forgets everything about the subject. */
  release(claims: readonly (ThrottleClaim & { readonly reset?: boolean })[]): Promise<void>;
}

export interface StoredSigningKey {
  readonly kid: string;
  /** RFC 7517, public part. */
  readonly publicJwk: Readonly<Record<string, unknown>>;
  readonly sealedPrivateJwk: Uint8Array;
  readonly createdAt: Date;
  readonly signsFrom: Date;
}
export interface SigningKeys {
  list(): Promise<StoredSigningKey[]>;
  /** Adds unless somebody else has added one since `known` was listed; so all replicas agree on one. */
  add(key: StoredSigningKey, known: readonly string[]): Promise<boolean>;
  remove(kids: readonly string[]): Promise<void>;
}

export interface Housekeeping {
  /** Deletes rows that no use case can see any more; each kind at most `limit`. */
  sweep(now: Date, limit: number): Promise<number>;
}

// ---- Cryptography ----

/** argon2id behind a bounded queue. @throws auth.busy when it is full */
export interface PasswordHasher {
  hash(password: string): Promise<string>;
  /** Without a hash the same work is done and the answer is false. */
  verify(password: string, hash: string | undefined): Promise<boolean>;
}

export interface Vault {
  random(bytes: number): Uint8Array;
  digest(text: string): Uint8Array;
  /** Constant time. */
  equal(a: Uint8Array, b: Uint8Array): boolean;
  /** 256 random bits in base64url. */
  token(): string;
  /** AES-256-GCM; `purpose` is authenticated, so a sealed value cannot be moved to another row. */
  seal(text: string, purpose: string): Uint8Array;
  /** @throws when the value was made with another key or for another purpose */
  open(sealed: Uint8Array, purpose: string): string;
}

export interface RefreshToken {
  readonly text: string;
  readonly sessionId: string;
  readonly generation: number;
  readonly hash: Uint8Array;
}
export interface RefreshTokens {
  first(sessionId: string): RefreshToken;
  /** @returns undefined when it was not made by us. */
  read(text: string): RefreshToken | undefined;
  /** Always the same for the same token: no successor has to be stored to be given again. */
  successor(token: RefreshToken): RefreshToken;
}

export interface AccessClaims {
  readonly userId: string;
  readonly tenantId: string;
  readonly role: MemberRole;
  readonly isOperator: boolean;
  readonly plan: string;
  readonly sessionId: string;
}
export interface AccessTokens {
  sign(claims: AccessClaims, now: Date): Promise<{ readonly token: string; readonly expiresInSeconds: number }>;
  /** RFC 7517 document. */
  jwks(now: Date): string;
}

export interface SigningKeyFactory {
  create(): Promise<{ kid: string; publicJwk: Record<string, unknown>; privateJwk: Record<string, unknown> }>;
}
