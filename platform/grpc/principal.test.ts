import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import test from 'node:test';
import fc from 'fast-check';
import { isAppError } from '#platform/errors/index.ts';
import { testClock } from '#platform/time/index.ts';
import { type Principal, principalSigner, principalVerifier, roles, systemPrincipal } from './principal.ts';
import { key, otherKey, principal } from './testing/ledger.ts';

const unauthenticated = (error: unknown): boolean => isAppError(error, 'auth.unauthenticated');
const expired = (error: unknown): boolean => isAppError(error, 'auth.token_expired');

const anyPrincipal: fc.Arbitrary<Principal> = fc.record(
  {
    tenantId: fc.uuid(),
    subject: fc.string(),
    roles: fc.array(fc.constantFrom(...roles), { maxLength: 5 }),
    scopes: fc.array(fc.string(), { maxLength: 5 }),
    plan: fc.string(),
    sessionId: fc.uuid(),
  },
  { requiredKeys: ['tenantId', 'subject', 'roles', 'scopes', 'plan'] },
);

test('what is signed is what is verified, for every principal', () => {
  const signer = principalSigner(key, 'gateway');
  const verifier = principalVerifier(key);
  fc.assert(
    fc.property(anyPrincipal, (given) => {
      const { principal: seen, caller } = verifier.verify(signer.sign(given));
      assert.deepEqual(JSON.parse(JSON.stringify(seen)), JSON.parse(JSON.stringify(given)));
      assert.equal(caller, 'gateway');
    }),
  );
});

test('no change of a token survives, and no other key', () => {
  const token = principalSigner(key, 'gateway').sign(principal());
  const verifier = principalVerifier(key);
  const bytes = Buffer.from(token);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const altered = Buffer.from(bytes);
      altered[at] = (altered[at] ?? 0) ^ change;
      const text = altered.toString('latin1');
      const [payload, signature = ''] = text.split('.');
      // Base64url has spellings of the same bytes; those are the same token.
      const same =
        payload === token.split('.')[0] && Buffer.from(signature, 'base64url').equals(Buffer.from(token.split('.')[1] ?? '', 'base64url'));
      if (!same) assert.throws(() => verifier.verify(text), unauthenticated);
    }),
  );
  assert.throws(() => principalVerifier(otherKey).verify(token), unauthenticated);
  for (const text of ['', '.', 'a', 'a.', '.a', `${token}.x`, 'x'.repeat(100_000)])
    assert.throws(() => verifier.verify(text), unauthenticated);
});

test('a token lives for a minute, also where it was verified before', () => {
  const clock = testClock();
  const token = principalSigner(key, 'gateway', clock).sign(principal());
  const verifier = principalVerifier(key, clock);
  const fresh = principalVerifier(key, clock);
  verifier.verify(token);
  clock.advance(59_999);
  verifier.verify(token);
  clock.advance(1);
  assert.throws(() => verifier.verify(token), expired);
  assert.throws(() => fresh.verify(token), expired);
});

test('a token is reused for ten seconds, so a receiver always has most of its life left', () => {
  const clock = testClock();
  const signer = principalSigner(key, 'gateway', clock);
  const first = signer.sign(principal());
  clock.advance(9_999);
  assert.equal(signer.sign(principal()), first);
  assert.notEqual(signer.sign(principal({ roles: ['viewer'] })), first, 'another role is another token');
  clock.advance(1);
  const second = signer.sign(principal());
  assert.notEqual(second, first);
  clock.advance(49_000);
  principalVerifier(key, clock).verify(second);
});

const signed = (claims: unknown): string => {
  const payload = Buffer.from(JSON.stringify(claims)).toString('base64url');
  return `${payload}.${createHmac('sha256', key).update(payload).digest('base64url')}`;
};

test('a signed token that is malformed, or lives longer than we sign, is refused; unknown roles give no right', () => {
  const clock = testClock();
  const verifier = principalVerifier(key, clock);
  const claims = { t: 't', s: 'user:u', r: ['owner'], o: [], p: 'free', c: 'gateway', e: clock.now().getTime() + 1_000 };
  assert.deepEqual(verifier.verify(signed(claims)).principal.roles, ['owner']);
  assert.deepEqual(verifier.verify(signed({ ...claims, r: ['root', 'viewer'] })).principal.roles, ['viewer']);
  for (const wrong of [{ t: 1 }, { r: 'owner' }, { r: [1] }, { o: null }, { e: 'soon' }, { e: null }, { s: undefined }, { i: 7 }]) {
    assert.throws(() => verifier.verify(signed({ ...claims, ...wrong })), unauthenticated, JSON.stringify(wrong));
  }
  assert.throws(() => verifier.verify(signed(null)), unauthenticated);
  assert.throws(() => verifier.verify(signed({ ...claims, e: clock.now().getTime() + 3_600_000 })), unauthenticated);
});

test('a verified principal cannot be changed by one handler for another', () => {
  const verifier = principalVerifier(key);
  const { principal: seen } = verifier.verify(principalSigner(key, 'gateway').sign(principal({ roles: ['viewer'] })));
  assert.throws(() => (seen.roles as string[]).push('owner'), TypeError);
  assert.throws(() => Object.assign(seen, { tenantId: 'other' }), TypeError);
});

test('a system principal has the role "system" and nothing else', () => {
  assert.deepEqual(systemPrincipal('billing', 't'), { tenantId: 't', subject: 'service:billing', roles: ['system'], scopes: [], plan: '' });
});
