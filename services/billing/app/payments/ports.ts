import type { Money } from '#platform/money/index.ts';
import type { Attempt, GatewayStatement, Payment, PaymentLogEntry } from '../../domain/payment.ts';
import type { Dispute, DisputeStatement } from '../../domain/dispute.ts';
import type { PaymentMethod, SavedCard } from '../../domain/payment-method.ts';
import type { TopUp } from '../../domain/top-up.ts';
import type { Refund, RefundCause } from '../../domain/refund.ts';
import type { StatementFinding, StatementLine } from '../../domain/statement.ts';
import type { Conflict, Keyed, PageAsk } from '../ports.ts';

export interface NewPayment extends Keyed {
  readonly id: string;
  /** Of the first attempt, whose id is the payment's. */
  readonly gateway: string;
  readonly saveMethod: boolean;
  /** The saved method that the first attempt charges. */
  readonly paymentMethodId: string | undefined;
  /** The claim of a top-up that it is made for: only while it is the newest, and a tenant has one under way at a time. */
  readonly topUp: bigint | undefined;
  readonly amount: Money;
  readonly now: Date;
  readonly nextCheckAt: Date;
}
export interface NewAttempt {
  readonly id: string;
  readonly tenantId: string;
  readonly paymentId: string;
  readonly gateway: string;
  /** Of this payment; the same key again is the same attempt. */
  readonly idempotencyKey: string;
  /** What its caller asked for: another one under the same key is a conflict. Absent: the attempt is our own, and one for its gateway. */
  readonly request?: string;
  /** Fail-over from this attempt, only while it is still the current one; `refused`: why it failed, absent: it may yet succeed. */
  readonly after?: { readonly attemptId: string; readonly refused: string | undefined };
  readonly now: Date;
  readonly nextCheckAt: Date;
}
export interface Payments {
  /**
   * Inserts with its first attempt, or finds the payment that this key made before. `under_way`: of a top-up, when another is, or has been
   * claimed since.
   */
  add(
    payment: NewPayment,
  ): Promise<{ readonly outcome: 'done' | 'replayed'; readonly payment: Payment } | Conflict | { readonly outcome: 'under_way' }>;
  /** Adds an attempt, which becomes the current one. `settled`: credited, or other money came · `exhausted`: too many attempts */
  addAttempt(attempt: NewAttempt): Promise<'done' | 'replayed' | 'not_found' | 'idempotency_conflict' | 'settled' | 'exhausted'>;
  /** Where the payment that this key made began; undefined: it made none. */
  beganAt(tenantId: string, idempotencyKey: string): Promise<string | undefined>;
  find(tenantId: string, id: string): Promise<Payment | undefined>;
  /** For settlement, where the gateway's notification names the attempt and not the tenant. Those that are there, in any order. */
  findAttempts(ids: readonly string[]): Promise<readonly Attempt[]>;
  /** All attempts of a payment, in their order. */
  attempts(tenantId: string, paymentId: string): Promise<readonly Attempt[]>;
  /** What happened to it, oldest first, at most `limit`; empty when it is not there. */
  log(tenantId: string, id: string, limit: number): Promise<readonly PaymentLogEntry[]>;
  list(tenantId: string, page: PageAsk): Promise<{ readonly payments: readonly Payment[]; readonly nextCursor: string }>;
  /** Stores where the customer pays; the first answer stays. */
  checkoutReady(
    attemptId: string,
    checkout: { readonly gatewayPaymentId: string; readonly checkoutUrl: string; readonly nextCheckAt: Date },
  ): Promise<void>;
  /**
   * An attempt was paid. `credited`: with the credit and the event, at most once for a payment · `surplus`: the payment had been
   * credited, and a refund of this attempt was made · `none`: someone else was first
   */
  succeed(command: {
    readonly attempt: Attempt;
    readonly transferId: string;
    readonly refundId: string;
    readonly gatewayPaymentId: string;
    readonly now: Date;
  }): Promise<'credited' | 'surplus' | 'none'>;
  /** pending → failed, or pending|failed → mismatched, of the attempt and perhaps its payment, with the event. @returns false when someone else was first */
  fail(command: {
    readonly attempt: Attempt;
    readonly as: 'failed' | 'mismatched';
    readonly reason: string;
    readonly now: Date;
  }): Promise<boolean>;
  /** Takes pending attempts whose check is due; they come up again at `leaseUntil` if this process dies. */
  claimDue(now: Date, leaseUntil: Date, limit: number): Promise<readonly Attempt[]>;
  /** Asks for an early check of a payment's pending attempts that were not checked since `notSince`. @returns whether one was brought forward */
  hasten(paymentId: string, now: Date, notSince: Date): Promise<boolean>;
  schedule(attemptId: string, nextCheckAt: Date, checkedAt: Date): Promise<void>;
}

export interface RefundOrder extends Keyed {
  readonly id: string;
  readonly transferId: string;
  readonly paymentId: string;
  /** Absent: what is left of the payment. */
  readonly amount: Money | undefined;
  readonly cause: RefundCause;
  readonly reason: string;
  readonly requestedBy: string;
  readonly now: Date;
}
/** `triedAt`: when it was taken before. */
export type ClaimedRefund = Refund & { readonly tries: number; readonly triedAt: Date | undefined };
export interface Refunds {
  /** Debits the wallet and records the refund, in one transaction. */
  request(
    order: RefundOrder,
  ): Promise<
    | { readonly outcome: 'done' | 'replayed'; readonly refund: Refund }
    | Conflict
    | { readonly outcome: 'not_found' | 'not_paid' | 'exceeds' | 'insufficient' }
  >;
  find(tenantId: string, id: string): Promise<Refund | undefined>;
  list(
    tenantId: string,
    filter: { readonly paymentId: string | undefined },
    page: PageAsk,
  ): Promise<{ readonly refunds: readonly Refund[]; readonly nextCursor: string }>;
  /** Takes pending refunds that are due and counts the try; they come up again at `leaseUntil` if this process dies. */
  claimDue(now: Date, leaseUntil: Date, limit: number): Promise<readonly ClaimedRefund[]>;
  /** The gateway works on it: asked again later. */
  postpone(id: string, nextCheckAt: Date, gatewayRefundId: string): Promise<void>;
  /** A failure gives the credit back. @returns false when someone else was first */
  finish(command: {
    readonly refund: Refund;
    readonly as: 'succeeded' | 'failed';
    readonly gatewayRefundId: string;
    readonly reason: string;
    readonly returnedId: string;
    readonly now: Date;
  }): Promise<boolean>;
  /** Those of an attempt that its gateway has done. */
  done(attemptId: string): Promise<readonly Refund[]>;
  /** One that was done came back to the gateway, and the credit to the wallet. @returns false when someone else was first */
  sendBack(command: {
    readonly refund: Refund;
    readonly reason: string;
    readonly returnedId: string;
    readonly now: Date;
  }): Promise<boolean>;
  /** The gateway told of a refund of this attempt: its pending ones are due now. */
  hasten(attemptId: string, now: Date): Promise<void>;
}

export interface Notification {
  readonly eventId: string;
  /** The attempt's id, as we gave it to the gateway; empty when the event is about nothing of ours. */
  readonly reference: string;
  readonly about: 'payment' | 'refund' | 'dispute';
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
  finish(done: readonly { readonly id: string; readonly result: string }[], now: Date): Promise<void>;
  postpone(id: string, nextAttemptAt: Date, reason: string): Promise<void>;
}

/** Every call to a gateway ends in yes, no or unknown; unknown is asked again later, never taken for a no. */
export type Unknown = { readonly outcome: 'unknown'; readonly reason: string };
export type Refused = { readonly outcome: 'no'; readonly reason: string };
export type GatewayOperation = 'start' | 'verify' | 'refund' | 'verify_refund' | 'list' | 'disputes' | 'charge' | 'saved_card';
/** Seconds of a call by its outcome. */
export type ObserveGateway = (operation: GatewayOperation, outcome: 'yes' | 'no' | 'unknown', seconds: number) => void;

/** An attempt as its gateway knows it. */
export interface AtGateway {
  readonly reference: string;
  readonly gatewayPaymentId: string;
}
export interface RefundStatement {
  readonly gatewayRefundId: string;
  readonly status: 'pending' | 'succeeded' | 'failed';
}
export interface PaymentGateway {
  readonly name: string;
  readonly currencies: readonly string[];
  /** Idempotent by reference: the same call again makes no second payment. The customer comes back to the page of `paymentId`. */
  start(attempt: {
    readonly reference: string;
    readonly paymentId: string;
    readonly amount: Money;
    /** The card is to be kept, if the way to pay allows it: `savedCard` tells. */
    readonly saveMethod?: boolean;
  }): Promise<{ readonly outcome: 'yes'; readonly gatewayPaymentId: string; readonly checkoutUrl: string } | Refused | Unknown>;
  /** Takes money from a saved card at once, idempotent by reference; how it went is for `verify` to say. `no`: declined, the card is gone, or asks for its owner. */
  charge(order: {
    readonly reference: string;
    readonly amount: Money;
    readonly token: string;
  }): Promise<{ readonly outcome: 'yes'; readonly gatewayPaymentId: string } | Refused | Unknown>;
  /** The card that a paid attempt was paid with. `no`: it cannot be charged again. */
  savedCard(attempt: AtGateway): Promise<{ readonly outcome: 'yes'; readonly card: SavedCard } | Refused | Unknown>;
  /** What the gateway's API says about our attempt; `no`: it does not know it. */
  verify(attempt: AtGateway): Promise<{ readonly outcome: 'yes'; readonly statement: GatewayStatement } | Refused | Unknown>;
  /** Gives money back. `refundId` is the key, as far as the gateway knows keys: after `unknown`, `verifyRefund` comes first. */
  refund(
    refund: AtGateway & { readonly refundId: string; readonly amount: Money },
  ): Promise<({ readonly outcome: 'yes' } & RefundStatement) | Refused | Unknown>;
  /** How a refund stands, found by our id; `no`: the gateway does not know it. */
  verifyRefund(
    refund: AtGateway & { readonly refundId: string; readonly gatewayRefundId: string; readonly requestedAt: Date },
  ): Promise<({ readonly outcome: 'yes' } & RefundStatement) | Refused | Unknown>;
  /** Everything that succeeded from `from` (included) to `to` (not included), as the gateway accounts for it. */
  listStatement(from: Date, to: Date): Promise<{ readonly outcome: 'yes'; readonly lines: readonly StatementLine[] } | Unknown>;
  /** All that were opened in [from, to), as they stand now. */
  listDisputes(from: Date, to: Date): Promise<{ readonly outcome: 'yes'; readonly disputes: readonly DisputeStatement[] } | Unknown>;
  /** Checks the signature over the raw bytes, in constant time, not older than the tolerance. */
  parseNotification(input: {
    readonly headers: Readonly<Record<string, string>>;
    readonly rawBody: Buffer;
    readonly now: Date;
  }): ({ readonly outcome: 'genuine' } & Notification) | { readonly outcome: 'forged' | 'malformed' };
}
export type PaymentGateways = ReadonlyMap<string, PaymentGateway>;

/** Our side of a comparison with a gateway's statement, across tenants. */
export interface StatementBook {
  attempts(gateway: string, ids: readonly string[]): Promise<readonly Attempt[]>;
  /** Paid in [from, to): credited, or paid too much. */
  settledAttempts(gateway: string, from: Date, to: Date): Promise<readonly Attempt[]>;
  refunds(gateway: string, gatewayRefundIds: readonly string[]): Promise<readonly Refund[]>;
  /** Given back in [from, to). */
  settledRefunds(gateway: string, from: Date, to: Date): Promise<readonly Refund[]>;
}
export interface StatementDiary {
  /** Of the first attempt at this gateway, as YYYY-MM-DD in UTC. */
  firstDay(gateway: string): Promise<string | undefined>;
  /** Takes a day for this process. False: it is done, or another replica began it after `staleBefore`. */
  begin(gateway: string, day: string, now: Date, staleBefore: Date): Promise<boolean>;
  finish(
    gateway: string,
    day: string,
    result: { readonly lines: number; readonly findings: readonly StatementFinding[] },
    now: Date,
  ): Promise<void>;
  /** Of the newest seven days that were compared. */
  latest(gateway: string): Promise<{ readonly finishedAt: Date; readonly findings: number } | undefined>;
}

export interface Disputes {
  /**
   * What a gateway says of a dispute: first heard of, the wallet gives what it has of it; won, it has it again. Decided otherwise later, the
   * wallet follows; nothing that is decided is open again.
   * @returns undefined: nothing new, or nothing of ours
   */
  record(
    statement: DisputeStatement & {
      readonly gateway: string;
      readonly id: string;
      readonly takenId: string;
      readonly returnedId: string;
      readonly now: Date;
    },
  ): Promise<{ readonly disputeId: string; readonly outcome: 'opened' | 'won' | 'lost'; readonly uncoveredMicros: bigint } | undefined>;
  find(tenantId: string, id: string): Promise<Dispute | undefined>;
  list(
    filter: { readonly tenantId: string | undefined; readonly paymentId: string | undefined; readonly status: string | undefined },
    page: PageAsk,
  ): Promise<{ readonly disputes: readonly Dispute[]; readonly nextCursor: string }>;
}

export interface PaymentMethods {
  /** At most 100, the default first, then the newest. */
  list(tenantId: string): Promise<readonly PaymentMethod[]>;
  find(tenantId: string, id: string): Promise<PaymentMethod | undefined>;
  remove(tenantId: string, id: string, now: Date): Promise<boolean>;
  makeDefault(tenantId: string, id: string): Promise<boolean>;
  /** Takes payments whose card is to be kept and not known yet; they come up again at `leaseUntil`. */
  claimDue(
    now: Date,
    leaseUntil: Date,
    limit: number,
  ): Promise<readonly (AtGateway & { readonly paymentId: string; readonly gateway: string })[]>;
  /** Once for a payment; a card that is known already stays as it is. */
  save(command: { readonly paymentId: string; readonly id: string; readonly card: SavedCard; readonly now: Date }): Promise<void>;
  giveUp(paymentId: string): Promise<void>;
}

export interface TopUps {
  find(tenantId: string): Promise<TopUp | undefined>;
  set(command: Pick<TopUp, 'tenantId' | 'enabled' | 'threshold' | 'amount' | 'monthlyLimit'> & { readonly now: Date }): Promise<TopUp>;
  /** Takes those whose wallet is low and that may be charged now; `sequence` is a new one for each claim. */
  claimDue(now: Date, leaseUntil: Date, limit: number): Promise<readonly (TopUp & { readonly sequence: bigint })[]>;
  /** Switches off, with an event, what has failed too often in a row. @returns how many */
  suspend(now: Date, reason: string): Promise<number>;
}
