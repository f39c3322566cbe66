import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { addMs, dayMs, hourMs, minuteMs } from '#platform/time/index.ts';
import { emailKey, normaliseEmail } from './email.ts';
import { passwordWeakness } from './password.ts';
import { apiKeyRole, grantableRoles, isManager, memberRoles } from './roles.ts';
import { isScope, scopes, scopesCover } from './scopes.ts';
import { accessTokenLifeMs, isExpired, judgeRefresh, refreshGraceMs, sessionAbsoluteMs, sessionIdleMs, type Session } from './session.ts';
import { nextKeySignsFrom, publishedKeys, signingKeyAt, signingKeyLeadMs, signingKeyLifeMs, type SigningKeyDates } from './signing-keys.ts';
import { delayAfter, signInPerAccount, signInPerNetwork, verificationMail } from './throttle.ts';

const now = new Date('2026-03-01T12:00:00Z');

describe('e-mail addresses', () => {
  test('are trimmed, the domain lower-cased, the local part left alone', () => {
    assert.equal(normaliseEmail('  Ada.Lovelace+x@Mail.EXAMPLE.Com\n'), 'Ada.Lovelace+x@mail.example.com');
    assert.equal(normaliseEmail("o'hara_1@bücher.example"), "o'hara_1@bücher.example");
  });

  test('what is no address is refused', () => {
    const wrong = [
      '',
      'ada',
      'ada@',
      '@example.test',
      'ada@localhost',
      'a b@example.test',
      'ada@exa mple.test',
      'ada@@example.test',
      '.ada@example.test',
      'ada.@example.test',
      'a..b@example.test',
      'ada@-x.test',
      'ada@x-.test',
      'ada@example..test',
      'Ada <ada@example.test>',
      'ada@example.test,b@example.test',
      `${'x'.repeat(65)}@example.test`,
      `ada@${'x.'.repeat(130)}test`,
      'ada\u0000@example.test',
    ];
    for (const text of wrong) assert.equal(normaliseEmail(text), undefined, text);
  });

  test('normalising twice changes nothing; the account key ignores case', () => {
    fc.assert(
      fc.property(fc.emailAddress(), (address) => {
        const once = normaliseEmail(address);
        fc.pre(once !== undefined);
        assert.equal(normaliseEmail(once), once);
        assert.equal(emailKey(once), emailKey(once.toUpperCase()));
      }),
    );
  });

  test('no text makes the pattern slow', () => {
    const startedAt = performance.now();
    for (const text of [`a@${'a-'.repeat(120)}`, `a@${'a.'.repeat(125)}`, '@'.repeat(250), `${'a'.repeat(64)}@${'-'.repeat(180)}`])
      normaliseEmail(text);
    assert.ok(performance.now() - startedAt < 100);
  });
});

describe('passwords', () => {
  const context = { email: 'lovelace@example.test', organization: 'Babbage & Co' };
  const breached = new Set(['password123']);
  const check = (password: string) => passwordWeakness(password, context, breached);

  test('length counts characters, not bytes or halves of them', () => {
    assert.match(check('1234567') ?? '', /at least 8/);
    assert.match(check('😀'.repeat(7)) ?? '', /at least 8/);
    assert.equal(check('😀'.repeat(8)), undefined);
    assert.equal(check('😀'.repeat(256)), undefined);
    assert.match(check('x'.repeat(257)) ?? '', /at most 256/);
  });

  test('known ones in any case, and those made of the own names, are refused', () => {
    assert.match(check('PassWord123') ?? '', /stolen/);
    assert.match(check('xLOVELACEx') ?? '', /e-mail/);
    assert.match(check('my babbage & co pw') ?? '', /organisation/);
    assert.equal(passwordWeakness('al is not in here', { email: 'al@example.test', organization: 'io' }, breached), undefined);
  });

  test('there are no composition rules', () => {
    for (const password of ['aaaaaaaab', '        x', 'ünïcödé wörds', '00000000000000001']) assert.equal(check(password), undefined);
  });
});

describe('roles and scopes', () => {
  test('only managers hand out roles, and nobody one above the own', () => {
    const rank = (role: string) => memberRoles.indexOf(role as 'owner');
    for (const actor of memberRoles) {
      assert.equal(grantableRoles(actor).length > 0, isManager(actor));
      for (const role of grantableRoles(actor)) assert.ok(rank(role) >= rank(actor));
    }
    assert.deepEqual(memberRoles.map(apiKeyRole), ['admin', 'admin', 'staff', 'viewer']);
  });

  test('covering is the subset relation, with * above all', () => {
    fc.assert(
      fc.property(fc.subarray([...scopes]), fc.subarray([...scopes]), (granted, wanted) => {
        const missing = wanted.filter((scope) => !granted.includes(scope));
        assert.equal(scopesCover(granted, wanted), granted.includes('*') || missing.length === 0);
      }),
    );
    assert.equal(isScope('wallet:write'), false);
  });
});

describe('sessions', () => {
  const session = (change: Partial<Session> = {}): Session => ({
    id: 's',
    tenantId: 't',
    userId: 'u',
    generation: 5,
    tokenHash: new Uint8Array(),
    createdAt: addMs(now, -dayMs),
    rotatedAt: addMs(now, -hourMs),
    ...change,
  });

  test('the verdict on a token, at the edges', () => {
    assert.equal(judgeRefresh(session(), 5, now), 'current');
    assert.equal(judgeRefresh(session(), 6, now), 'foreign');
    assert.equal(judgeRefresh(session(), 4, now), 'reused');
    assert.equal(judgeRefresh(session({ rotatedAt: addMs(now, -refreshGraceMs) }), 4, now), 'repeated');
    assert.equal(judgeRefresh(session({ rotatedAt: addMs(now, -refreshGraceMs - 1) }), 4, now), 'reused');
    assert.equal(judgeRefresh(session({ rotatedAt: now }), 3, now), 'reused');
    assert.equal(judgeRefresh(session({ endReason: 'logout' }), 5, now), 'ended');
    assert.equal(judgeRefresh(session({ rotatedAt: addMs(now, -sessionIdleMs) }), 5, now), 'expired');
    assert.equal(judgeRefresh(session({ rotatedAt: addMs(now, -sessionIdleMs + 1) }), 5, now), 'current');
    assert.equal(isExpired({ createdAt: addMs(now, -sessionAbsoluteMs), rotatedAt: now }, now), true);
    assert.equal(isExpired({ createdAt: addMs(now, -sessionAbsoluteMs + 1), rotatedAt: now }, now), false);
  });
});

describe('throttling', () => {
  test('waits never get shorter, begin at the free attempts and end at their maximum', () => {
    for (const policy of [signInPerAccount, signInPerNetwork, verificationMail]) {
      assert.deepEqual(
        policy.delaysMs,
        policy.delaysMs.toSorted((a, b) => a - b),
      );
      assert.equal(delayAfter(policy, 10_000), policy.delaysMs.at(-1));
      assert.ok(policy.forgetAfterMs >= policy.delaysMs.at(-1)!, 'a wait is not forgotten before it ends');
    }
    assert.deepEqual(
      [10, 11, 12, 13].map((attempts) => delayAfter(signInPerAccount, attempts)),
      [0, 1000, 2000, 4000],
    );
    assert.equal(delayAfter(signInPerAccount, 1000), 15 * minuteMs);
  });
});

describe('signing keys', () => {
  test('over a year of hours: exactly one signs, it has been public for its lead, and no living token loses its key', () => {
    let keys: SigningKeyDates[] = [];
    const firstSeen = new Map<string, Date>();
    const signedAt = new Map<string, Date>();
    for (let hour = 0; hour < 365 * 24; hour += 1) {
      const at = addMs(now, hour * hourMs);
      const signsFrom = nextKeySignsFrom(keys, at);
      if (signsFrom !== undefined) keys = [...keys, { kid: `k${String(hour).padStart(5, '0')}`, createdAt: at, signsFrom }];
      keys = publishedKeys(keys, at);
      for (const key of keys) if (!firstSeen.has(key.kid)) firstSeen.set(key.kid, at);
      const signer = signingKeyAt(keys, at);
      assert.ok(signer !== undefined);
      const publishedForMs = at.getTime() - firstSeen.get(signer.kid)!.getTime();
      assert.ok(signer.kid === 'k00000' || publishedForMs >= signingKeyLeadMs);
      signedAt.set(signer.kid, at);
      for (const [kid, last] of signedAt) {
        if (at.getTime() - last.getTime() <= accessTokenLifeMs) assert.ok(keys.some((key) => key.kid === kid));
      }
      assert.ok(keys.length <= 3);
    }
    const rotations = Math.floor((365 * dayMs) / signingKeyLifeMs);
    assert.ok(signedAt.size >= rotations, `${signedAt.size} keys signed`);
  });
});
