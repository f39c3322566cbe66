import type { ReceivedEvent } from '#platform/messaging/index.ts';
import { events } from '#events';
import type { ProviderCost } from '../../app/margins/ports.ts';

/** A provider is paid for a number when its code has come; what is cancelled or expires, it gives back. Events from before costs were told have none. */
export const providerCostOf = ({ tenantId, subject, occurredAt, payload }: ReceivedEvent): ProviderCost | undefined => {
  if (subject !== events.verification.codeReceived.subject) return undefined;
  const { verificationId, provider, providerCost } = events.verification.codeReceived.codec.fromJSON(payload);
  if (providerCost === undefined) return undefined;
  const { currency, micros } = providerCost;
  return { tenantId, product: 'verification', reference: verificationId, provider, amountMicros: micros, currency, occurredAt };
};
