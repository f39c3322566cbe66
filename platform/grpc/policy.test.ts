import assert from 'node:assert/strict';
import test from 'node:test';
import { isAppError } from '#platform/errors/index.ts';
import { allow, allowAny, authorise, type AccessPolicy } from './policy.ts';
import { type Principal, type Role, roles, systemPrincipal } from './principal.ts';
import { principal } from './testing/ledger.ts';

const may = (policy: AccessPolicy, who: Principal): boolean => {
  try {
    authorise(policy, who);
    return true;
  } catch (error) {
    assert.ok(isAppError(error, 'auth.forbidden'));
    return false;
  }
};
const apiKey = (scopes: string[], keyRoles: Role[] = ['staff']): Principal => principal({ subject: 'key:k', roles: keyRoles, scopes });

test('a role passes where it is listed and nowhere else', () => {
  for (const listed of roles)
    for (const held of roles) assert.equal(may(allow(listed), principal({ roles: [held] })), listed === held, `${held} at ${listed}`);
  const members = allow('owner', 'admin', 'staff');
  assert.deepEqual(
    roles.filter((role) => may(members, principal({ roles: [role] }))),
    ['owner', 'admin', 'staff'],
  );
  assert.equal(may(members, systemPrincipal('billing', 't')), false);
  assert.equal(may(members, principal({ roles: [] })), false);
});

test('allowAny lets in every authenticated principal', () => {
  for (const role of roles) assert.ok(may(allowAny(), principal({ roles: [role] })), role);
  assert.ok(may(allowAny(), apiKey([])));
});

test('scopes restrict API keys, literally; people and services are not asked for them', () => {
  const write = allow('owner', 'staff', { scope: 'verifications:write' });
  const table: [string[], boolean][] = [
    [['verifications:write'], true],
    [['*'], true],
    [[], false],
    [['verifications:read'], false],
    [['verifications'], false],
    [['verifications:*'], false],
    [['VERIFICATIONS:WRITE'], false],
    [['campaigns:write', 'verifications:write'], true],
  ];
  for (const [scopes, expected] of table) assert.equal(may(write, apiKey(scopes)), expected, scopes.join());
  assert.equal(may(allowAny({ scope: 'verifications:read' }), apiKey(['verifications:write'])), false, 'write does not imply read');
  assert.equal(may(write, apiKey(['*'], ['viewer'])), false, 'a scope is no role');
  assert.ok(may(write, principal({ roles: ['staff'] })));
});

test('a method that names no scope is closed to limited keys and open to unlimited ones', () => {
  const admin = allow('owner', 'staff');
  assert.equal(may(admin, apiKey(['verifications:write'])), false);
  assert.equal(may(admin, apiKey([])), false);
  assert.ok(may(admin, apiKey(['*'])));
});

test('a policy without a role is a mistake of the programmer', () => {
  assert.throws(() => allow(), /at least one role/);
});
