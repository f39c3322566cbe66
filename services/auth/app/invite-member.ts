import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { addMs, dayMs, type Clock } from '#platform/time/index.ts';
import type { Actor } from '../domain/actor.ts';
import { memberInvited } from '../domain/facts.ts';
import { grantableRoles, type MemberRole } from '../domain/roles.ts';
import { requireEmail } from './credentials.ts';
import type { Members, Transactions } from './ports.ts';

const invitationLifeMs = 7 * dayMs;

/**
 * Whether the address has an account elsewhere is not looked at, so an invitation tells nothing about strangers.
 * @throws auth.forbidden when the role is above what the actor may grant; request.invalid
 */
export const inviteMember =
  (deps: { readonly members: Members; readonly transactions: Transactions; readonly clock: Clock }) =>
  async (actor: Actor, input: { email: string; role: MemberRole | undefined }): Promise<{ invitationId: string; expiresAt: Date }> => {
    const grantable = grantableRoles(actor.role);
    if (grantable.length === 0) throw appError('auth.forbidden');
    const email = requireEmail(input.email);
    const { role } = input;
    if (role === undefined)
      throw appError('request.invalid', { fields: [{ field: 'role', reason: 'must be owner, admin, staff or viewer' }] });
    if (!grantable.includes(role)) throw appError('auth.forbidden');
    const { tenantId } = actor;
    if (await deps.members.isMember(tenantId, email)) {
      throw appError('request.invalid', { fields: [{ field: 'email', reason: 'is a member already' }] });
    }
    const createdAt = deps.clock.now();
    const expiresAt = addMs(createdAt, invitationLifeMs);
    const invitationId = await deps.transactions.run(async (unit) => {
      const id = await unit.invite({ id: newId(), tenantId, email, role, invitedBy: actor.id, createdAt, expiresAt }, grantable);
      if (id === undefined) throw appError('auth.forbidden');
      await unit.record(memberInvited({ tenantId, at: createdAt }, id, role));
      return id;
    });
    return { invitationId, expiresAt };
  };
