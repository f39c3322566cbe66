import type { Money } from '#platform/money/index.ts';
import type { CaptureRefusal, Collection, Hold } from '../domain/hold.ts';
import type { Product, TransferType, Wallet, WalletEntry } from '../domain/ledger.ts';
import type { GatewayStatement, Payment } from '../domain/payment.ts';

/** The answer to a keyed command: done now or the first answer again, or the key belongs to another request. */
export type Conflict = { readonly outcome: 'idempotency_conflict' };
/** Key of the caller and everything that the command says, as canonical text, compared on repetition. */
export interface Keyed {
  readonly tenantId: string;
  readonly idempotencyKey: string;
  readonly request: string;
}

export interface PlaceHold extends Keyed {
  readonly holdId: string;
  readonly amount: Money;
  readonly product: Product;
  readonly reference: string;
  readonly description: string;
  readonly expiresAt: Date;
  /** False: the expiry would not do for a new hold (any more); only a repetition may still be answered. */
  readonly expiryAcceptable: boolean;
  readonly now: Date;
}
export interface CaptureHold extends Keyed {
  readonly holdId: string;
  readonly amount: Money;
  readonly final: boolean;
  readonly now: Date;
}
export interface ReleaseHold extends Keyed {
  readonly holdId: string;
  readonly now: Date;
}
export type HoldDone = { readonly outcome: 'done' | 'replayed'; readonly hold: Hold };
export type Insufficient = { readonly outcome: 'insufficient_credit'; readonly availableMicros: bigint };
export type PlaceResult = HoldDone | Insufficient | Conflict | { readonly outcome: 'expiry_refused' };
export type ResolveResult = HoldDone | Conflict | { readonly outcome: CaptureRefusal | 'not_found' };

/**
 * Commands on holds. Each is atomic together with the events it causes, and each is one round trip. The pure rules of
 * domain/hold.ts say what they do; the contract suite and the model test hold every implementation to that.
 */
export interface HoldLedger {
  place(command: PlaceHold): Promise<PlaceResult>;
  capture(command: CaptureHold): Promise<ResolveResult>;
  release(command: ReleaseHold): Promise<ResolveResult>;
}

export interface HoldReader {
  /** Of this tenant; undefined also when it is another tenant's. */
  find(tenantId: string, holdId: string): Promise<Hold | undefined>;
}

export interface CollectCharge {
  readonly tenantId: string;
  readonly holdId: string;
  readonly upToMicros: bigint;
  readonly final: boolean;
  readonly now: Date;
}

/** Commands caused by facts of other services: keyed by the fact itself (cumulative or absorbing), not by an idempotency key. */
export interface HoldSettlement {
  /** See `collect` in domain/hold.ts. Undefined: no such hold. */
  collect(command: CollectCharge): Promise<Collection | undefined>;
  /** Gives an open hold back; a resolved one stays as it is. @returns false when there is no such hold */
  giveBack(command: { readonly tenantId: string; readonly holdId: string; readonly now: Date }): Promise<boolean>;
  /** Moves the expiry of an open hold later, never earlier. @returns false when there is no such hold */
  extend(command: { readonly tenantId: string; readonly holdId: string; readonly expiresAt: Date }): Promise<boolean>;
}

export interface HoldSweep {
  /** Expires up to `limit` holds that are due; those that another replica works on are left to it. @returns how many */
  expireDue(now: Date, limit: number): Promise<number>;
}

export interface GrantCredit extends Keyed {
  readonly transferId: string;
  readonly amount: Money;
  readonly reason: string;
  readonly now: Date;
}
export type GrantResult = { readonly outcome: 'done' | 'replayed'; readonly transferId: string } | Conflict;

export interface Wallets {
  /** Makes the wallet if there is none yet. */
  open(tenantId: string, now: Date): Promise<void>;
  grant(command: GrantCredit): Promise<GrantResult>;
}

export interface EntryFilter {
  readonly type?: TransferType;
  readonly from?: Date;
  readonly to?: Date;
}
export interface EntryPage {
  readonly entries: readonly WalletEntry[];
  readonly nextCursor: string;
}
export interface WalletReader {
  wallet(tenantId: string): Promise<Wallet | undefined>;
  /** Newest first. A cursor that is not one → request.invalid. */
  entries(tenantId: string, filter: EntryFilter, page: PageAsk): Promise<EntryPage>;
}
export interface PageAsk {
  readonly limit: number;
  readonly cursor: string;
}

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

/** Wakes a worker of this process; a lost wake-up only costs its polling interval. */
export type Wake = () => void;

/** What operators watch; implementations write metrics and logs. */
export interface BillingMonitor {
  hold(product: Product, event: 'placed' | 'captured' | 'released' | 'refused'): void;
  holdsExpired(count: number): void;
  uncollected(fact: { readonly tenantId: string; readonly holdId: string; readonly product: Product; readonly owedMicros: bigint }): void;
  paymentSettled(fact: {
    readonly paymentId: string;
    readonly gateway: string;
    readonly result: 'succeeded' | 'failed' | 'mismatched';
  }): void;
  notificationUnmatched(fact: { readonly gateway: string; readonly eventId: string }): void;
  gatewayUnknown(fact: { readonly gateway: string; readonly operation: 'start' | 'verify'; readonly reason: string }): void;
}

export interface Divergence {
  readonly law: string;
  readonly subject: string;
  readonly expected: string;
  readonly found: string;
}
/** One law of the books each; all are read from one snapshot. */
export interface LedgerAudit {
  firstDivergence(): Promise<Divergence | undefined>;
}
