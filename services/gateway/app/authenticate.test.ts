import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isAppError } from '#platform/errors/index.ts';
import { adminAccess, authorise, optionalAccess, publicAccess, readAccess, writeAccess } from './access.ts';
import { authenticate } from './authenticate.ts';
import type { Caller, Role } from './ports.ts';

const caller = (overrides: Partial<Caller> = {}): Caller => ({
  tenantId: 't',
  subject: 'user:u',
  roles: ['owner'],
  scopes: ['*'],
  plan: 'starter',
  ...overrides,
});

const subject = authenticate({
  tokens: { verify: async () => caller({ subject: 'user:u' }) },
  apiKeys: { verify: async () => caller({ subject: 'key:k' }) },
  looksLikeApiKey: (credential) => credential.startsWith('nsk_'),
});

describe('authenticate', () => {
  it('knows no caller without a header', async () => {
    assert.equal(await subject(undefined), undefined);
  });
  it('sends keys and tokens to their own verifier', async () => {
    assert.equal((await subject('Bearer nsk_live_x'))?.subject, 'key:k');
    assert.equal((await subject('bearer ey.j.w'))?.subject, 'user:u');
  });
  for (const header of ['', 'Basic abc', 'Bearer', 'Bearer a b', `Bearer ${'a'.repeat(5000)}`, 'Bearer \u00e9']) {
    it(`refuses ${JSON.stringify(header.slice(0, 20))}`, async () => {
      await assert.rejects(
        async () => subject(header),
        (error) => isAppError(error, 'auth.unauthenticated'),
      );
    });
  }
});

describe('authorise', () => {
  it('lets anyone through where access is public or optional', () => {
    authorise(publicAccess, undefined);
    authorise(optionalAccess, undefined);
  });
  it('needs a caller elsewhere', () => {
    assert.throws(
      () => authorise(readAccess(), undefined),
      (error) => isAppError(error, 'auth.unauthenticated'),
    );
  });
  const matrix: readonly (readonly [Role, boolean, boolean, boolean])[] = [
    ['owner', true, true, true],
    ['admin', true, true, true],
    ['staff', true, true, false],
    ['viewer', true, false, false],
  ];
  for (const [role, reads, writes, administers] of matrix) {
    it(`${role}: read ${reads}, write ${writes}, administer ${administers}`, () => {
      const allowed = (access: Parameters<typeof authorise>[0]): boolean => {
        try {
          authorise(access, caller({ roles: [role] }));
          return true;
        } catch (error) {
          assert.ok(isAppError(error, 'auth.forbidden'));
          return false;
        }
      };
      assert.deepEqual(
        [allowed(readAccess('wallet:read')), allowed(writeAccess('contacts:write')), allowed(adminAccess('api-keys:write'))],
        [reads, writes, administers],
      );
    });
  }
  it('a key is limited to its scopes, and one scope implies no other', () => {
    const key = caller({ scopes: ['contacts:write'] });
    authorise(writeAccess('contacts:write'), key);
    for (const scope of ['contacts:read', 'campaigns:write'] as const) {
      assert.throws(
        () => authorise(writeAccess(scope), key),
        (error) => isAppError(error, 'auth.forbidden'),
      );
    }
  });
});
