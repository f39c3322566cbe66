/** Which facts customers hear of, under which name (that of their webhooks), with which scope, and what is said about them. */
import { events } from '#events';
import type { EventDefinition } from '#platform/messaging/index.ts';
import type { Money } from '#proto/namaskah/common/v1/money.ts';
import type { RentalFact } from '#proto/namaskah/verification/events/v1/events.ts';
import type { Caller, Scope } from '../../../app/ports.ts';
import { edgeId, fromMoney, fromTime } from '../mapping.ts';

export interface EventType {
  readonly name: string;
  readonly scope: Scope;
  /** What the data begins with: the verification or the rental as it is when the event is delivered. */
  readonly reads: 'verification' | 'rental' | undefined;
  /** What the event itself says. */
  readonly data: (payload: unknown) => Record<string, unknown>;
  /** The message that the data ends with, if the event tells of one. */
  readonly messageId: (payload: unknown) => string | undefined;
}

const amount = (money: Money | undefined) => ({ amount: fromMoney(money), currency: money?.currency ?? 'USD' });

const noMessage = (): undefined => undefined;
const rows: (readonly [string, EventType])[] = [];
const verification = (definition: EventDefinition<never>, name: string): void => {
  const type = { name: `verification.${name}`, scope: 'verifications:read', reads: 'verification' } as const;
  rows.push([definition.subject, { ...type, data: () => ({}), messageId: noMessage }]);
};
const rental = (
  definition: EventDefinition<RentalFact>,
  name: string,
  data: (payload: RentalFact) => Record<string, unknown> = () => ({}),
): void => {
  const type = { name: `rental.${name}`, scope: 'verifications:read', reads: 'rental' } as const;
  const messageId = (payload: unknown): string | undefined => (payload as RentalFact).messageId || undefined;
  rows.push([definition.subject, { ...type, data: data as EventType['data'], messageId }]);
};
const fact = <P>(definition: EventDefinition<P>, name: string, scope: Scope, data: (payload: P) => Record<string, unknown>): void => {
  rows.push([definition.subject, { name, scope, reads: undefined, data: data as EventType['data'], messageId: noMessage }]);
};

verification(events.verification.purchased as EventDefinition<never>, 'created');
verification(events.verification.codeReceived as EventDefinition<never>, 'code_received');
verification(events.verification.lateCodeReceived as EventDefinition<never>, 'late_code_received');
verification(events.verification.completed as EventDefinition<never>, 'completed');
verification(events.verification.cancelled as EventDefinition<never>, 'cancelled');
verification(events.verification.expired as EventDefinition<never>, 'expired');
verification(events.verification.failed as EventDefinition<never>, 'failed');
fact(events.verification.batchCompleted, 'verification.batch_completed', 'verifications:read', (p) => ({
  batchId: edgeId('batch', p.batchId),
  total: p.total,
  received: p.received,
  cancelled: p.cancelled,
  expired: p.expired,
  failed: p.failed,
}));

const paid = ({ price }: RentalFact) => ({ price: fromMoney(price), currency: price?.currency ?? 'USD' });
rental(events.rental.started, 'started', paid);
rental(events.rental.messageReceived, 'message_received');
rental(events.rental.extended, 'extended', paid);
rental(events.rental.renewed, 'renewed', paid);
rental(events.rental.renewalUpcoming, 'expiring');
rental(events.rental.renewalFailed, 'renewal_failed', ({ reason }) => ({ reason }));
rental(events.rental.released, 'released', ({ refunded }) => ({
  refunded: fromMoney(refunded),
  currency: refunded?.currency ?? 'USD',
}));
rental(events.rental.expired, 'expired');
rental(events.rental.failed, 'failed');

fact(events.billing.paymentSucceeded, 'payment.succeeded', 'payments:read', (p) => ({
  paymentId: edgeId('payment', p.paymentId),
  gateway: p.gateway,
  ...amount(p.amount),
}));
fact(events.billing.paymentFailed, 'payment.failed', 'payments:read', (p) => ({
  paymentId: edgeId('payment', p.paymentId),
  gateway: p.gateway,
  reason: p.reason,
}));
fact(events.billing.refundSucceeded, 'refund.succeeded', 'payments:read', (p) => ({
  refundId: edgeId('refund', p.refundId),
  paymentId: edgeId('payment', p.paymentId),
  ...amount(p.amount),
}));
fact(events.billing.refundFailed, 'refund.failed', 'payments:read', (p) => ({
  refundId: edgeId('refund', p.refundId),
  paymentId: edgeId('payment', p.paymentId),
  ...amount(p.amount),
  reason: p.reason,
}));
fact(events.billing.creditGranted, 'wallet.credited', 'wallet:read', (p) => ({ ...amount(p.amount), reason: p.reason }));
fact(events.billing.usageAlertCrossed, 'usage_alert.crossed', 'usage:read', (p) => ({
  usageAlertId: edgeId('usageAlert', p.alertId),
  name: p.name,
  metric: p.metric,
  direction: p.direction,
  threshold: p.threshold,
  value: p.value,
}));
fact(events.billing.spendingPaused, 'spending.paused', 'budgets:read', (p) => ({ source: p.source, reason: p.reason }));
fact(events.billing.spendingResumed, 'spending.resumed', 'budgets:read', (p) => ({ source: p.source }));
fact(events.billing.planChanged, 'subscription.plan_changed', 'wallet:read', (p) => ({ plan: p.plan, previousPlan: p.previousPlan }));
fact(events.billing.subscriptionRenewed, 'subscription.renewed', 'wallet:read', (p) => ({
  plan: p.plan,
  ...amount(p.amount),
  periodEnd: fromTime(p.periodEnd),
}));
fact(events.billing.subscriptionPaymentFailed, 'subscription.payment_failed', 'wallet:read', (p) => ({
  plan: p.plan,
  ...amount(p.amount),
  nextAttemptAt: fromTime(p.nextAttemptAt),
}));
fact(events.billing.subscriptionEnded, 'subscription.ended', 'wallet:read', (p) => ({ plan: p.plan, reason: p.reason }));
fact(events.billing.documentIssued, 'document.issued', 'payments:read', (p) => ({
  documentId: edgeId('document', p.documentId),
  kind: p.kind,
  number: p.number,
  ...amount(p.total),
}));

const campaignId = ({ campaignId: uuid }: { campaignId: string }) => ({ campaignId: edgeId('campaign', uuid) });
fact(events.campaign.launched, 'campaign.launched', 'campaigns:read', (p) => ({ ...campaignId(p), planned: Number(p.planned) }));
fact(events.campaign.messagesProgressed, 'campaign.progressed', 'campaigns:read', (p) => ({
  ...campaignId(p),
  submitted: Number(p.submitted),
  delivered: Number(p.delivered),
  failed: Number(p.failed),
  suppressed: Number(p.suppressed),
}));
fact(events.campaign.completed, 'campaign.completed', 'campaigns:read', campaignId);
fact(events.campaign.cancelled, 'campaign.cancelled', 'campaigns:read', campaignId);
fact(events.campaign.contactOptedOut, 'contact.opted_out', 'contacts:read', (p) => ({ contactId: edgeId('contact', p.contactId) }));
fact(events.campaign.contactOptedIn, 'contact.opted_in', 'contacts:read', (p) => ({ contactId: edgeId('contact', p.contactId) }));

const bySubject: ReadonlyMap<string, EventType> = new Map(rows);
export const eventTypes: readonly EventType[] = [...bySubject.values()];

export const typeOf = (subject: string): EventType | undefined => bySubject.get(subject);
export const isPublic = (subject: string): boolean => bySubject.has(subject);

const maySee = (caller: Caller, { scope }: EventType): boolean => caller.scopes.includes('*') || caller.scopes.includes(scope);

/** Those of `names` ("payment.failed", "verification.*"; none: all) that exist; undefined when one of them names nothing. */
export const selectTypes = (names: readonly string[]): ReadonlySet<string> | undefined => {
  if (names.length === 0) return new Set(eventTypes.map(({ name }) => name));
  const selected = names.map((wanted) =>
    eventTypes.filter(({ name }) => name === wanted || (wanted.endsWith('.*') && name.startsWith(wanted.slice(0, -1)))),
  );
  return selected.some((found) => found.length === 0) ? undefined : new Set(selected.flat().map(({ name }) => name));
};

/** May this caller hear of this fact, as the filter stands? */
export const isWanted = (subject: string, caller: Caller, selected: ReadonlySet<string>): boolean => {
  const type = typeOf(subject);
  return type !== undefined && selected.has(type.name) && maySee(caller, type);
};

export const seesAnyOf = (caller: Caller, selected: ReadonlySet<string>): boolean =>
  eventTypes.some((type) => selected.has(type.name) && maySee(caller, type));
