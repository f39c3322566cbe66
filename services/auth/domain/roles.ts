/** What a person may do in a tenant; from most to least. */
export const memberRoles = ['owner', 'admin', 'staff', 'viewer'] as const;
export type MemberRole = (typeof memberRoles)[number];

/** Roles that invite people and manage API keys. */
export const isManager = (role: MemberRole): boolean => role === 'owner' || role === 'admin';

/** An owner may hand out every role, an admin all but owner, nobody else any. */
export const grantableRoles = (actor: MemberRole): readonly MemberRole[] => {
  if (actor === 'owner') return memberRoles;
  return actor === 'admin' ? ['admin', 'staff', 'viewer'] : [];
};

/** A key acts as admin, but never as more than the present role of the person who made it. */
export const apiKeyRole = (creator: MemberRole): MemberRole => (creator === 'owner' ? 'admin' : creator);
