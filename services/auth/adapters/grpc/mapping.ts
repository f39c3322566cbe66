import type { Role as PrincipalRole, Principal } from '#platform/grpc/index.ts';
import { appError } from '#platform/errors/index.ts';
import type { PageRequest as PageRequestMessage } from '#proto/namaskah/common/v1/page.ts';
import {
  Role,
  type ApiKey,
  type Member as MemberMessage,
  type Tenant,
  type TokenPair as TokenPairMessage,
  type User,
} from '#proto/namaskah/auth/v1/auth.ts';
import type { TokenPair } from '../../app/issue-tokens.ts';
import type { ApiKeyView, Member, PageRequest, TenantView, UserView } from '../../app/ports.ts';
import type { Actor } from '../../domain/actor.ts';
import { memberRoles, type MemberRole } from '../../domain/roles.ts';

const roleNames = {
  owner: Role.ROLE_OWNER,
  admin: Role.ROLE_ADMIN,
  staff: Role.ROLE_STAFF,
  viewer: Role.ROLE_VIEWER,
} as const satisfies Record<MemberRole, Role>;

export const toRole = (role: MemberRole): Role => roleNames[role];
/** @returns undefined for "unspecified" and for roles of a later version */
export const fromRole = (role: Role): MemberRole | undefined => memberRoles.find((name) => roleNames[name] === role);

const isMemberRole = (role: PrincipalRole): role is MemberRole => role !== 'system' && role !== 'operator';

/** @throws auth.forbidden for services: what a person or key does here, a service does not */
export const toActor = (principal: Principal): Actor => {
  const [, kind, id] = /^(user|key):(.+)$/.exec(principal.subject) ?? [];
  const role = principal.roles.find(isMemberRole);
  if (kind === undefined || id === undefined || role === undefined) throw appError('auth.forbidden');
  const { tenantId, scopes, sessionId } = principal;
  return { tenantId, kind: kind as Actor['kind'], id, role, scopes, ...(sessionId !== undefined && { sessionId }) };
};

export const toUser = (user: UserView): User => ({
  id: user.id,
  email: user.email,
  emailVerified: user.emailVerifiedAt !== undefined,
  createdAt: user.createdAt,
});
export const toTenant = ({ id, name, plan, createdAt }: TenantView): Tenant => ({ id, name, plan, createdAt });
export const toTokens = (tokens: TokenPair): TokenPairMessage => ({ ...tokens });
export const toMember = (member: Member): MemberMessage => ({ ...member, role: toRole(member.role) });
export const toApiKey = (key: ApiKeyView): ApiKey => ({
  id: key.id,
  name: key.name,
  prefix: key.prefix,
  mode: key.mode,
  scopes: [...key.scopes],
  createdAt: key.createdAt,
  expiresAt: key.expiresAt,
  lastUsedAt: key.lastUsedAt,
  revokedAt: key.revokedAt,
});
export const toPage = (page: PageRequestMessage | undefined): PageRequest => ({ limit: page?.limit ?? 0, cursor: page?.cursor ?? '' });
