/**
 * Who may call a method. A method without a policy is a type error.
 *
 * Roles: the principal needs one of those listed. No role implies another: "system" is not a superuser, an owner passes
 * only where "owner" stands. `allowAny()` lets every authenticated principal in, viewers and services too.
 *
 * Scopes restrict API keys only (subject "key:…"); people and services are not asked for them. A key with scope "*" may do
 * whatever its roles allow. Any other key may call `allowAny()` methods without a scope, and methods that name one of its
 * scopes literally: "x:write" does not imply "x:read", and a method that names no scope is closed to limited keys.
 */
import { appError } from '#platform/errors/index.ts';
import type { Principal, Role } from './principal.ts';

export interface AllowOptions {
  readonly scope?: string;
}

export interface AccessPolicy {
  readonly kind: 'access';
  /** undefined: any. */
  readonly roles: ReadonlySet<Role> | undefined;
  readonly scope: string | undefined;
}
export interface PublicPolicy {
  readonly kind: 'public';
}
export type Policy = AccessPolicy | PublicPolicy;

type AllowArguments = readonly [...roles: readonly Role[], options: AllowOptions] | readonly Role[];

/** @example allow('owner', 'admin'); allow(...members, { scope: 'verifications:write' }) */
export const allow = (...args: AllowArguments): AccessPolicy => {
  const given: readonly (Role | AllowOptions)[] = args;
  const roles = given.filter((arg) => typeof arg === 'string');
  const options = given.find((arg) => typeof arg === 'object');
  if (roles.length === 0) throw new Error('allow() needs at least one role');
  return { kind: 'access', roles: new Set(roles), scope: options?.scope };
};

/** Any authenticated principal. */
export const allowAny = (options: AllowOptions = {}): AccessPolicy => ({ kind: 'access', roles: undefined, scope: options.scope });

/** No principal needed: the request carries its own proof (a password, a token, a signature). */
export const publicMethod = (): PublicPolicy => ({ kind: 'public' });

const mayByScope = ({ subject, scopes }: Principal, policy: AccessPolicy): boolean => {
  if (!subject.startsWith('key:') || scopes.includes('*')) return true;
  return policy.scope === undefined ? policy.roles === undefined : scopes.includes(policy.scope);
};

/** @throws auth.forbidden; the message names the missing scope, never the roles of others */
export const authorise = (policy: AccessPolicy, principal: Principal): void => {
  if (policy.roles !== undefined && !principal.roles.some((role) => policy.roles?.has(role))) throw appError('auth.forbidden');
  if (!mayByScope(principal, policy)) {
    throw appError(
      'auth.forbidden',
      policy.scope === undefined ? {} : { message: `The API key lacks the scope "${policy.scope}".`, meta: { scope: policy.scope } },
    );
  }
};
