import type { Money } from '#platform/money/index.ts';
import type { GatewayStatement, Payment } from '../../domain/payment.ts';
import type { Conflict, Keyed, PageAsk } from '../ports.ts';

export interface NewPayment extends Keyed {
  readonly id: string;
  readonly gateway: string;
  readonly amount: Money;
  readonly now: Date;
  readonly nextCheckAt: Date;
}
export interface Payments {
  /** Inserts, or finds the payment that this key made before. */
  add(payment: NewPayment): Promise<{ readonly outcome: 'done' | 'replayed'; readonly payment: Payment } | Conflict>;
  find(tenantId: string, id: string): Promise<Payment | undefined>;
  /** For settlement, where the gateway's notification names the payment and not the tenant. */
  findAnyTenant(id: string): Promise<Payment | undefined>;
  list(tenantId: string, page: PageAsk): Promise<{ readonly payments: readonly Payment[]; readonly nextCursor: string }>;
  /** Stores where the customer pays; the first answer stays. */
  checkoutReady(
    id: string,
    checkout: { readonly gatewayPaymentId: string; readonly checkoutUrl: string; readonly nextCheckAt: Date },
  ): Promise<void>;
  /** pending|failed → succeeded with the credit and the event, once. @returns false when someone else was first */
  succeed(command: {
    readonly paymentId: string;
    readonly transferId: string;
    readonly gatewayPaymentId: string;
    readonly now: Date;
  }): Promise<boolean>;
  /** pending → failed, or pending|failed → mismatched, with the event. @returns false when someone else was first */
  fail(command: {
    readonly paymentId: string;
    readonly as: 'failed' | 'mismatched';
    readonly reason: string;
    readonly now: Date;
  }): Promise<boolean>;
  /** Takes pending payments whose check is due; they come up again at `leaseUntil` if this process dies. */
  claimDue(now: Date, leaseUntil: Date, limit: number): Promise<readonly Payment[]>;
  /** Asks for an early check of a pending payment that was not checked since `notSince`. @returns whether it was brought forward */
  hasten(id: string, now: Date, notSince: Date): Promise<boolean>;
  schedule(id: string, nextCheckAt: Date, checkedAt: Date): Promise<void>;
}

export interface Notification {
  readonly eventId: string;
  readonly paymentId: string;
}
export interface StoredNotification extends Notification {
  readonly id: string;
  readonly gateway: string;
  readonly attempts: number;
}
export interface NotificationInbox {
  /** @returns false when this event of this gateway is stored already */
  add(
    notification: Notification & { readonly id: string; readonly gateway: string; readonly rawBody: Buffer; readonly now: Date },
  ): Promise<boolean>;
  claimDue(now: Date, leaseUntil: Date, limit: number): Promise<readonly StoredNotification[]>;
  finish(id: string, now: Date, result: string): Promise<void>;
  postpone(id: string, nextAttemptAt: Date, reason: string): Promise<void>;
}

/** Every call to a gateway ends in yes, no or unknown; unknown is asked again later, never taken for a no. */
export type Unknown = { readonly outcome: 'unknown'; readonly reason: string };
export type Refused = { readonly outcome: 'no'; readonly reason: string };
export interface PaymentGateway {
  readonly name: string;
  readonly currencies: readonly string[];
  /** Idempotent by paymentId: the same call again makes no second payment. */
  start(payment: {
    readonly paymentId: string;
    readonly amount: Money;
  }): Promise<{ readonly outcome: 'yes'; readonly gatewayPaymentId: string; readonly checkoutUrl: string } | Refused | Unknown>;
  /** What the gateway's API says about our payment; `no`: it does not know it. */
  verify(payment: {
    readonly paymentId: string;
    readonly gatewayPaymentId: string;
  }): Promise<{ readonly outcome: 'yes'; readonly statement: GatewayStatement } | Refused | Unknown>;
  /** Checks the signature over the raw bytes, in constant time, not older than the tolerance. */
  parseNotification(input: {
    readonly headers: Readonly<Record<string, string>>;
    readonly rawBody: Buffer;
    readonly now: Date;
  }): ({ readonly outcome: 'genuine' } & Notification) | { readonly outcome: 'forged' | 'malformed' };
}
export type PaymentGateways = ReadonlyMap<string, PaymentGateway>;
