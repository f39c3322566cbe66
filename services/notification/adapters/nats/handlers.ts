import { events } from '#events';
import { done, on, type EventHandler } from '#platform/messaging/index.ts';
import type { Transaction } from '#platform/postgres/index.ts';
import type { requestDelivery } from '../../app/request-delivery.ts';

/** @param requestIn the use case, bound to the consumer's transaction */
export const authHandlers = (requestIn: (tx: Transaction) => ReturnType<typeof requestDelivery>): readonly EventHandler[] => [
  on(events.auth.emailVerificationRequested, async (tx, event) => {
    await requestIn(tx)(event, 'email.verify_address', event.payload.userId);
    return done();
  }),
  on(events.auth.memberInvited, async (tx, event) => {
    await requestIn(tx)(event, 'email.invitation', event.payload.invitationId);
    return done();
  }),
];
