import { addMs, hourMs, minuteMs } from '#platform/time/index.ts';

/** Mails with a token for one person. */
const personalKinds = ['email.verify_address', 'email.invitation'] as const;
/** Mails to a tenant's owner about its account; what they say comes with the event. */
export const accountKinds = [
  ...(['billing.subscription_renewed', 'billing.subscription_payment_failed', 'billing.subscription_ended'] as const),
  'billing.top_up_suspended',
  ...(['billing.usage_alert', 'billing.document_issued', 'webhook.endpoint_disabled'] as const),
  ...(['rental.expiring', 'rental.renewed', 'rental.renewal_failed'] as const),
] as const;
export type AccountKind = (typeof accountKinds)[number];
export type DeliveryKind = (typeof personalKinds)[number] | AccountKind;
export const isAccountKind = (kind: DeliveryKind): kind is AccountKind => (accountKinds as readonly string[]).includes(kind);

/** What a mail about the account says: amounts, names of plans, dates. Nothing personal. */
export type Facts = Readonly<Record<string, string>>;

/** pending → sent | skipped (nothing was to be said any more) | failed */
export type DeliveryStatus = 'pending' | 'sent' | 'skipped' | 'failed';

/** One mail that somebody is to get. Who that is stands nowhere here: the address is asked for when it is sent. */
export interface Delivery {
  readonly id: string;
  readonly tenantId: string;
  readonly kind: DeliveryKind;
  /** The user, invitation, subscription, document … that it is about. */
  readonly subjectId: string;
  readonly facts: Facts;
  readonly status: DeliveryStatus;
  /** How often it was claimed; part of the idempotency key, see app/send-due.ts. */
  readonly attempts: number;
  readonly recipientMasked: string;
  readonly createdAt: Date;
  readonly sentAt: Date | undefined;
}

/** Longer than any send takes; after it somebody else takes over from a sender that died. */
export const leaseMs = 2 * minuteMs;
/** Over seven and a half hours with the usual first step. */
export const maxAttempts = 14;
const longestPauseMs = hourMs;

/** @param attempts made so far, at least 1 */
export const retryAt = (now: Date, attempts: number, firstMs: number): Date =>
  addMs(now, Math.min(firstMs * 3 ** Math.min(attempts - 1, 12), longestPauseMs));
