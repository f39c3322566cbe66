import type { Delivery, DeliveryKind, Facts } from '../domain/delivery.ts';

export interface NewDelivery {
  readonly id: string;
  readonly tenantId: string;
  readonly kind: DeliveryKind;
  readonly subjectId: string;
  readonly facts: Facts;
  /** The event that asks for it: a second delivery of the event asks for nothing new. */
  readonly eventId: string;
  readonly createdAt: Date;
}

export interface DeliveryPage {
  readonly deliveries: readonly Delivery[];
  readonly nextCursor: string;
}

export interface Deliveries {
  add(delivery: NewDelivery): Promise<void>;
  /** Takes what is due until `leaseUntil`, counting the attempt; two senders never take the same. */
  claimDue(now: Date, leaseUntil: Date, limit: number): Promise<readonly Delivery[]>;
  /** Each of these counts only while the claim (its number of attempts) still stands. */
  finish(
    delivery: Delivery,
    status: 'sent' | 'skipped' | 'failed',
    at: Date,
    details: { readonly recipientMasked?: string; readonly reason?: string },
  ): Promise<void>;
  retry(delivery: Delivery, at: Date, reason: string): Promise<void>;
  list(tenantId: string, page: { readonly limit: number; readonly cursor: string }): Promise<DeliveryPage>;
  /** Removes what ended before `before`. @returns how many */
  sweep(before: Date): Promise<number>;
}

export type Addressed =
  | {
      readonly outcome: 'issued';
      readonly email: string;
      readonly emailMasked: string;
      /** Empty for mails about the account. */
      readonly token: string;
      readonly tenantName: string;
    }
  /** Verified, accepted, expired or gone meanwhile. */
  | { readonly outcome: 'not-needed' };

export interface Addressees {
  /** Who gets it, and a fresh token; an earlier token of the same subject stops working. @throws AppError when it cannot be found out now */
  issue(delivery: Delivery): Promise<Addressed>;
}

export interface OutgoingMail {
  readonly idempotencyKey: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** refused: certainly not sent. unknown: it may have been sent. The same key never sends twice. */
export type MailOutcome = { readonly outcome: 'sent' } | { readonly outcome: 'refused' | 'unknown'; readonly reason: string };

export interface Mailer {
  /** Never throws: whatever goes wrong is an outcome, and its reason names no address. */
  send(mail: OutgoingMail): Promise<MailOutcome>;
}

export interface SendObserver {
  ended(kind: DeliveryKind, outcome: 'sent' | 'skipped' | 'failed' | 'retry', reason?: string): void;
}
