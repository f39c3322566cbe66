/**
 * The platform's events as customers see them. A projection, field by field: what is not named here never leaves the
 * house (providers, costs, holds), and an internal field that is renamed breaks the build, not a customer.
 */
import { events } from '#events';
import { toTypeId } from '#platform/ids/index.ts';
import type { EventDefinition, ReceivedEvent } from '#platform/messaging/index.ts';
import { formatDecimal, type Money } from '#platform/money/index.ts';
import type { RentalFact } from '#proto/namaskah/verification/events/v1/events.ts';
import type { Data, PublicEvent } from '../../domain/webhooks/event-types.ts';

interface Projection {
  readonly type: string;
  readonly dataOf: (payload: unknown) => Data;
}

const expose = <P>({ subject }: EventDefinition<P>, type: string, dataOf: (payload: P) => Data): [string, Projection] => [
  subject,
  { type, dataOf: dataOf as Projection['dataOf'] },
];

const amount = <N extends string>(name: N, money: Money | undefined): Data => ({
  [name]: formatDecimal(money?.micros ?? 0n),
  currency: money?.currency ?? 'USD',
});
const time = (at: Date | undefined): string | null => at?.toISOString() ?? null;
/** int64 arrives as bigint; beyond what JSON numbers hold exactly nobody counts here. */
const integer = (value: bigint | number): number => Number(value);

const aboutVerification = ({ verificationId, service, country }: { verificationId: string; service: string; country: string }): Data => ({
  verificationId: toTypeId('verification', verificationId),
  service,
  country,
});
const aboutCampaign = ({ campaignId, chargedTotal }: { campaignId: string; chargedTotal?: Money | undefined }): Data => ({
  campaignId: toTypeId('campaign', campaignId),
  ...amount('charged', chargedTotal),
});
const aboutContact = ({ contactId }: { contactId: string }): Data => ({ contactId: toTypeId('contact', contactId) });
const aboutSubscription = (id: string): Data => ({ subscriptionId: toTypeId('subscription', id) });

const aboutRental = ({ rentalId, service, country, duration, autoRenew, endsAt }: RentalFact): Data => ({
  ...{ rentalId: toTypeId('rental', rentalId), service, country, duration, autoRenew, endsAt: time(endsAt) },
});
const paidRental = (payload: RentalFact): Data => ({ ...aboutRental(payload), ...amount('price', payload.price) });

const { billing, campaign, rental, verification } = events;
export const projections: ReadonlyMap<string, Projection> = new Map([
  expose(verification.purchased, 'verification.created', (payload) => ({
    ...aboutVerification(payload),
    ...{ capability: payload.capability, ...amount('price', payload.price), expiresAt: time(payload.expiresAt) },
  })),
  expose(verification.codeReceived, 'verification.code_received', (payload) => ({
    ...aboutVerification(payload),
    ...{ ...amount('price', payload.price), latencyMs: integer(payload.latencyMs) },
  })),
  expose(verification.lateCodeReceived, 'verification.late_code_received', (payload) => ({
    ...aboutVerification(payload),
    ...{ ...amount('price', payload.price), lateByMs: integer(payload.lateByMs) },
  })),
  expose(verification.completed, 'verification.completed', aboutVerification),
  expose(verification.cancelled, 'verification.cancelled', aboutVerification),
  expose(verification.expired, 'verification.expired', aboutVerification),
  expose(verification.failed, 'verification.failed', (payload) => ({ ...aboutVerification(payload), reason: payload.reason })),
  expose(verification.batchCompleted, 'verification.batch_completed', (payload) => {
    const { batchId, total, received, cancelled, expired, failed, reserved, charged } = payload;
    return {
      ...{ batchId: toTypeId('batch', batchId), total, received, cancelled, expired, failed },
      ...{ ...amount('reserved', reserved), ...amount('charged', charged) },
    };
  }),
  expose(rental.started, 'rental.started', paidRental),
  expose(rental.messageReceived, 'rental.message_received', (payload) => ({
    ...aboutRental(payload),
    // Events of the days before messages had their id in them name none: their text is asked for by the API.
    messageId: payload.messageId === '' ? null : toTypeId('message', payload.messageId),
  })),
  expose(rental.extended, 'rental.extended', paidRental),
  expose(rental.renewed, 'rental.renewed', paidRental),
  expose(rental.renewalUpcoming, 'rental.expiring', aboutRental),
  expose(rental.renewalFailed, 'rental.renewal_failed', (payload) => ({ ...aboutRental(payload), reason: payload.reason })),
  expose(rental.released, 'rental.released', (payload) => ({ ...aboutRental(payload), ...amount('refunded', payload.refunded) })),
  expose(rental.expired, 'rental.expired', aboutRental),
  expose(rental.failed, 'rental.failed', (payload) => ({ ...aboutRental(payload), reason: payload.reason })),
  expose(billing.paymentSucceeded, 'payment.succeeded', ({ paymentId, gateway, amount: paid }) => ({
    ...{ paymentId: toTypeId('payment', paymentId), gateway, ...amount('amount', paid) },
  })),
  expose(billing.paymentFailed, 'payment.failed', ({ paymentId, gateway, reason }) => ({
    ...{ paymentId: toTypeId('payment', paymentId), gateway, reason },
  })),
  expose(billing.documentIssued, 'document.issued', ({ documentId, kind, number, total }) => ({
    ...{ documentId: toTypeId('document', documentId), kind, number, ...amount('total', total) },
  })),
  expose(billing.planChanged, 'subscription.plan_changed', ({ subscriptionId, plan, previousPlan }) => ({
    ...{ ...aboutSubscription(subscriptionId), plan, previousPlan },
  })),
  expose(
    billing.subscriptionRenewed,
    'subscription.renewed',
    ({ subscriptionId, plan, interval, amount: paid, periodStart, periodEnd }) => ({
      ...{ ...aboutSubscription(subscriptionId), plan, interval, ...amount('amount', paid) },
      ...{ periodStart: time(periodStart), periodEnd: time(periodEnd) },
    }),
  ),
  expose(
    billing.subscriptionPaymentFailed,
    'subscription.payment_failed',
    ({ subscriptionId, plan, amount: due, attempt, nextAttemptAt }) => ({
      ...{ ...aboutSubscription(subscriptionId), plan, ...amount('amount', due), attempt, nextAttemptAt: time(nextAttemptAt) },
    }),
  ),
  expose(billing.subscriptionEnded, 'subscription.ended', ({ subscriptionId, plan, reason }) => ({
    ...{ ...aboutSubscription(subscriptionId), plan, reason },
  })),
  expose(billing.usageAlertCrossed, 'usage_alert.crossed', ({ alertId, name, metric, meter, direction, threshold, value, number }) => ({
    ...{ alertId: toTypeId('usageAlert', alertId), name, metric, meter: meter === '' ? null : meter },
    ...{ direction, threshold, value, number: integer(number) },
  })),
  expose(billing.spendingPaused, 'spending.paused', ({ source, reason }) => ({ source, reason })),
  expose(billing.spendingResumed, 'spending.resumed', ({ source }) => ({ source })),
  expose(campaign.launched, 'campaign.launched', ({ campaignId, planned, estimatedCost }) => ({
    ...{ campaignId: toTypeId('campaign', campaignId), planned: integer(planned), ...amount('estimatedCost', estimatedCost) },
  })),
  expose(campaign.completed, 'campaign.completed', aboutCampaign),
  expose(campaign.cancelled, 'campaign.cancelled', aboutCampaign),
  expose(campaign.contactOptedOut, 'contact.opted_out', aboutContact),
  expose(campaign.contactOptedIn, 'contact.opted_in', aboutContact),
]);

export const isPublic = ({ subject }: Pick<ReceivedEvent, 'subject'>): boolean => projections.has(subject);

/** @returns undefined for what is no customer's business */
export const toPublicEvent = ({ id, tenantId, subject, occurredAt, aggregateVersion, payload }: ReceivedEvent): PublicEvent | undefined => {
  const projection = projections.get(subject);
  if (projection === undefined) return undefined;
  return { eventId: id, tenantId, type: projection.type, occurredAt, sequence: aggregateVersion, data: projection.dataOf(payload) };
};

/** The plan a tenant has from now on. */
export const planChangeOf = ({ subject, tenantId, payload }: ReceivedEvent): { tenantId: string; plan: string } | undefined =>
  subject === billing.planChanged.subject ? { tenantId, plan: (payload as { plan: string }).plan } : undefined;
