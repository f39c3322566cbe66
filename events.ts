/**
 * Every event, stream and durable consumer of the platform, in one table. A relay may publish only what is listed; a
 * consumer may be started only under a durable that is listed; `ensureStreams` creates exactly this.
 * Subject: namaskah.<context>.v1.<aggregate>.<past-tense>. Nothing personal and no id in a subject.
 */
import * as auth from '#proto/namaskah/auth/events/v1/events.ts';
import * as billing from '#proto/namaskah/billing/events/v1/events.ts';
import * as campaign from '#proto/namaskah/campaign/events/v1/events.ts';
import * as verification from '#proto/namaskah/verification/events/v1/events.ts';
import { defineEvent } from '#platform/messaging/event.ts';

export const events = {
  auth: {
    tenantRegistered: defineEvent('namaskah.auth.v1.tenant.registered', auth.TenantRegistered),
    tenantPlanChanged: defineEvent('namaskah.auth.v1.tenant.plan-changed', auth.TenantPlanChanged),
    userRegistered: defineEvent('namaskah.auth.v1.user.registered', auth.UserRegistered),
    emailVerificationRequested: defineEvent('namaskah.auth.v1.user.email-verification-requested', auth.EmailVerificationRequested),
    emailVerified: defineEvent('namaskah.auth.v1.user.email-verified', auth.EmailVerified),
    memberInvited: defineEvent('namaskah.auth.v1.member.invited', auth.MemberInvited),
    apiKeyCreated: defineEvent('namaskah.auth.v1.api-key.created', auth.ApiKeyCreated),
    apiKeyRevoked: defineEvent('namaskah.auth.v1.api-key.revoked', auth.ApiKeyRevoked),
    sessionEnded: defineEvent('namaskah.auth.v1.session.ended', auth.SessionEnded),
  },
  billing: {
    paymentStarted: defineEvent('namaskah.billing.v1.payment.started', billing.PaymentStarted),
    paymentSucceeded: defineEvent('namaskah.billing.v1.payment.succeeded', billing.PaymentSucceeded),
    paymentFailed: defineEvent('namaskah.billing.v1.payment.failed', billing.PaymentFailed),
    refundRequested: defineEvent('namaskah.billing.v1.refund.requested', billing.RefundRequested),
    refundSucceeded: defineEvent('namaskah.billing.v1.refund.succeeded', billing.RefundSucceeded),
    refundFailed: defineEvent('namaskah.billing.v1.refund.failed', billing.RefundFailed),
    topUpSuspended: defineEvent('namaskah.billing.v1.top-up.suspended', billing.TopUpSuspended),
    disputeOpened: defineEvent('namaskah.billing.v1.dispute.opened', billing.DisputeOpened),
    disputeDecided: defineEvent('namaskah.billing.v1.dispute.decided', billing.DisputeDecided),
    creditGranted: defineEvent('namaskah.billing.v1.credit.granted', billing.CreditGranted),
    holdCaptured: defineEvent('namaskah.billing.v1.hold.captured', billing.HoldCaptured),
    holdReleased: defineEvent('namaskah.billing.v1.hold.released', billing.HoldReleased),
    holdExpired: defineEvent('namaskah.billing.v1.hold.expired', billing.HoldExpired),
    walletCharged: defineEvent('namaskah.billing.v1.wallet.charged', billing.WalletCharged),
    documentIssued: defineEvent('namaskah.billing.v1.document.issued', billing.DocumentIssued),
    adjustmentProposed: defineEvent('namaskah.billing.v1.adjustment.proposed', billing.AdjustmentProposed),
    adjustmentPosted: defineEvent('namaskah.billing.v1.adjustment.posted', billing.AdjustmentPosted),
    adjustmentDropped: defineEvent('namaskah.billing.v1.adjustment.dropped', billing.AdjustmentDropped),
    priceBookPublished: defineEvent('namaskah.billing.v1.price-book.published', billing.PriceBookPublished),
    promotionRedeemed: defineEvent('namaskah.billing.v1.promotion.redeemed', billing.PromotionRedeemed),
    planChanged: defineEvent('namaskah.billing.v1.subscription.plan-changed', billing.PlanChanged),
    subscriptionCharged: defineEvent('namaskah.billing.v1.subscription.charged', billing.SubscriptionCharged),
    subscriptionRenewed: defineEvent('namaskah.billing.v1.subscription.renewed', billing.SubscriptionRenewed),
    subscriptionPaymentFailed: defineEvent('namaskah.billing.v1.subscription.payment-failed', billing.SubscriptionPaymentFailed),
    subscriptionEnded: defineEvent('namaskah.billing.v1.subscription.ended', billing.SubscriptionEnded),
    usageCharged: defineEvent('namaskah.billing.v1.usage.charged', billing.UsageCharged),
    usageAlertCrossed: defineEvent('namaskah.billing.v1.usage-alert.crossed', billing.UsageAlertCrossed),
    spendingPaused: defineEvent('namaskah.billing.v1.spending.paused', billing.SpendingPaused),
    spendingResumed: defineEvent('namaskah.billing.v1.spending.resumed', billing.SpendingResumed),
  },
  verification: {
    purchased: defineEvent('namaskah.verification.v1.activation.purchased', verification.ActivationPurchased),
    codeReceived: defineEvent('namaskah.verification.v1.activation.code-received', verification.ActivationCodeReceived),
    completed: defineEvent('namaskah.verification.v1.activation.completed', verification.ActivationCompleted),
    cancelled: defineEvent('namaskah.verification.v1.activation.cancelled', verification.ActivationCancelled),
    expired: defineEvent('namaskah.verification.v1.activation.expired', verification.ActivationExpired),
    failed: defineEvent('namaskah.verification.v1.activation.failed', verification.ActivationFailed),
    catalogueChanged: defineEvent('namaskah.verification.v1.catalogue.changed', verification.CatalogueChanged),
    marketChanged: defineEvent('namaskah.verification.v1.market.changed', verification.MarketChanged),
    anotherEnded: defineEvent('namaskah.verification.v1.activation.another-code-ended', verification.ActivationAnotherCodeEnded),
    lateCodeReceived: defineEvent('namaskah.verification.v1.activation.late-code-received', verification.ActivationLateCodeReceived),
    batchCompleted: defineEvent('namaskah.verification.v1.batch.completed', verification.BatchCompleted),
  },
  rental: {
    started: defineEvent('namaskah.verification.v1.rental.started', verification.RentalFact),
    messageReceived: defineEvent('namaskah.verification.v1.rental.message-received', verification.RentalFact),
    extended: defineEvent('namaskah.verification.v1.rental.extended', verification.RentalFact),
    renewed: defineEvent('namaskah.verification.v1.rental.renewed', verification.RentalFact),
    renewalUpcoming: defineEvent('namaskah.verification.v1.rental.renewal-upcoming', verification.RentalFact),
    renewalFailed: defineEvent('namaskah.verification.v1.rental.renewal-failed', verification.RentalFact),
    released: defineEvent('namaskah.verification.v1.rental.released', verification.RentalFact),
    expired: defineEvent('namaskah.verification.v1.rental.expired', verification.RentalFact),
    failed: defineEvent('namaskah.verification.v1.rental.failed', verification.RentalFact),
  },
  campaign: {
    contactCreated: defineEvent('namaskah.campaign.v1.contact.created', campaign.ContactCreated),
    contactOptedOut: defineEvent('namaskah.campaign.v1.contact.opted-out', campaign.ContactOptedOut),
    contactOptedIn: defineEvent('namaskah.campaign.v1.contact.opted-in', campaign.ContactOptedIn),
    launched: defineEvent('namaskah.campaign.v1.campaign.launched', campaign.CampaignLaunched),
    messagesProgressed: defineEvent('namaskah.campaign.v1.campaign.messages-progressed', campaign.MessagesProgressed),
    completed: defineEvent('namaskah.campaign.v1.campaign.completed', campaign.CampaignCompleted),
    cancelled: defineEvent('namaskah.campaign.v1.campaign.cancelled', campaign.CampaignCancelled),
  },
} as const;

const days = (n: number): number => n * 24 * 3_600_000;

export interface StreamRow {
  readonly subjects: readonly string[];
  readonly maxAgeMs: number;
  readonly maxBytes: number;
  /** "new" refuses when full (command-like, the outbox keeps the rows); "old" drops the oldest. */
  readonly discard: 'old' | 'new';
}

export const streams = {
  AUTH: { subjects: ['namaskah.auth.v1.>'], maxAgeMs: days(30), maxBytes: 1 << 30, discard: 'new' },
  BILLING: { subjects: ['namaskah.billing.v1.>'], maxAgeMs: days(30), maxBytes: 1 << 30, discard: 'new' },
  VERIFICATION: { subjects: ['namaskah.verification.v1.>'], maxAgeMs: days(7), maxBytes: 1 << 30, discard: 'new' },
  CAMPAIGN: { subjects: ['namaskah.campaign.v1.>'], maxAgeMs: days(7), maxBytes: 1 << 30, discard: 'new' },
  DLQ: { subjects: ['dlq.>'], maxAgeMs: days(30), maxBytes: 1 << 28, discard: 'old' },
  ADVISORIES: {
    subjects: ['$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>', '$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>'],
    maxAgeMs: days(30),
    maxBytes: 1 << 27,
    discard: 'old',
  },
} as const satisfies Record<string, StreamRow>;

export type StreamName = keyof typeof streams;

export interface ConsumerRow {
  readonly stream: StreamName;
  /** One filter only: NATS 2.9 knows no list. */
  readonly filterSubject: string;
  /** Two to three times the handler's slowest usual run. */
  readonly ackWaitMs: number;
  readonly maxDeliver: number;
  /** Bounded back-pressure. */
  readonly maxAckPending: number;
}

const usual = { ackWaitMs: 30_000, maxDeliver: 12, maxAckPending: 512 } as const;

/** Durable name = <service>-<handler>. */
export const consumers = {
  'billing-verification': { stream: 'VERIFICATION', filterSubject: 'namaskah.verification.v1.activation.*', ...usual },
  'billing-campaign': { stream: 'CAMPAIGN', filterSubject: 'namaskah.campaign.v1.campaign.*', ...usual },
  'billing-usage-verification': { stream: 'VERIFICATION', filterSubject: 'namaskah.verification.v1.activation.code-received', ...usual },
  'billing-usage-campaign': { stream: 'CAMPAIGN', filterSubject: 'namaskah.campaign.v1.campaign.messages-progressed', ...usual },
  'billing-usage-plan': { stream: 'BILLING', filterSubject: 'namaskah.billing.v1.subscription.plan-changed', ...usual },
  'billing-usage-payment': { stream: 'BILLING', filterSubject: 'namaskah.billing.v1.payment.succeeded', ...usual },
  'billing-provider-costs': { stream: 'VERIFICATION', filterSubject: 'namaskah.verification.v1.activation.code-received', ...usual },
  'billing-tenant': { stream: 'AUTH', filterSubject: 'namaskah.auth.v1.tenant.registered', ...usual },
  'verification-tenant': { stream: 'AUTH', filterSubject: 'namaskah.auth.v1.tenant.registered', ...usual },
  'verification-plan': { stream: 'BILLING', filterSubject: 'namaskah.billing.v1.subscription.plan-changed', ...usual },
  'auth-billing': { stream: 'BILLING', filterSubject: 'namaskah.billing.v1.subscription.plan-changed', ...usual },
  'analytics-auth': { stream: 'AUTH', filterSubject: 'namaskah.auth.v1.>', ...usual },
  'analytics-billing': { stream: 'BILLING', filterSubject: 'namaskah.billing.v1.>', ...usual },
  'analytics-verification': { stream: 'VERIFICATION', filterSubject: 'namaskah.verification.v1.>', ...usual },
  'analytics-campaign': { stream: 'CAMPAIGN', filterSubject: 'namaskah.campaign.v1.>', ...usual },
  'notification-billing': { stream: 'BILLING', filterSubject: 'namaskah.billing.v1.>', ...usual },
  'notification-webhooks-verification': { stream: 'VERIFICATION', filterSubject: 'namaskah.verification.v1.>', ...usual },
  'notification-webhooks-billing': { stream: 'BILLING', filterSubject: 'namaskah.billing.v1.>', ...usual },
  'notification-webhooks-campaign': { stream: 'CAMPAIGN', filterSubject: 'namaskah.campaign.v1.>', ...usual },
  'notification-rental': { stream: 'VERIFICATION', filterSubject: 'namaskah.verification.v1.rental.*', ...usual },
  'notification-auth': { stream: 'AUTH', filterSubject: 'namaskah.auth.v1.>', ...usual },
} as const satisfies Record<string, ConsumerRow>;

export type ConsumerName = keyof typeof consumers;
