/**
 * Who may call a route. Every route declares one of these; a route without it refuses to be registered.
 * Roles say what a person may do, scopes what a key may do; both must allow. Services check again for themselves.
 */
import { appError } from '#platform/errors/index.ts';
import type { Caller, Role, Scope } from './ports.ts';

export type Access =
  | { readonly kind: 'public' }
  /** Credentials are used when given and must then be valid. */
  | { readonly kind: 'optional' }
  | { readonly kind: 'member'; readonly scope: Scope | undefined; readonly roles: readonly Role[] };

const everyone: readonly Role[] = ['owner', 'admin', 'staff', 'viewer'];
const writers: readonly Role[] = ['owner', 'admin', 'staff'];

export const publicAccess: Access = { kind: 'public' };
export const optionalAccess: Access = { kind: 'optional' };
/** Any member or key of the tenant that may read `scope`; no scope: every valid credential. */
export const readAccess = (scope?: Scope): Access => ({ kind: 'member', scope, roles: everyone });
/** Viewers change nothing. */
export const writeAccess = (scope: Scope, roles: readonly Role[] = writers): Access => ({ kind: 'member', scope, roles });
export const adminAccess = (scope: Scope): Access => writeAccess(scope, ['owner', 'admin']);

/** People who run the platform, for /v2/admin/…; a role in a tenant, owner too, gives no such right. Keys never have it. */
export const operatorAccess = (): Access => ({ kind: 'member', scope: undefined, roles: ['operator'] });

/** @throws auth.unauthenticated without a caller, auth.forbidden when role or scope does not allow. */
export const authorise = (access: Access, caller: Caller | undefined): void => {
  if (access.kind !== 'member') return;
  if (!caller) throw appError('auth.unauthenticated');
  if (!caller.roles.some((role) => access.roles.includes(role))) throw appError('auth.forbidden');
  const { scope } = access;
  if (scope !== undefined && !caller.scopes.includes('*') && !caller.scopes.includes(scope)) {
    throw appError('auth.forbidden', { message: `The key lacks the scope ${scope}.`, meta: { scope } });
  }
};
