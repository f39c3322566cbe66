import { done, on, type ReceivedEvent } from '#platform/messaging/index.ts';
import { events } from '#events';
import type { UsageEvent } from '../../domain/usage-events.ts';

/**
 * What other services' facts count as. The event's own id is the usage's id, so a redelivery counts once even without the inbox. A verification
 * counts when its code has come: what came to nothing is not usage.
 */
export const usageOf = (event: ReceivedEvent): UsageEvent | undefined => {
  const { tenantId, id, occurredAt, subject, payload } = event;
  switch (subject) {
    case events.verification.codeReceived.subject: {
      const { verificationId, service, country, position } = events.verification.codeReceived.codec.fromJSON(payload);
      // One purchase is one use, however many codes come.
      if (position > 1) return undefined;
      return { tenantId, meter: 'verifications', id: verificationId, quantity: 1n, occurredAt, properties: { service, country } };
    }
    case events.campaign.messagesProgressed.subject: {
      const { campaignId, submitted } = events.campaign.messagesProgressed.codec.fromJSON(payload);
      return submitted > 0n
        ? { tenantId, meter: 'messages', id, quantity: submitted, occurredAt, properties: { campaign: campaignId } }
        : undefined;
    }
    default:
      return undefined;
  }
};

export const planHandlers = (followPlan: (tenantId: string, since: Date) => Promise<void>) => [
  on(events.billing.planChanged, async (_tx, { tenantId, occurredAt }) => {
    await followPlan(tenantId, occurredAt);
    return done();
  }),
];

/** A credit that came in: what is owed can be paid. */
export const paymentHandlers = (retryOwed: (tenantId: string) => Promise<void>) => [
  on(events.billing.paymentSucceeded, async (_tx, { tenantId }) => {
    await retryOwed(tenantId);
    return done();
  }),
];
