import { events } from '#events';
import { toTypeId } from '#platform/ids/index.ts';
import { done, on, type EventHandler } from '#platform/messaging/index.ts';
import { formatDecimal, type Money } from '#platform/money/index.ts';
import type { Transaction } from '#platform/postgres/index.ts';
import type { RentalFact } from '#proto/namaskah/verification/events/v1/events.ts';
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

const amountOf = (amount: Money | undefined): string => (amount === undefined ? '' : `${formatDecimal(amount.micros)} ${amount.currency}`);
const dayOf = (at: Date | undefined): string => (at === undefined ? '' : at.toISOString().slice(0, 10));

/** Whoever rents for hours looks at the number himself; a mail for each of them would be noise. */
const isLong = (duration: string): boolean => duration.endsWith('d');
const minuteOf = (at: Date | undefined): string => (at === undefined ? '' : at.toISOString().slice(0, 16).replace('T', ' '));
const rentalFacts = ({ rentalId, service, country, duration, autoRenew, endsAt, price, reason }: RentalFact) => ({
  ...{ rental: toTypeId('rental', rentalId), service, country, duration, autoRenew: String(autoRenew), endsAt: minuteOf(endsAt) },
  ...{ price: amountOf(price), reason },
});

/** What the owner of a tenant is told about its rented numbers: each warning, renewal and failed renewal is one event and so one mail. */
export const rentalHandlers = (requestIn: (tx: Transaction) => ReturnType<typeof requestDelivery>): readonly EventHandler[] => [
  on(events.rental.renewalUpcoming, async (tx, event) => {
    if (isLong(event.payload.duration)) await requestIn(tx)(event, 'rental.expiring', event.payload.rentalId, rentalFacts(event.payload));
    return done();
  }),
  on(events.rental.renewed, async (tx, event) => {
    if (isLong(event.payload.duration)) await requestIn(tx)(event, 'rental.renewed', event.payload.rentalId, rentalFacts(event.payload));
    return done();
  }),
  on(events.rental.renewalFailed, async (tx, event) => {
    await requestIn(tx)(event, 'rental.renewal_failed', event.payload.rentalId, rentalFacts(event.payload));
    return done();
  }),
];

/** What the owner of a tenant is told about its money. */
export const billingHandlers = (requestIn: (tx: Transaction) => ReturnType<typeof requestDelivery>): readonly EventHandler[] => [
  on(events.billing.subscriptionRenewed, async (tx, event) => {
    const { subscriptionId, plan, amount, periodEnd } = event.payload;
    const facts = { plan, amount: amountOf(amount), periodEnd: dayOf(periodEnd) };
    await requestIn(tx)(event, 'billing.subscription_renewed', subscriptionId, facts);
    return done();
  }),
  on(events.billing.subscriptionPaymentFailed, async (tx, event) => {
    const { subscriptionId, plan, amount, nextAttemptAt } = event.payload;
    const facts = { plan, amount: amountOf(amount), nextAttemptAt: dayOf(nextAttemptAt) };
    await requestIn(tx)(event, 'billing.subscription_payment_failed', subscriptionId, facts);
    return done();
  }),
  on(events.billing.subscriptionEnded, async (tx, event) => {
    const { subscriptionId, plan, reason } = event.payload;
    await requestIn(tx)(event, 'billing.subscription_ended', subscriptionId, { plan, reason });
    return done();
  }),
  on(events.billing.topUpSuspended, async (tx, event) => {
    await requestIn(tx)(event, 'billing.top_up_suspended', event.tenantId, { reason: event.payload.reason });
    return done();
  }),
  on(events.billing.usageAlertCrossed, async (tx, event) => {
    const { alertId, name, metric, meter, direction, threshold, value } = event.payload;
    await requestIn(tx)(event, 'billing.usage_alert', alertId, { name, metric, meter, direction, threshold, value });
    return done();
  }),
  on(events.billing.documentIssued, async (tx, event) => {
    const { documentId, kind, number, total } = event.payload;
    await requestIn(tx)(event, 'billing.document_issued', documentId, { kind: kind.replace('_', ' '), number, total: amountOf(total) });
    return done();
  }),
];
