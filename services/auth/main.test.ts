import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify, type JSONWebKeySet } from 'jose';
import { parseApiKey } from '#platform/apikey/index.ts';
import { isAppError, type ErrorCode } from '#platform/errors/index.ts';
import { systemPrincipal, type Principal } from '#platform/grpc/index.ts';
import { newId } from '#platform/ids/index.ts';
import { openBus } from '#platform/messaging/index.ts';
import { eventually } from '#platform/testing/index.ts';
import { addMs, dayMs, minuteMs, secondMs } from '#platform/time/index.ts';
import { Role } from '#proto/namaskah/auth/v1/auth.ts';
import { changeOperator } from './operators.ts';
import { goodPassword, issuer, principalOf, startTestService } from './testing/service.ts';

type Harness = Awaited<ReturnType<typeof startTestService>>;

const refusedWith = (code: ErrorCode) => (error: unknown) => {
  assert.ok(isAppError(error), String(error));
  assert.equal(error.code, code);
  return true;
};

describe('auth', () => {
  let harness: Harness;
  before(async () => {
    harness = await startTestService(2);
  });
  after(async () => {
    await harness.close();
  });

  const auth = () => harness.clients[0]!.auth;
  const keys = () => harness.clients[0]!.keys;
  const members = () => harness.clients[0]!.members;
  const internal = () => harness.clients[0]!.internal;
  const someEmail = () => `person.${newId().slice(-12)}@example.test`;
  const login = (email: string, password = goodPassword, ipAddress = newId()) =>
    auth().login({ email, password, userAgent: 'test', ipAddress });

  const signUp = async () => {
    const email = someEmail();
    const { user, tenant } = await auth().register({ email, password: goodPassword, organization: 'Acme Ltd' });
    const { tokens } = await login(email);
    return { email, userId: user!.id, tenantId: tenant!.id, tokens: tokens!, principal: principalOf(tokens!.accessToken) };
  };
  const subjectsOf = async (aggregateId: string) =>
    (await harness.db.query<{ subject: string }>('select subject from outbox where aggregate_id = $1 order by seq', [aggregateId])).map(
      (row) => row.subject.split('.').at(-1),
    );

  describe('registration', () => {
    test('makes tenant, owner and their events, and the mail can be answered', async () => {
      const email = ` Ada.${newId().slice(-8)}@EXAMPLE.test `;
      const { user, tenant } = await auth().register({ email, password: goodPassword, organization: ' Acme ' });
      assert.equal(user!.email, email.trim().replace('EXAMPLE', 'example'));
      assert.deepEqual([user!.emailVerified, tenant!.name, tenant!.plan], [false, 'Acme', 'starter']);
      assert.deepEqual(await subjectsOf(tenant!.id), ['registered']);
      assert.deepEqual(await subjectsOf(user!.id), ['registered', 'email-verification-requested']);

      const system = { principal: systemPrincipal('notification', tenant!.id) };
      const issued = await internal().issueEmailVerification({ userId: user!.id }, system);
      assert.deepEqual(
        await internal().issueEmailVerification({ userId: user!.id }, system),
        issued,
        'a redelivered event gets the same token',
      );
      assert.equal(issued.email, user!.email);
      await auth().verifyEmail({ token: issued.token });
      await assert.rejects(auth().verifyEmail({ token: issued.token }), refusedWith('auth.invalid_token'));
      assert.equal((await internal().issueEmailVerification({ userId: user!.id }, system)).token, '');
      const { tokens } = await login(email);
      const me = await auth().getMe({}, { principal: principalOf(tokens!.accessToken) });
      assert.deepEqual([me.user?.emailVerified, me.role, me.tenant?.id, me.apiKey], [true, Role.ROLE_OWNER, tenant!.id, undefined]);
      assert.deepEqual(await subjectsOf(user!.id), ['registered', 'email-verification-requested', 'email-verified']);
    });

    test('a known address gets the same answer, changes nothing, and its unverified owner one more mail', async () => {
      const { email, userId } = await signUp();
      const unknown = await auth().register({ email: someEmail(), password: goodPassword, organization: 'Umbrella' });
      const known = await auth().register({ email: email.toUpperCase(), password: 'another good password', organization: 'Umbrella' });
      const shape = (value: object): unknown =>
        Object.fromEntries(
          Object.entries(value).map(([key, v]) => [key, v instanceof Date || typeof v !== 'object' ? typeof v : shape(v as object)]),
        );
      assert.deepEqual(shape(known), shape(unknown));
      assert.notEqual(known.user!.id, userId);
      assert.deepEqual(await harness.db.query('select 1 from users where id = $1', [known.user!.id]), []);
      assert.deepEqual(await harness.db.query('select 1 from tenants where id = $1', [known.tenant!.id]), []);
      await assert.rejects(login(email, 'another good password'), refusedWith('auth.invalid_credentials'));
      assert.deepEqual(await subjectsOf(userId), ['registered', 'email-verification-requested', 'email-verification-requested']);
      assert.deepEqual(await subjectsOf(known.user!.id), []);
      // A second try within the minute sends nothing.
      await auth().register({ email, password: goodPassword, organization: 'Umbrella' });
      assert.equal((await subjectsOf(userId)).length, 3);
    });

    test('weak passwords and bad fields are named', async () => {
      const attempt = (change: object) =>
        auth().register({ email: 'lovelace@example.test', password: goodPassword, organization: 'Analytical', ...change });
      const fieldOf = async (change: object, code: ErrorCode) => {
        const error: unknown = await attempt(change).then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        assert.ok(isAppError(error, code), String(error));
        return error.fields[0]?.field;
      };
      for (const password of ['short', 'Password123', 'x'.repeat(257), 'my-lovelace-1843', 'ANALYTICAL engine']) {
        assert.equal(await fieldOf({ password }, 'auth.weak_password'), 'password', password);
      }
      assert.equal(await fieldOf({ email: 'no address' }, 'request.invalid'), 'email');
      assert.equal(await fieldOf({ organization: '  ' }, 'request.invalid'), 'organization');
    });

    test('asking for another mail is answered alike for everybody, and kills the token before', async () => {
      const { email, userId, tenantId } = await signUp();
      const system = { principal: systemPrincipal('notification', tenantId) };
      const first = await internal().issueEmailVerification({ userId }, system);
      assert.deepEqual(await auth().resendEmailVerification({ email }), {});
      assert.deepEqual(await auth().resendEmailVerification({ email: someEmail() }), {});
      assert.deepEqual(await auth().resendEmailVerification({ email: 'nonsense' }), {});
      await assert.rejects(auth().verifyEmail({ token: first.token }), refusedWith('auth.invalid_token'));
      const second = await internal().issueEmailVerification({ userId }, system);
      harness.clock.advance(dayMs);
      await assert.rejects(auth().verifyEmail({ token: second.token }), refusedWith('auth.invalid_token'));
      await auth().verifyEmail({ token: (await internal().issueEmailVerification({ userId }, system)).token });
      const before = await subjectsOf(userId);
      await auth().resendEmailVerification({ email });
      assert.deepEqual(await subjectsOf(userId), before, 'nothing to verify any more');
    });
  });

  describe('access tokens', () => {
    test('are verified by the published keys of either replica, with every claim', async () => {
      const { tokens, userId, tenantId } = await signUp();
      const documents = await Promise.all(
        harness.clients.map(async ({ auth: client }) => JSON.parse((await client.getJwks({})).jwksJson) as JSONWebKeySet),
      );
      assert.deepEqual(documents[0], documents[1], 'two replicas that started at once agree');
      assert.equal(documents[0]!.keys.length, 1);
      assert.equal(JSON.stringify(documents).includes('"d"'), false);
      const { payload, protectedHeader } = await jwtVerify(tokens.accessToken, createLocalJWKSet(documents[1]!), {
        algorithms: ['EdDSA'],
        issuer,
        audience: 'namaskah',
        typ: 'at+jwt',
        currentDate: harness.clock.now(),
      });
      const { sub, tid, role, plan, scopes, exp, iat, sid } = payload;
      assert.deepEqual([sub, tid, role, plan, scopes, exp! - iat!], [userId, tenantId, 'owner', 'starter', ['*'], tokens.expiresInSeconds]);
      assert.match(String(sid), /^[0-9a-f-]{36}$/);
      assert.equal(protectedHeader.kid, documents[0]!.keys[0]!.kid);
      assert.equal(tokens.expiresInSeconds, 600);
    });

    test('private keys and sessions are unreadable at rest', async () => {
      const { tokens } = await signUp();
      const [key] = await harness.db.query<{ sealed_private_jwk: Buffer }>('select sealed_private_jwk from signing_keys');
      assert.equal(key!.sealed_private_jwk.includes('"d"'), false);
      const dump = JSON.stringify(await harness.db.query("select *, encode(token_hash, 'base64') as h from sessions"));
      assert.equal(dump.includes(tokens.refreshToken), false);
      assert.equal(decodeProtectedHeader(tokens.accessToken).alg, 'EdDSA');
    });
  });

  describe('operators of the platform', () => {
    const claimOf = (accessToken: string) => decodeJwt(accessToken)['operator'];
    const change = (email: string, isOperator: boolean) => changeOperator(harness.databaseUrl, { email, isOperator, by: 'test' });

    test('are people with a verified address; the right is in the next token, and its end ends their sessions', async () => {
      const { email, userId, tenantId, tokens, principal } = await signUp();
      assert.equal(claimOf(tokens.accessToken), undefined);
      await assert.rejects(change(email, true), refusedWith('request.invalid'));
      await assert.rejects(change(someEmail(), true), refusedWith('request.not_found'));
      const { token } = await internal().issueEmailVerification({ userId }, { principal: systemPrincipal('notification', tenantId) });
      await auth().verifyEmail({ token });
      assert.deepEqual([await change(email, true), await change(email, true)], [true, false]);
      const next = (await auth().refresh({ refreshToken: tokens.refreshToken })).tokens!;
      assert.equal(claimOf(next.accessToken), true);
      assert.equal(claimOf((await login(email)).tokens!.accessToken), true);

      const { key } = await keys().createApiKey(
        { name: 'k', scopes: [], expiresAt: undefined, idempotencyKey: '' },
        { principal: { ...principal, roles: ['owner', 'operator'] } },
      );
      assert.equal((await keys().verifyApiKey({ key })).role, Role.ROLE_ADMIN, 'a key of an operator is a key like any other');

      assert.deepEqual([await change(email, false), await change(email, false)], [true, false]);
      await assert.rejects(auth().refresh({ refreshToken: next.refreshToken }), refusedWith('auth.unauthenticated'));
      assert.equal(claimOf((await login(email)).tokens!.accessToken), undefined);
    });
  });

  describe('signing in', () => {
    test('an unknown address and a wrong password are refused alike, and delayed alike', async () => {
      const { email } = await signUp();
      const run = async (address: string) => {
        const outcomes: unknown[] = [];
        for (let i = 0; i < 12; i += 1) {
          const error: unknown = await login(address, 'wrong password', '203.0.113.7').catch((thrown: unknown) => thrown);
          assert.ok(isAppError(error));
          outcomes.push([error.code, error.message, error.retryAfterMs]);
        }
        return outcomes;
      };
      const [known, unknown] = [await run(email), await run(someEmail())];
      assert.deepEqual(known, unknown);
      assert.equal((known.at(-1) as unknown[])[0], 'request.rate_limited');
      // The owner elsewhere is not locked out, and the delay ends.
      await login(email, goodPassword, '198.51.100.1');
      harness.clock.advance(2 * secondMs);
      await login(email, goodPassword, '203.0.113.7');
    });
  });

  describe('refreshing', () => {
    const refresh = (refreshToken: string, replica = 0) => harness.clients[replica]!.auth.refresh({ refreshToken });

    test('many at once on two replicas get one and the same successor', async () => {
      const { tokens } = await signUp();
      const results = await Promise.all(Array.from({ length: 20 }, (_, i) => refresh(tokens.refreshToken, i % 2)));
      const successors = new Set(results.map((result) => result.tokens!.refreshToken));
      assert.equal(successors.size, 1);
      assert.equal(successors.has(tokens.refreshToken), false);
      const [successor] = successors;
      assert.notEqual((await refresh(successor!)).tokens!.refreshToken, successor);
    });

    test('a lost reply within 30 s is given again; later it ends the session for all and is told', async () => {
      const { tokens, principal } = await signUp();
      const first = await refresh(tokens.refreshToken);
      harness.clock.advance(30 * secondMs);
      assert.equal((await refresh(tokens.refreshToken)).tokens!.refreshToken, first.tokens!.refreshToken);
      harness.clock.advance(secondMs);
      const reuses = await Promise.allSettled(Array.from({ length: 6 }, () => refresh(tokens.refreshToken)));
      for (const reuse of reuses) assert.ok(reuse.status === 'rejected' && refusedWith('auth.token_reused')(reuse.reason));
      await assert.rejects(refresh(first.tokens!.refreshToken), refusedWith('auth.token_reused'));
      assert.deepEqual(await subjectsOf(principal.sessionId!), ['ended']);
    });

    test('a token two generations old ends the session even at once', async () => {
      const { tokens } = await signUp();
      const second = await refresh(tokens.refreshToken);
      const third = await refresh(second.tokens!.refreshToken);
      await assert.rejects(refresh(tokens.refreshToken), refusedWith('auth.token_reused'));
      await assert.rejects(refresh(third.tokens!.refreshToken), refusedWith('auth.token_reused'));
    });

    test('an invented token, also one with a real session id, ends nothing', async () => {
      const { tokens } = await signUp();
      const bytes = Buffer.from(tokens.refreshToken.slice(4), 'base64url');
      for (const at of [0, 19, 30, 60]) {
        const forged = Buffer.from(bytes);
        forged[at]! ^= 1;
        await assert.rejects(refresh(`nsr_${forged.toString('base64url')}`), refusedWith('auth.unauthenticated'));
      }
      await assert.rejects(refresh('nonsense'), refusedWith('auth.unauthenticated'));
      await refresh(tokens.refreshToken);
    });

    test('ends after 14 idle days and after 90 days of use', async () => {
      const idle = await signUp();
      harness.clock.advance(14 * dayMs);
      await assert.rejects(refresh(idle.tokens.refreshToken), refusedWith('auth.token_expired'));
      await assert.rejects(refresh(idle.tokens.refreshToken), refusedWith('auth.token_expired'));
      assert.deepEqual(await subjectsOf(idle.principal.sessionId!), ['ended']);

      const busy = await signUp();
      let { refreshToken } = busy.tokens;
      for (let day = 10; day < 90; day += 10) {
        harness.clock.advance(10 * dayMs);
        refreshToken = (await refresh(refreshToken)).tokens!.refreshToken;
      }
      harness.clock.advance(10 * dayMs);
      await assert.rejects(refresh(refreshToken), refusedWith('auth.token_expired'));
    });

    test('logging out works with the principal, with the token, with both, and twice', async () => {
      const [a, b] = [await signUp(), await signUp()];
      await auth().logout({ refreshToken: '' }, { principal: a.principal });
      await assert.rejects(refresh(a.tokens.refreshToken), refusedWith('auth.unauthenticated'));
      await auth().logout({ refreshToken: b.tokens.refreshToken });
      await auth().logout({ refreshToken: b.tokens.refreshToken }, { principal: a.principal });
      await assert.rejects(refresh(b.tokens.refreshToken), refusedWith('auth.unauthenticated'));
      assert.deepEqual(await subjectsOf(b.principal.sessionId!), ['ended']);
      await assert.rejects(auth().logout({ refreshToken: '' }), refusedWith('auth.unauthenticated'));
      const c = await signUp();
      await auth().logout({ refreshToken: '' }, { principal: { ...a.principal, sessionId: c.principal.sessionId! } });
      await refresh(c.tokens.refreshToken);
    });

    test('a new plan is in the next access token', async () => {
      const { tokens, tenantId } = await signUp();
      const system = { principal: systemPrincipal('billing', tenantId) };
      await internal().setTenantPlan({ tenantId, plan: 'pro' }, system);
      await internal().setTenantPlan({ tenantId, plan: 'pro' }, system);
      assert.equal(principalOf((await refresh(tokens.refreshToken)).tokens!.accessToken).plan, 'pro');
      assert.deepEqual(await subjectsOf(tenantId), ['registered', 'plan-changed']);
      await assert.rejects(internal().setTenantPlan({ tenantId, plan: 'gold' }, system), refusedWith('request.invalid'));
      await assert.rejects(internal().setTenantPlan({ tenantId: newId(), plan: 'pro' }, system), refusedWith('request.not_found'));
    });
  });

  describe('API keys', () => {
    const create = (principal: Principal, change: { scopes?: string[]; idempotencyKey?: string; expiresAt?: Date; name?: string } = {}) =>
      keys().createApiKey({ name: 'ci', scopes: [], expiresAt: undefined, idempotencyKey: '', ...change }, { principal });
    const keyPrincipal = (tenantId: string, id: string, scopes: string[]): Principal => ({
      tenantId,
      subject: `key:${id}`,
      roles: ['admin'],
      scopes,
      plan: 'starter',
    });

    test('are shown once, verified, and refused at once when revoked', async () => {
      const { principal, tenantId } = await signUp();
      const { key, apiKey } = await create(principal);
      assert.deepEqual(parseApiKey(key), { mode: 'live', prefix: apiKey!.prefix });
      const verified = await keys().verifyApiKey({ key });
      assert.deepEqual(verified, {
        keyId: apiKey!.id,
        tenantId,
        role: Role.ROLE_ADMIN,
        scopes: ['*'],
        plan: 'starter',
        expiresAt: undefined,
      });
      const listed = await keys().listApiKeys({ page: undefined }, { principal });
      assert.deepEqual(
        listed.apiKeys.map((one) => [one.id, one.prefix, one.scopes]),
        [[apiKey!.id, key.slice(0, 14), ['*']]],
      );
      assert.equal(JSON.stringify(listed).includes(key), false);
      const me = await auth().getMe({}, { principal: keyPrincipal(tenantId, apiKey!.id, ['*']) });
      assert.deepEqual([me.apiKey?.id, me.user, me.role, me.tenant?.id], [apiKey!.id, undefined, Role.ROLE_ADMIN, tenantId]);
      await keys().revokeApiKey({ id: apiKey!.id }, { principal });
      await keys().revokeApiKey({ id: apiKey!.id }, { principal });
      await assert.rejects(keys().verifyApiKey({ key }), refusedWith('auth.unauthenticated'));
      assert.deepEqual(await subjectsOf(apiKey!.id), ['created', 'revoked']);
    });

    test('a wrong, a foreign and an expired key are refused alike', async () => {
      const { principal } = await signUp();
      const { key } = await create(principal, { expiresAt: addMs(harness.clock.now(), minuteMs) });
      await keys().verifyApiKey({ key });
      harness.clock.advance(minuteMs);
      for (const wrong of [key, '', 'nsk_live_x', `${key.slice(0, -1)}_`, 'nsk_live_0000000000000000000000000000003Vslfo']) {
        await assert.rejects(keys().verifyApiKey({ key: wrong }), refusedWith('auth.unauthenticated'));
      }
    });

    test('repeating a creation gives the same key; another request with that key, or another person, does not', async () => {
      const { principal } = await signUp();
      const idempotencyKey = newId();
      const results = await Promise.all(Array.from({ length: 8 }, () => create(principal, { idempotencyKey })));
      assert.equal(new Set(results.map((result) => result.key)).size, 1);
      assert.equal(new Set(results.map((result) => result.apiKey!.id)).size, 1);
      await keys().verifyApiKey({ key: results[0]!.key });
      await assert.rejects(create(principal, { idempotencyKey, name: 'other' }), refusedWith('request.idempotency_conflict'));
      const other = { ...principal, subject: `user:${newId()}` };
      await assert.rejects(create(other, { idempotencyKey }), refusedWith('request.idempotency_conflict'));
    });

    test('scopes come from the list and are never wider than those of the maker', async () => {
      const { principal, tenantId } = await signUp();
      await assert.rejects(
        create(principal, { scopes: ['wallet:read', 'wallet:write'] }),
        (error) => isAppError(error, 'request.invalid') && error.fields[0]?.field === 'scopes[1]',
      );
      await assert.rejects(create(principal, { expiresAt: harness.clock.now() }), refusedWith('request.invalid'));
      const { apiKey } = await create(principal, {
        scopes: ['api-keys:write', 'wallet:read', 'wallet:read'],
        expiresAt: addMs(harness.clock.now(), dayMs),
      });
      assert.deepEqual(apiKey!.scopes, ['api-keys:write', 'wallet:read']);
      const limited = keyPrincipal(tenantId, apiKey!.id, apiKey!.scopes);
      const soon = addMs(harness.clock.now(), minuteMs);
      await assert.rejects(create(limited, { expiresAt: soon }), refusedWith('auth.forbidden'));
      await assert.rejects(create(limited, { scopes: ['wallet:read'] }), refusedWith('auth.forbidden'), 'would outlive its maker');
      assert.deepEqual((await create(limited, { scopes: ['wallet:read'], expiresAt: soon })).apiKey!.scopes, ['wallet:read']);
      await assert.rejects(keys().listApiKeys({ page: undefined }, { principal: limited }), refusedWith('auth.forbidden'));
    });

    test('a key is never more than its maker is now', async () => {
      const { principal, userId, tenantId } = await signUp();
      const { key } = await create(principal);
      await harness.db.query("update memberships set role = 'viewer' where tenant_id = $1 and user_id = $2", [tenantId, userId]);
      assert.equal((await keys().verifyApiKey({ key })).role, Role.ROLE_VIEWER);
      await harness.db.query('delete from memberships where tenant_id = $1 and user_id = $2', [tenantId, userId]);
      await assert.rejects(keys().verifyApiKey({ key }), refusedWith('auth.unauthenticated'));
    });

    test('another tenant sees no key, and cannot revoke it', async () => {
      const [one, two] = [await signUp(), await signUp()];
      const { apiKey, key } = await create(one.principal);
      assert.deepEqual((await keys().listApiKeys({ page: undefined }, { principal: two.principal })).apiKeys, []);
      await assert.rejects(keys().revokeApiKey({ id: apiKey!.id }, { principal: two.principal }), refusedWith('request.not_found'));
      await assert.rejects(keys().revokeApiKey({ id: 'not-an-id' }, { principal: two.principal }), refusedWith('request.not_found'));
      await keys().verifyApiKey({ key });
    });
  });

  describe('members', () => {
    const invite = async (principal: Principal, role: Role, email = someEmail()) => {
      const { invitationId } = await members().inviteMember({ email, role }, { principal });
      const { token } = await internal().issueInvitation(
        { invitationId },
        { principal: systemPrincipal('notification', principal.tenantId) },
      );
      return { invitationId, token, email };
    };

    test('a stranger accepts, is verified, signs in with the role; the token works once', async () => {
      const owner = await signUp();
      const { token, email, invitationId } = await invite(owner.principal, Role.ROLE_STAFF);
      assert.deepEqual(await subjectsOf(invitationId), ['invited']);
      await assert.rejects(members().acceptInvitation({ token, password: 'short' }), refusedWith('auth.weak_password'));
      const { user, tenant } = await members().acceptInvitation({ token, password: goodPassword });
      assert.deepEqual([user!.email, user!.emailVerified, tenant!.id], [email, true, owner.tenantId]);
      await assert.rejects(members().acceptInvitation({ token, password: goodPassword }), refusedWith('auth.invalid_token'));
      const staff = principalOf((await login(email)).tokens!.accessToken);
      assert.deepEqual([staff.roles, staff.tenantId], [['staff'], owner.tenantId]);
      const { members: listed } = await members().listMembers({ page: undefined }, { principal: staff });
      assert.deepEqual(new Set(listed.map((member) => member.role)), new Set([Role.ROLE_OWNER, Role.ROLE_STAFF]));
      await assert.rejects(
        members().inviteMember({ email, role: Role.ROLE_VIEWER }, { principal: owner.principal }),
        refusedWith('request.invalid'),
      );
      assert.equal(
        (await internal().issueInvitation({ invitationId }, { principal: systemPrincipal('notification', owner.tenantId) })).token,
        '',
      );
    });

    test('a verified person needs the right password; an unverified account is taken over by the owner of the address', async () => {
      const owner = await signUp();
      const person = await signUp();
      const system = { principal: systemPrincipal('notification', person.tenantId) };
      await auth().verifyEmail({ token: (await internal().issueEmailVerification({ userId: person.userId }, system)).token });
      const first = await invite(owner.principal, Role.ROLE_VIEWER, person.email);
      harness.clock.advance(minuteMs);
      await assert.rejects(
        members().acceptInvitation({ token: first.token, password: 'not the password' }),
        refusedWith('auth.invalid_credentials'),
      );
      assert.equal((await members().acceptInvitation({ token: first.token, password: goodPassword })).user!.id, person.userId);
      assert.equal(principalOf((await login(person.email)).tokens!.accessToken).tenantId, owner.tenantId);

      const squatter = await signUp();
      const second = await invite(owner.principal, Role.ROLE_VIEWER, squatter.email);
      await members().acceptInvitation({ token: second.token, password: 'the true owner of the mailbox' });
      await assert.rejects(login(squatter.email, goodPassword), refusedWith('auth.invalid_credentials'));
      await assert.rejects(auth().refresh({ refreshToken: squatter.tokens.refreshToken }), refusedWith('auth.unauthenticated'));
      await login(squatter.email, 'the true owner of the mailbox');
    });

    test('an invitation ends after 7 days', async () => {
      const owner = await signUp();
      const { token } = await invite(owner.principal, Role.ROLE_STAFF);
      harness.clock.advance(7 * dayMs);
      await assert.rejects(members().acceptInvitation({ token, password: goodPassword }), refusedWith('auth.invalid_token'));
    });

    test('of many who accept at once one does', async () => {
      const owner = await signUp();
      const { token } = await invite(owner.principal, Role.ROLE_STAFF);
      const results = await Promise.allSettled(
        Array.from({ length: 5 }, () => members().acceptInvitation({ token, password: goodPassword })),
      );
      assert.equal(results.filter((result) => result.status === 'fulfilled').length, 1);
      assert.equal((await members().listMembers({ page: undefined }, { principal: owner.principal })).members.length, 2);
    });
  });

  describe('who may do what', () => {
    test('the role matrix', async () => {
      const { tenantId, userId } = await signUp();
      const as = (role: Principal['roles'][number], subject = `user:${userId}`): Principal => ({
        tenantId,
        subject,
        roles: [role],
        scopes: ['*'],
        plan: 'starter',
      });
      const invite = (role: Role) => (principal: Principal) => members().inviteMember({ email: someEmail(), role }, { principal });
      const calls: Record<string, [call: (principal: Principal) => Promise<unknown>, allowed: readonly string[]]> = {
        getMe: [(principal) => auth().getMe({}, { principal }), ['owner', 'admin', 'staff', 'viewer']],
        listMembers: [(principal) => members().listMembers({ page: undefined }, { principal }), ['owner', 'admin', 'staff', 'viewer']],
        listApiKeys: [(principal) => keys().listApiKeys({ page: undefined }, { principal }), ['owner', 'admin', 'staff', 'viewer']],
        createApiKey: [
          (principal) => keys().createApiKey({ name: 'x', scopes: [], expiresAt: undefined, idempotencyKey: '' }, { principal }),
          ['owner', 'admin'],
        ],
        revokeApiKey: [
          async (principal) => {
            const { apiKey } = await keys().createApiKey(
              { name: 'x', scopes: [], expiresAt: undefined, idempotencyKey: '' },
              { principal: as('owner') },
            );
            return await keys().revokeApiKey({ id: apiKey!.id }, { principal });
          },
          ['owner', 'admin'],
        ],
        inviteOwner: [invite(Role.ROLE_OWNER), ['owner']],
        inviteAdmin: [invite(Role.ROLE_ADMIN), ['owner', 'admin']],
        inviteStaff: [invite(Role.ROLE_STAFF), ['owner', 'admin']],
        inviteViewer: [invite(Role.ROLE_VIEWER), ['owner', 'admin']],
        issueEmailVerification: [(principal) => internal().issueEmailVerification({ userId }, { principal }), ['system']],
        setTenantPlan: [(principal) => internal().setTenantPlan({ tenantId, plan: 'starter' }, { principal }), ['system']],
      };
      for (const [name, [call, allowed]] of Object.entries(calls)) {
        for (const role of ['owner', 'admin', 'staff', 'viewer', 'system'] as const) {
          const principal = as(role, role === 'system' ? 'service:billing' : undefined);
          const refusal: unknown = await call(principal).then(
            () => undefined,
            (error: unknown) => error,
          );
          if (allowed.includes(role)) assert.equal(refusal, undefined, `${name} as ${role}: ${String(refusal)}`);
          else assert.ok(isAppError(refusal, 'auth.forbidden'), `${name} as ${role}: ${String(refusal)}`);
        }
        await assert.rejects(call(undefined as unknown as Principal), refusedWith('auth.unauthenticated'), `${name} by nobody`);
      }
    });

    test("another tenant's people and invitations do not exist", async () => {
      const [one, two] = [await signUp(), await signUp()];
      const { invitationId } = await members().inviteMember({ email: someEmail(), role: Role.ROLE_STAFF }, { principal: one.principal });
      const system = { principal: systemPrincipal('notification', two.tenantId) };
      await assert.rejects(internal().issueInvitation({ invitationId }, system), refusedWith('request.not_found'));
      await assert.rejects(internal().issueEmailVerification({ userId: one.userId }, system), refusedWith('request.not_found'));
      await assert.rejects(internal().setTenantPlan({ tenantId: one.tenantId, plan: 'pro' }, system), refusedWith('request.not_found'));
      assert.deepEqual(
        (await members().listMembers({ page: undefined }, { principal: two.principal })).members.map((member) => member.userId),
        [two.userId],
      );
      await assert.rejects(auth().getMe({}, { principal: { ...one.principal, tenantId: two.tenantId } }), refusedWith('request.not_found'));
    });
  });

  test('no password, token, key or address is in a log line or an event', async () => {
    const secrets: string[] = [];
    const { principal, tokens, tenantId, userId, email } = await signUp();
    const created = await keys().createApiKey({ name: 'x', scopes: [], expiresAt: undefined, idempotencyKey: 'k' }, { principal });
    await keys().verifyApiKey({ key: created.key });
    const system = { principal: systemPrincipal('notification', tenantId) };
    const { token } = await internal().issueEmailVerification({ userId }, system);
    const invited = someEmail();
    const { invitationId } = await members().inviteMember({ email: invited, role: Role.ROLE_STAFF }, { principal });
    const invitation = await internal().issueInvitation({ invitationId }, system);
    await auth()
      .verifyEmail({ token: `${token}x` })
      .catch(() => undefined);
    await login(email, 'an entirely wrong one').catch(() => undefined);
    await auth()
      .refresh({ refreshToken: `${tokens.refreshToken}x` })
      .catch(() => undefined);
    await keys().revokeApiKey({ id: created.apiKey!.id }, { principal });
    await auth().logout({ refreshToken: tokens.refreshToken });
    secrets.push(
      goodPassword,
      'an entirely wrong one',
      tokens.accessToken,
      tokens.refreshToken,
      created.key,
      token,
      invitation.token,
      email,
      invited,
    );
    const rows = await harness.db.query<{ headers: unknown; payload: Buffer }>('select headers, payload from outbox');
    const everything = harness.logs() + rows.map((row) => JSON.stringify(row.headers) + row.payload.toString()).join('\n');
    assert.ok(rows.length > 5 && everything.includes(tenantId));
    for (const secret of secrets) assert.equal(everything.includes(secret), false);
    const tables = ['users', 'sessions', 'api_keys', 'email_verifications', 'invitations', 'throttles', 'signing_keys'];
    const dumps = await Promise.all(tables.map((table) => harness.db.query(`select t::text as row from ${table} t`)));
    const hex = (secret: string) => Buffer.from(secret).toString('hex');
    for (const secret of secrets.slice(0, 7)) {
      assert.equal(JSON.stringify(dumps).includes(secret) || JSON.stringify(dumps).includes(hex(secret)), false);
    }
  });

  test('events reach the broker', async () => {
    const bus = await openBus({ url: harness.nats.url, name: 'test' });
    const seen: string[] = [];
    const stop = await bus.follow(
      'namaskah.auth.v1.>',
      (event) => void seen.push(`${event.subject} ${event.aggregateId} ${event.tenantId}`),
    );
    const { tenantId, userId } = await signUp();
    await eventually(() => {
      for (const expected of [
        `namaskah.auth.v1.tenant.registered ${tenantId} ${tenantId}`,
        `namaskah.auth.v1.user.email-verification-requested ${userId} ${tenantId}`,
      ]) {
        assert.ok(seen.includes(expected));
      }
    });
    await stop();
    await bus.close();
  });
});
