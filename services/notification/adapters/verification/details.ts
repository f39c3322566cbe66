import { systemPrincipal, type ClientOf } from '#platform/grpc/index.ts';
import { isAppError } from '#platform/errors/index.ts';
import type { VerificationServiceClient } from '#proto/namaskah/verification/v1/verification.ts';
import type { Details } from '../../app/webhooks/ports.ts';

/** Asks the verification service, which holds numbers and messages. */
export const verificationDetails = (verifications: Pick<ClientOf<VerificationServiceClient>, 'getVerification'>): Details => ({
  ofVerification: async (tenantId, id) => {
    try {
      const { verification } = await verifications.getVerification({ id }, { principal: systemPrincipal('notification', tenantId) });
      if (verification === undefined) return undefined;
      const messages = verification.messages.map(({ code, text, sender, receivedAt }) => ({
        ...{ code, text, sender },
        receivedAt: receivedAt ?? new Date(0),
      }));
      messages.sort((a, b) => a.receivedAt.getTime() - b.receivedAt.getTime());
      return { phoneNumber: verification.phoneNumber, messages };
    } catch (error) {
      if (isAppError(error, 'request.not_found')) return undefined;
      throw error;
    }
  },
});
