import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { addMs, dayMs, hourMs, minuteMs, secondMs } from '#platform/time/index.ts';
import type { Accounts, ApiKeys, Members, NewApiKey, PendingToken, Sessions, SigningKeys, Throttle, Transactions } from '../app/ports.ts';
import { apiKeyCreated, apiKeyRevoked, emailVerified, tenantRegistered, userRegistered } from '../domain/facts.ts';
import { memberRoles, type MemberRole } from '../domain/roles.ts';
import { sessionAbsoluteMs, sessionIdleMs } from '../domain/session.ts';
import { signInPerAccount } from '../domain/throttle.ts';

export interface RecordedFact {
  readonly name: string;
  readonly tenantId: string;
  readonly aggregateId: string;
  readonly payload: unknown;
}
export interface StoresHarness {
  readonly accounts: Accounts;
  readonly sessions: Sessions;
  readonly apiKeys: ApiKeys;
  readonly members: Members;
  readonly transactions: Transactions;
  readonly throttle: Throttle;
  readonly signingKeys: SigningKeys;
  /** In the order of recording. */
  facts(): Promise<readonly RecordedFact[]>;
  close(): Promise<void>;
}

const now = new Date('2026-03-01T12:00:00Z');
const later = (ms: number): Date => addMs(now, ms);
const hash = (): Buffer => randomBytes(32);
const pending = (expiresAt: Date): PendingToken => ({ hash: hash(), sealed: randomBytes(40), expiresAt });

/** What every implementation of the stores has to do. */
export const storesContract = (name: string, open: () => Promise<StoresHarness>): void => {
  describe(`stores: ${name}`, () => {
    let stores: StoresHarness;
    before(async () => {
      stores = await open();
    });
    after(async () => {
      await stores.close();
    });

    const factsOf = async (aggregateId: string) =>
      (await stores.facts()).filter((fact) => fact.aggregateId === aggregateId).map((fact) => fact.name);

    const addTenant = async (email = `${newId()}@example.test`) => {
      const user = { id: newId(), email, passwordHash: 'hash', createdAt: now };
      const tenant = { id: newId(), name: 'Acme', plan: 'starter' as const, createdAt: now };
      const occasion = { tenantId: tenant.id, at: now };
      const added = await stores.accounts.register({ user, tenant }, [
        tenantRegistered(occasion, 'starter'),
        userRegistered(occasion, user.id, 'owner'),
      ]);
      return { user, tenant, added, tenantId: tenant.id, userId: user.id };
    };

    const addPerson = async (tenantId: string, role: MemberRole, joinedAt = now) => {
      const user = { id: newId(), email: `${newId()}@example.test`, passwordHash: 'h', createdAt: now };
      await stores.transactions.run(async (unit) => {
        await unit.addUser(user);
        await unit.addMember(tenantId, user.id, role, joinedAt);
      });
      return user;
    };

    describe('accounts', () => {
      test('registering writes person, tenant, ownership and facts together', async () => {
        const { user, tenant, added } = await addTenant();
        assert.equal(added, true);
        assert.deepEqual(await stores.accounts.findByEmail(user.email.toUpperCase()), {
          userId: user.id,
          email: user.email,
          passwordHash: 'hash',
          tenantId: tenant.id,
          role: 'owner',
          isOperator: false,
          plan: 'starter',
        });
        assert.deepEqual(await stores.accounts.profile(tenant.id, user.id), {
          user: { id: user.id, email: user.email, createdAt: now },
          tenant: { id: tenant.id, name: 'Acme', plan: 'starter', createdAt: now },
          role: 'owner',
        });
        assert.deepEqual([await factsOf(tenant.id), await factsOf(user.id)], [['tenantRegistered'], ['userRegistered']]);
      });

      test('an address in any case is taken once, and the loser leaves no trace', async () => {
        const first = await addTenant();
        const second = await addTenant(first.user.email.toUpperCase());
        assert.equal(second.added, false);
        assert.equal(await stores.accounts.tenant(second.tenantId), undefined);
        assert.deepEqual(await factsOf(second.tenantId), []);
        assert.equal((await stores.accounts.findByEmail(first.user.email))?.userId, first.userId);
      });

      test('of twenty registrations of one address at once exactly one succeeds', async () => {
        const email = `${newId()}@example.test`;
        const results = await Promise.all(Array.from({ length: 20 }, () => addTenant(email)));
        assert.equal(results.filter((result) => result.added).length, 1);
      });

      test('a profile is only found within its tenant', async () => {
        const [one, two] = [await addTenant(), await addTenant()];
        assert.equal(await stores.accounts.profile(two.tenantId, one.userId), undefined);
        assert.equal(await stores.accounts.findByEmail('nobody@example.test'), undefined);
      });

      test('signing in leads to the tenant joined last', async () => {
        const [one, two] = [await addTenant(), await addTenant()];
        await stores.transactions.run((unit) => unit.addMember(two.tenantId, one.userId, 'staff', later(1000)));
        const account = await stores.accounts.findByEmail(one.user.email);
        assert.deepEqual([account?.tenantId, account?.role], [two.tenantId, 'staff']);
        await stores.transactions.run((unit) => unit.addMember(two.tenantId, one.userId, 'owner', later(2000)));
        assert.equal((await stores.accounts.findByEmail(one.user.email))?.role, 'staff', 'a member keeps the role');
      });
    });

    describe('operators', () => {
      test('a person is one from the grant to the end of it, at the next sign-in and refresh', async () => {
        const { user, tenantId, userId } = await addTenant();
        const id = newId();
        await stores.sessions.open({ id, tenantId, userId, tokenHash: hash(), createdAt: now, userAgent: '', ipAddress: '' });
        const seen = async () => [
          (await stores.accounts.findByEmail(user.email))?.isOperator,
          (await stores.sessions.find(id))?.isOperator,
        ];
        assert.deepEqual(await seen(), [false, false]);
        const add = () => stores.transactions.run((unit) => unit.addOperator(userId, 'test', now));
        assert.deepEqual([await add(), await add()], [true, false]);
        assert.deepEqual(await seen(), [true, true]);
        const remove = () => stores.transactions.run((unit) => unit.removeOperator(userId));
        assert.deepEqual([await remove(), await remove()], [true, false]);
        assert.deepEqual(await seen(), [false, false]);
      });
    });

    describe('address verification', () => {
      test('issuing again gives the pending token, after its expiry a new one; it works once', async () => {
        const { tenantId, userId } = await addTenant();
        const [first, second, third] = [pending(later(dayMs)), pending(later(dayMs)), pending(later(3 * dayMs))];
        assert.deepEqual(Buffer.from((await stores.accounts.issueEmailVerification(tenantId, userId, first, now))!.sealed), first.sealed);
        assert.deepEqual(Buffer.from((await stores.accounts.issueEmailVerification(tenantId, userId, second, now))!.sealed), first.sealed);
        const at = later(dayMs);
        assert.equal(await stores.transactions.run((unit) => unit.takeEmailVerification(first.hash, at)), undefined, 'expired');
        assert.deepEqual(Buffer.from((await stores.accounts.issueEmailVerification(tenantId, userId, third, at))!.sealed), third.sealed);
        assert.equal(await stores.transactions.run((unit) => unit.takeEmailVerification(first.hash, at)), undefined, 'replaced');
        const taken = await Promise.all(
          Array.from({ length: 5 }, () => stores.transactions.run((unit) => unit.takeEmailVerification(third.hash, at))),
        );
        assert.deepEqual(
          taken.filter((owner) => owner !== undefined),
          [{ tenantId, userId }],
        );
      });

      test('marking is done once, and a verified person gets no token', async () => {
        const { tenantId, userId } = await addTenant();
        const mark = () => stores.transactions.run((unit) => unit.markEmailVerified(userId, now));
        assert.deepEqual([await mark(), await mark()], [true, false]);
        const issued = await stores.accounts.issueEmailVerification(tenantId, userId, pending(later(dayMs)), now);
        assert.deepEqual([issued?.sealed.length, issued?.user.emailVerifiedAt], [0, now]);
      });

      test('another tenant cannot issue for this person; a dropped token is dead', async () => {
        const [one, two] = [await addTenant(), await addTenant()];
        const token = pending(later(dayMs));
        assert.equal(await stores.accounts.issueEmailVerification(two.tenantId, one.userId, token, now), undefined);
        await stores.accounts.issueEmailVerification(one.tenantId, one.userId, token, now);
        await stores.transactions.run((unit) => unit.dropEmailVerification(one.userId));
        assert.equal(await stores.transactions.run((unit) => unit.takeEmailVerification(token.hash, now)), undefined);
      });

      test('a transaction that throws leaves nothing behind', async () => {
        const { tenantId, userId } = await addTenant();
        const attempt = stores.transactions.run(async (unit) => {
          await unit.markEmailVerified(userId, now);
          await unit.record(emailVerified({ tenantId, at: now, version: 2 }, userId));
          throw new Error('no');
        });
        await assert.rejects(attempt, /no/);
        assert.equal((await stores.accounts.profile(tenantId, userId))?.user.emailVerifiedAt, undefined);
        assert.deepEqual(await factsOf(userId), ['userRegistered']);
      });
    });

    describe('sessions', () => {
      const openSession = async (createdAt = now) => {
        const { tenantId, userId } = await addTenant();
        const session = { id: newId(), tenantId, userId, tokenHash: hash(), createdAt, userAgent: 'test', ipAddress: '::1' };
        await stores.sessions.open(session);
        return session;
      };

      test('of twenty rotations at once one wins; the generation counts', async () => {
        const session = await openSession();
        const rotation = { sessionId: session.id, generation: 0, tokenHash: session.tokenHash, successorHash: hash(), at: later(1000) };
        const results = await Promise.all(Array.from({ length: 20 }, () => stores.sessions.rotate(rotation)));
        const [winner, ...others] = results.filter((result) => result !== undefined);
        assert.equal(others.length, 0);
        assert.deepEqual([winner?.generation, winner?.rotatedAt, winner?.role, winner?.plan], [1, later(1000), 'owner', 'starter']);
        assert.deepEqual(Buffer.from(winner!.tokenHash), rotation.successorHash);
      });

      test('a wrong hash, generation, an ended or a timed-out session is not rotated', async () => {
        const session = await openSession();
        const rotation = { sessionId: session.id, generation: 0, tokenHash: session.tokenHash, successorHash: hash(), at: now };
        assert.equal(await stores.sessions.rotate({ ...rotation, tokenHash: hash() }), undefined);
        assert.equal(await stores.sessions.rotate({ ...rotation, generation: 1 }), undefined);
        assert.equal(await stores.sessions.rotate({ ...rotation, at: later(sessionIdleMs) }), undefined);
        assert.ok(await stores.sessions.rotate({ ...rotation, at: later(sessionIdleMs - 1) }));
        await stores.sessions.end(session, 'logout', now);
        assert.equal(await stores.sessions.rotate({ ...rotation, generation: 1, tokenHash: rotation.successorHash }), undefined);
      });

      test('ending is told once, and only within the tenant', async () => {
        const session = await openSession();
        assert.equal(await stores.sessions.end({ ...session, tenantId: newId() }, 'logout', now), false);
        const ended = await Promise.all(Array.from({ length: 5 }, () => stores.sessions.end(session, 'reuse_detected', now)));
        assert.equal(ended.filter(Boolean).length, 1);
        assert.equal((await stores.sessions.find(session.id))?.endReason, 'reuse_detected');
        const facts = (await stores.facts()).filter((fact) => fact.aggregateId === session.id);
        assert.deepEqual(
          facts.map(({ name: fact, payload }) => [fact, payload]),
          [['sessionEnded', { sessionId: session.id, userId: session.userId, reason: 'reuse_detected' }]],
        );
      });

      test('timed-out sessions are ended with their facts, in batches, others not', async () => {
        const old = [
          await openSession(later(-400 * dayMs)),
          await openSession(later(-400 * dayMs)),
          await openSession(later(-400 * dayMs)),
        ];
        const young = await openSession(later(-dayMs));
        assert.equal(await stores.sessions.endExpired(now, 2), 2);
        assert.equal(await stores.sessions.endExpired(now, 2), 1);
        assert.equal(await stores.sessions.endExpired(now, 2), 0);
        for (const { id } of old) assert.deepEqual(await factsOf(id), ['sessionEnded']);
        assert.equal((await stores.sessions.find(young.id))?.endReason, undefined);
        const busy = await openSession(later(-sessionAbsoluteMs - dayMs));
        // Rotated day by day, it is never idle, and ends all the same.
        let tokenHash: Uint8Array = busy.tokenHash;
        for (let generation = 0; generation < 9; generation += 1) {
          const successorHash = hash();
          const at = addMs(busy.createdAt, (generation + 1) * 9.9 * dayMs);
          await stores.sessions.rotate({ sessionId: busy.id, generation, tokenHash, successorHash, at });
          tokenHash = successorHash;
        }
        assert.equal((await stores.sessions.find(busy.id))?.generation, 9);
        assert.equal(await stores.sessions.endExpired(now, 10), 1);
      });

      test('all sessions of a person end together', async () => {
        const session = await openSession();
        const second = { ...session, id: newId(), tokenHash: hash() };
        await stores.sessions.open(second);
        await stores.transactions.run((unit) => unit.endSessionsOf(session.userId, 'logout', now));
        assert.deepEqual([await factsOf(session.id), await factsOf(second.id)], [['sessionEnded'], ['sessionEnded']]);
      });
    });

    describe('API keys', () => {
      const newKey = (tenantId: string, createdBy: string, more: Partial<NewApiKey> = {}): NewApiKey => ({
        id: newId(),
        tenantId,
        createdBy,
        name: 'ci',
        digest: hash(),
        prefix: 'nsk_live_abcde',
        mode: 'live',
        scopes: ['wallet:read', '*'],
        createdAt: now,
        ...more,
      });
      const create = (key: NewApiKey) => stores.apiKeys.create(key, apiKeyCreated({ tenantId: key.tenantId, at: now }, key.id, key.scopes));
      const revoke = (tenantId: string, id: string) => stores.apiKeys.revoke(tenantId, id, apiKeyRevoked({ tenantId, at: later(5) }, id));

      test('a key is found by its digest with the role of its maker and the plan of its tenant', async () => {
        const { tenantId } = await addTenant();
        const maker = await addPerson(tenantId, 'admin');
        const key = newKey(tenantId, maker.id, { expiresAt: later(dayMs) });
        assert.equal(await create(key), undefined);
        const found = await stores.apiKeys.findByDigest(key.digest);
        assert.deepEqual(
          [found?.id, found?.creatorRole, found?.plan, found?.scopes, found?.expiresAt],
          [key.id, 'admin', 'starter', key.scopes, later(dayMs)],
        );
        assert.equal(await stores.apiKeys.findByDigest(hash()), undefined);
        assert.deepEqual(await factsOf(key.id), ['apiKeyCreated']);
      });

      test('of ten creations with one idempotency key one is stored and the others are shown it', async () => {
        const { tenantId, userId } = await addTenant();
        const replay = { idempotencyKey: newId(), fingerprint: hash(), sealedKey: randomBytes(60) };
        const keys = Array.from({ length: 10 }, () => newKey(tenantId, userId, { replay }));
        const results = await Promise.all(keys.map(create));
        const winner = keys[results.indexOf(undefined)];
        assert.equal(results.filter((result) => result === undefined).length, 1);
        for (const earlier of results.filter((result) => result !== undefined)) {
          assert.equal(earlier.id, winner?.id);
          assert.deepEqual([Buffer.from(earlier.fingerprint), Buffer.from(earlier.sealedKey!)], [replay.fingerprint, replay.sealedKey]);
        }
        assert.equal((await stores.apiKeys.list(tenantId, { limit: 0, cursor: '' })).items.length, 1);
        const other = await addTenant();
        assert.equal(await create(newKey(other.tenantId, other.userId, { replay })), undefined, 'per tenant');
      });

      test('revoking is told once; another tenant has no such key', async () => {
        const { tenantId, userId } = await addTenant();
        const key = newKey(tenantId, userId);
        await create(key);
        assert.equal(await revoke(newId(), key.id), false);
        assert.equal(await revoke(tenantId, newId()), false);
        assert.deepEqual(await Promise.all([revoke(tenantId, key.id), revoke(tenantId, key.id), revoke(tenantId, key.id)]), [
          true,
          true,
          true,
        ]);
        assert.deepEqual(await factsOf(key.id), ['apiKeyCreated', 'apiKeyRevoked']);
        assert.deepEqual((await stores.apiKeys.findByDigest(key.digest))?.revokedAt, later(5));
        assert.equal(await stores.apiKeys.find(newId(), key.id), undefined);
        assert.deepEqual((await stores.apiKeys.find(tenantId, key.id))?.revokedAt, later(5));
      });

      test('pages are newest first, complete and without repetition, also among equal times', async () => {
        const { tenantId, userId } = await addTenant();
        const keys = Array.from({ length: 7 }, (_, i) => newKey(tenantId, userId, { createdAt: later(Math.floor(i / 3) * 1000) }));
        for (const key of keys) await create(key);
        const seen: string[] = [];
        let cursor = '';
        do {
          const page = await stores.apiKeys.list(tenantId, { limit: 2, cursor });
          seen.push(...page.items.map((key) => key.id));
          cursor = page.nextCursor;
        } while (cursor !== '' && seen.length < 20);
        const expected = keys
          .toSorted((a, b) => b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : -1))
          .map((key) => key.id);
        assert.deepEqual(seen, expected);
      });
    });

    describe('members', () => {
      const everyRole = memberRoles;
      const invitation = (tenantId: string, invitedBy: string, role: MemberRole = 'staff', email = `${newId()}@example.test`) => ({
        id: newId(),
        tenantId,
        email,
        role,
        invitedBy,
        createdAt: now,
        expiresAt: later(7 * dayMs),
      });

      test('the owner is the one of longest standing, of this tenant only', async () => {
        const { tenantId } = await addTenant();
        await addPerson(tenantId, 'owner', later(5_000));
        await addPerson(tenantId, 'admin', new Date(0));
        const owner = await stores.members.owner(tenantId);
        const { items } = await stores.members.list(tenantId, { limit: 10, cursor: '' });
        const owners = items.filter(({ role }) => role === 'owner');
        assert.equal(owners.length, 2);
        assert.equal(owner?.email, owners.at(-1)?.email);
        assert.equal(await stores.members.owner(newId()), undefined);
      });

      test('members are listed newest first within their tenant, page by page', async () => {
        const { tenantId, userId } = await addTenant();
        const people = [
          await addPerson(tenantId, 'admin', later(1000)),
          await addPerson(tenantId, 'viewer', later(1000)),
          await addPerson(tenantId, 'staff', later(2000)),
        ];
        const [a, b] = [people[0]!.id, people[1]!.id];
        const expected = [people[2]!.id, ...(a > b ? [a, b] : [b, a]), userId];
        const first = await stores.members.list(tenantId, { limit: 3, cursor: '' });
        const second = await stores.members.list(tenantId, { limit: 3, cursor: first.nextCursor });
        assert.deepEqual(
          [...first.items, ...second.items].map((member) => member.userId),
          expected,
        );
        assert.equal(second.nextCursor, '');
        assert.equal(await stores.members.isMember(tenantId, people[0]!.email.toUpperCase()), true);
        assert.equal(await stores.members.isMember((await addTenant()).tenantId, people[0]!.email), false);
      });

      test('inviting again keeps the id and kills the first token', async () => {
        const { tenantId, userId } = await addTenant();
        const first = invitation(tenantId, userId);
        const token = pending(now);
        assert.equal(await stores.members.invite(first, everyRole), first.id);
        await stores.members.issueInvitation(tenantId, first.id, token, now);
        assert.equal((await stores.members.findInvitation(token.hash))?.tenantName, 'Acme');
        assert.equal(await stores.members.invite(invitation(tenantId, userId, 'viewer', first.email.toUpperCase()), everyRole), first.id);
        assert.equal(await stores.members.findInvitation(token.hash), undefined);
        const second = pending(now);
        const issued = await stores.members.issueInvitation(tenantId, first.id, second, now);
        assert.deepEqual([issued?.invitation.role, Buffer.from(issued!.sealed)], ['viewer', second.sealed]);
        const again = await stores.members.issueInvitation(tenantId, first.id, pending(now), now);
        assert.deepEqual(Buffer.from(again!.sealed), second.sealed, 'issuing is repeatable');
        assert.equal(await stores.members.issueInvitation(newId(), first.id, pending(now), now), undefined);
      });

      test('an open invitation with a role out of reach is not replaced, an expired one is', async () => {
        const { tenantId, userId } = await addTenant();
        const first = invitation(tenantId, userId, 'owner');
        await stores.members.invite(first, everyRole);
        const second = invitation(tenantId, userId, 'viewer', first.email);
        assert.equal(await stores.members.invite(second, ['admin', 'staff', 'viewer']), undefined);
        const afterExpiry = { ...second, createdAt: later(7 * dayMs), expiresAt: later(14 * dayMs) };
        assert.equal(await stores.members.invite(afterExpiry, ['admin', 'staff', 'viewer']), first.id);
      });

      test('an invitation is taken once, by its token, before it expires', async () => {
        const { tenantId, userId } = await addTenant();
        const first = invitation(tenantId, userId);
        const token = pending(now);
        await stores.members.invite(first, everyRole);
        await stores.members.issueInvitation(tenantId, first.id, token, now);
        const take = (tokenHash: Uint8Array, at: Date) => stores.transactions.run((unit) => unit.takeInvitation(first.id, tokenHash, at));
        assert.equal(await take(hash(), now), undefined);
        assert.equal(await take(token.hash, later(7 * dayMs)), undefined);
        const taken = await Promise.all(Array.from({ length: 5 }, () => take(token.hash, later(hourMs))));
        assert.deepEqual(
          taken.filter((t) => t !== undefined).map((t) => [t.id, t.role, t.acceptedAt]),
          [[first.id, 'staff', later(hourMs)]],
        );
        const next = invitation(tenantId, userId, 'staff', first.email);
        assert.equal(await stores.members.invite(next, everyRole), next.id, 'an accepted one is history');
      });
    });

    describe('plans', () => {
      test('a change has a version, the same plan has none, a stranger nothing', async () => {
        const { tenantId } = await addTenant();
        const set = (id: string, plan: 'pro' | 'starter', at = new Date(0)) =>
          stores.transactions.run((unit) => unit.setPlan(id, plan, at));
        assert.deepEqual(
          [await set(tenantId, 'pro'), await set(tenantId, 'pro'), await set(tenantId, 'starter'), await set(newId(), 'pro')],
          [2, 'same', 3, undefined],
        );
        assert.equal((await stores.accounts.tenant(tenantId))?.plan, 'starter');
      });

      test('what was decided later stays, whatever arrives later', async () => {
        const { tenantId } = await addTenant();
        const set = (plan: 'pro' | 'starter', ms: number) => stores.transactions.run((unit) => unit.setPlan(tenantId, plan, new Date(ms)));
        assert.deepEqual(
          [await set('pro', 20), await set('starter', 10), await set('pro', 30), await set('starter', 25)],
          [2, 'same', 'same', 'same'],
        );
        assert.equal((await stores.accounts.tenant(tenantId))?.plan, 'pro');
      });
    });

    describe('throttle', () => {
      const claim = () => ({ policy: { name: 'test', delaysMs: [0, 0, secondMs, 2 * secondMs], forgetAfterMs: hourMs }, subject: newId() });

      test('a free attempt does not delay one that was made before it and is counted after it', async () => {
        const wanted = claim();
        assert.equal(await stores.throttle.claim([wanted], later(5)), 0);
        assert.equal(await stores.throttle.claim([wanted], now), 0);
      });

      test('free attempts, then longer and longer waits, the last one for ever', async () => {
        const one = claim();
        const waits: number[] = [];
        let at = now;
        for (let i = 0; i < 5; i += 1) {
          assert.equal(await stores.throttle.claim([one], at), 0);
          const wait = await stores.throttle.claim([one], at);
          waits.push(wait);
          at = addMs(at, wait);
        }
        assert.deepEqual(waits, [0, 1000, 2000, 2000, 2000]);
        assert.equal(await stores.throttle.claim([one], addMs(at, hourMs)), 0);
        assert.equal(await stores.throttle.claim([one], addMs(at, hourMs)), 0, 'counting has started again');
      });

      test('a hundred attempts at once get no more than the free ones and the first that is delayed', async () => {
        const one = { policy: signInPerAccount, subject: newId() };
        const waits = await Promise.all(Array.from({ length: 100 }, () => stores.throttle.claim([one], now)));
        assert.equal(waits.filter((wait) => wait === 0).length, 11);
      });

      test('while one of several is blocked none is counted; releasing takes back, resetting forgets', async () => {
        const [blocked, other] = [claim(), claim()];
        for (let i = 0; i < 3; i += 1) await stores.throttle.claim([blocked], now);
        for (let i = 0; i < 5; i += 1) assert.ok((await stores.throttle.claim([blocked, other], now)) > 0);
        assert.deepEqual([await stores.throttle.claim([other], now), await stores.throttle.claim([other], now)], [0, 0]);
        await stores.throttle.release([other]);
        assert.equal(await stores.throttle.claim([other], now), 0);
        await stores.throttle.release([{ ...blocked, reset: true }]);
        assert.equal(await stores.throttle.claim([blocked], now), 0);
      });

      test('subjects and policies do not touch each other, in whatever order they are claimed', async () => {
        const [a, b] = [claim(), claim()];
        const roomy = { name: 'roomy', delaysMs: [0], forgetAfterMs: minuteMs };
        const claims = [
          { policy: roomy, subject: a.subject },
          { policy: roomy, subject: b.subject },
        ];
        const results = await Promise.all(
          Array.from({ length: 40 }, (_, i) => stores.throttle.claim(i % 2 === 0 ? claims : claims.toReversed(), now)),
        );
        assert.ok(results.every((wait) => wait === 0));
      });
    });

    describe('signing keys', () => {
      test('of ten who add at once one does; the next addition has to know it', async () => {
        const make = () => ({ kid: newId(), publicJwk: { kty: 'OKP' }, sealedPrivateJwk: hash(), createdAt: now, signsFrom: now });
        const known = (await stores.signingKeys.list()).map((key) => key.kid);
        const results = await Promise.all(Array.from({ length: 10 }, () => stores.signingKeys.add(make(), known)));
        assert.equal(results.filter(Boolean).length, 1);
        assert.equal(await stores.signingKeys.add(make(), known), false);
        const listed = await stores.signingKeys.list();
        assert.deepEqual(
          listed.map((key) => key.publicJwk),
          [{ kty: 'OKP' }],
        );
        assert.equal(
          await stores.signingKeys.add(
            make(),
            listed.map((key) => key.kid),
          ),
          true,
        );
        await stores.signingKeys.remove(listed.map((key) => key.kid));
        assert.equal((await stores.signingKeys.list()).length, 1);
      });
    });
  });
};
