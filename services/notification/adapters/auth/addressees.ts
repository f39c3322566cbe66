import { systemPrincipal, type ClientOf } from '#platform/grpc/index.ts';
import { isAppError } from '#platform/errors/index.ts';
import { maskEmail } from '#platform/logging/index.ts';
import type { AuthInternalServiceClient } from '#proto/namaskah/auth/v1/auth.ts';
import type { Addressed, Addressees } from '../../app/ports.ts';
import { isAccountKind } from '../../domain/delivery.ts';

const addressed = (email: string, token: string, tenantName = ''): Addressed =>
  token === '' ? { outcome: 'not-needed' } : { outcome: 'issued', email, emailMasked: maskEmail(email), token, tenantName };

/** Asks the auth service, which owns people and tokens. */
export const authAddressees = (
  auth: Pick<ClientOf<AuthInternalServiceClient>, 'issueEmailVerification' | 'issueInvitation' | 'getOwner'>,
): Addressees => ({
  issue: async ({ kind, subjectId, tenantId }) => {
    const options = { principal: systemPrincipal('notification', tenantId) };
    try {
      if (isAccountKind(kind)) {
        const { email, tenantName } = await auth.getOwner({}, options);
        return { outcome: 'issued', email, emailMasked: maskEmail(email), token: '', tenantName };
      }
      if (kind === 'email.invitation') {
        const { email, token, tenantName } = await auth.issueInvitation({ invitationId: subjectId }, options);
        return addressed(email, token, tenantName);
      }
      const { email, token } = await auth.issueEmailVerification({ userId: subjectId }, options);
      return addressed(email, token);
    } catch (error) {
      // Erased meanwhile: nobody is left to write to.
      if (isAppError(error, 'request.not_found')) return { outcome: 'not-needed' };
      throw error;
    }
  },
});
