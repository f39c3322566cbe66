import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { generateApiKey } from '#platform/apikey/index.ts';
import { appError, isAppError } from '#platform/errors/index.ts';
import { testClock } from '#platform/time/index.ts';
import type { Caller } from '../../app/ports.ts';
import { apiKeyVerifier, type VerifiedKey } from './api-keys.ts';
import { tokenVerifier } from './tokens.ts';

const issuer = 'http://gateway.test';

const issuerWithKey = async (kid: string) => {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA', { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid, alg: 'EdDSA', use: 'sig' };
  const clock = testClock(new Date('2026-03-01T12:00:00Z'));
  const sign = (
    claims: Record<string, unknown> = {},
    header: Record<string, unknown> = {},
    options: { issuer?: string; audience?: string } = {},
  ) =>
    new SignJWT({ tid: 't1', role: 'owner', plan: 'pro', sid: 's1', scopes: ['*'], ...claims })
      .setProtectedHeader({ alg: 'EdDSA', kid, typ: 'at+jwt', ...header })
      .setSubject('u1')
      .setIssuer(options.issuer ?? issuer)
      .setAudience(options.audience ?? 'namaskah')
      .setIssuedAt(clock.now())
      .setExpirationTime(new Date(clock.now().getTime() + 600_000))
      .sign(privateKey);
  return { jwk, clock, sign };
};

const refusedAs = (code: 'auth.unauthenticated' | 'auth.token_expired') => (error: unknown) => isAppError(error, code);

describe('token verifier', () => {
  it('verifies without further calls, then forgets at expiry', async () => {
    const { jwk, clock, sign } = await issuerWithKey('a');
    let fetches = 0;
    const verifier = tokenVerifier({ fetchJwks: async () => (fetches++, JSON.stringify({ keys: [jwk] })), issuer, clock });
    const token = await sign();
    assert.deepEqual(await verifier.verify(token), {
      tenantId: 't1',
      subject: 'user:u1',
      roles: ['owner'],
      scopes: ['*'],
      plan: 'pro',
      sessionId: 's1',
    });
    await verifier.verify(token);
    assert.equal(fetches, 1);
    clock.advance(606_000);
    await assert.rejects(async () => verifier.verify(token), refusedAs('auth.token_expired'));
  });
  it('refuses another issuer, audience, type, algorithm or signature', async () => {
    const { jwk, clock, sign } = await issuerWithKey('a');
    const stranger = await issuerWithKey('a');
    const verifier = tokenVerifier({ fetchJwks: async () => JSON.stringify({ keys: [jwk] }), issuer, clock });
    const unsigned = `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${(await sign()).split('.')[1]}.`;
    for (const token of [
      await sign({}, {}, { issuer: 'http://evil.test' }),
      await sign({}, {}, { audience: 'other' }),
      await sign({}, { typ: 'JWT' }),
      await stranger.sign(),
      unsigned,
      'not.a.token',
      'garbage',
    ]) {
      await assert.rejects(async () => verifier.verify(token), refusedAs('auth.unauthenticated'));
    }
  });
  it('finds a key that was published after it last looked', async () => {
    const first = await issuerWithKey('a');
    const second = await issuerWithKey('b');
    let published = [first.jwk];
    const verifier = tokenVerifier({ fetchJwks: async () => JSON.stringify({ keys: published }), issuer, clock: first.clock });
    await verifier.verify(await first.sign());
    published = [first.jwk, second.jwk];
    first.clock.advance(10_000);
    second.clock.set(first.clock.now());
    assert.equal((await verifier.verify(await second.sign({ sid: 's2' }))).sessionId, 's2');
  });
  it('an ended session and a changed plan take effect on tokens already known', async () => {
    const { jwk, clock, sign } = await issuerWithKey('a');
    const verifier = tokenVerifier({ fetchJwks: async () => JSON.stringify({ keys: [jwk] }), issuer, clock });
    const token = await sign();
    await verifier.verify(token);
    verifier.changePlan('t1', 'enterprise');
    assert.equal((await verifier.verify(token)).plan, 'enterprise');
    verifier.endSession('s1');
    await assert.rejects(async () => verifier.verify(token), refusedAs('auth.unauthenticated'));
  });
});

describe('api key verifier', () => {
  const caller: Caller = { tenantId: 't1', subject: 'key:k1', roles: ['admin'], scopes: ['*'], plan: 'starter' };
  const setUp = (ask?: (key: string) => Promise<VerifiedKey>) => {
    const asked: string[] = [];
    const clock = testClock();
    const verifier = apiKeyVerifier({
      clock,
      ask: async (key) => {
        asked.push(key);
        return ask ? ask(key) : { keyId: 'k1', caller, expiresAt: undefined };
      },
    });
    return { asked, clock, verifier, key: generateApiKey('live', randomBytes(32)) };
  };
  it('a plan that changes while a key is looked up has changed, whichever plan the answer says', async () => {
    let answer: (known: VerifiedKey) => void = () => undefined;
    const { verifier, key, asked } = setUp(() => new Promise((resolve) => void (answer = resolve)));
    const first = verifier.verify(key);
    verifier.changePlan('t1', 'pro');
    answer({ keyId: 'k1', caller, expiresAt: undefined });
    assert.equal((await first).plan, 'pro');
    assert.equal((await verifier.verify(key)).plan, 'pro');
    assert.equal(asked.length, 1);
    verifier.changePlan('t1', 'enterprise');
    assert.equal((await verifier.verify(key)).plan, 'enterprise');
  });
  it('asks nobody about a key whose checksum is wrong', async () => {
    const { asked, verifier, key } = setUp();
    const typo = key.slice(0, -1) + (key.endsWith('a') ? 'b' : 'a');
    await assert.rejects(async () => verifier.verify(typo), refusedAs('auth.unauthenticated'));
    assert.deepEqual(asked, []);
  });
  it('asks once for many, also at the same time', async () => {
    const { asked, verifier, key } = setUp();
    await Promise.all(Array.from({ length: 20 }, async () => verifier.verify(key)));
    await verifier.verify(key);
    assert.equal(asked.length, 1);
  });
  it('remembers a refusal for a moment, but not a failure to ask', async () => {
    let failure = appError('platform.unavailable');
    const { asked, verifier, key } = setUp(() => Promise.reject(failure));
    await assert.rejects(
      async () => verifier.verify(key),
      (error) => isAppError(error, 'platform.unavailable'),
    );
    failure = appError('auth.unauthenticated');
    await assert.rejects(async () => verifier.verify(key), refusedAs('auth.unauthenticated'));
    await assert.rejects(async () => verifier.verify(key), refusedAs('auth.unauthenticated'));
    assert.equal(asked.length, 2);
  });
  it('a revocation counts at once, even when it overtakes a look-up under way', async () => {
    let answer: (key: VerifiedKey) => void = () => {};
    const { verifier, key } = setUp(() => new Promise((resolve) => (answer = resolve)));
    const pending = verifier.verify(key);
    verifier.revoke('k1');
    answer({ keyId: 'k1', caller, expiresAt: undefined });
    await assert.rejects(async () => pending, refusedAs('auth.unauthenticated'));
  });
  it('an expired key is refused though it is known', async () => {
    const { verifier, key, clock } = setUp(async () => ({ keyId: 'k1', caller, expiresAt: new Date('2026-01-01T00:01:00Z') }));
    await verifier.verify(key);
    clock.advance(60_000);
    await assert.rejects(async () => verifier.verify(key), refusedAs('auth.unauthenticated'));
  });
});
