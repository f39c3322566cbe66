import { systemPrincipal, type ClientOf } from '#platform/grpc/index.ts';
import { isAppError } from '#platform/errors/index.ts';
import type { LiveServiceClient } from '#proto/namaskah/verification/v1/live.ts';
import type { VerificationServiceClient } from '#proto/namaskah/verification/v1/verification.ts';
import type { Details } from '../../app/webhooks/ports.ts';
import type { NumberDetails } from '../../domain/webhooks/event-types.ts';

export interface VerificationClients {
  readonly verifications: Pick<ClientOf<VerificationServiceClient>, 'getVerification'>;
  readonly live: Pick<ClientOf<LiveServiceClient>, 'getRentals'>;
}

/** Asks the verification service, which holds numbers and messages. */
export const verificationDetails = ({ verifications, live }: VerificationClients): Details => {
  const ofVerification = async (tenantId: string, id: string): Promise<NumberDetails | undefined> => {
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
  };
  const ofRental = async (tenantId: string, id: string, messageId: string | undefined): Promise<NumberDetails | undefined> => {
    const wanted = { ids: [id], messageIds: messageId === undefined ? [] : [messageId] };
    const { rentals, messages } = await live.getRentals(wanted, { principal: systemPrincipal('notification', tenantId) });
    const [rental] = rentals;
    if (rental === undefined) return undefined;
    return {
      phoneNumber: rental.phoneNumber,
      messages: messages.map(({ text, sender, receivedAt }) => ({ code: '', text, sender, receivedAt: receivedAt ?? new Date(0) })),
    };
  };
  return {
    of: (tenantId, subject) =>
      subject.kind === 'rental' ? ofRental(tenantId, subject.id, subject.messageId) : ofVerification(tenantId, subject.id),
  };
};
