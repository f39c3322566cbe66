import type { Money } from '#platform/money/index.ts';
import type { CaptureRefusal, Collection, Hold } from '../../domain/hold.ts';
import type { Grant } from '../../domain/credit.ts';
import type { Product, TransferType, Wallet, WalletEntry } from '../../domain/ledger.ts';
import type { Conflict, Keyed, PageAsk } from '../ports.ts';

export interface PlaceHold extends Keyed {
  readonly holdId: string;
  readonly amount: Money;
  readonly product: Product;
  readonly reference: string;
  readonly description: string;
  readonly expiresAt: Date;
  /** False: the expiry would not do for a new hold (any more); only a repetition may still be answered. */
  readonly expiryAcceptable: boolean;
  /** The quote that this is the price of: the hold never exceeds it. */
  readonly quoteId?: string;
  /** Who asked for it: user:<id> or key:<id>; absent: nobody in particular. No part of what makes a repetition the same. */
  readonly actor?: string;
  readonly now: Date;
}
/** A hold out of another one: its money is reserved there already, so nothing is asked of the wallet. */
export interface CarveHold extends PlaceHold {
  readonly fromHoldId: string;
}
/** Money that is taken at once: what it pays for is delivered already, or cannot fail. */
export interface ChargeWallet extends Keyed {
  readonly transferId: string;
  readonly amount: Money;
  readonly product: Product;
  readonly reference: string;
  readonly description: string;
  /** As of a hold. */
  readonly actor?: string;
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
/** The tenant himself does not want more to be spent now. */
export type SpendingRefused =
  | { readonly outcome: 'spending_paused' }
  | { readonly outcome: 'budget_exhausted'; readonly budget: ExhaustedBudget };
/** The budget that has no room; of several, the one that begins anew last. */
export interface ExhaustedBudget {
  readonly id: string;
  readonly name: string;
  /** undefined: of everything that the tenant buys. */
  readonly product: Product | undefined;
  readonly availableMicros: bigint;
  readonly resetsAt: Date;
}
export type QuoteRefused = { readonly outcome: 'quote_invalid' | 'quote_exceeded' };
export type PlaceResult = HoldDone | Insufficient | Conflict | SpendingRefused | QuoteRefused | { readonly outcome: 'expiry_refused' };
/** Not found: there is no such hold to take it from. */
export type CarveResult = HoldDone | Conflict | QuoteRefused | { readonly outcome: CaptureRefusal | 'not_found' | 'expiry_refused' };
export type ChargeResult =
  | { readonly outcome: 'done' | 'replayed'; readonly transferId: string }
  | Insufficient
  | Conflict
  | SpendingRefused;
export type ResolveResult = HoldDone | Conflict | { readonly outcome: CaptureRefusal | 'not_found' };

/**
 * Commands on holds and wallets. Each is atomic together with the events it causes; those of concurrent callers may share a
 * round trip. The pure rules of domain/hold.ts say what they do; the contract suite and the model test hold every
 * implementation to that.
 */
export interface HoldLedger {
  place(command: PlaceHold): Promise<PlaceResult>;
  /** See `carve` of domain/hold.ts. The part is as old as the whole: it was reserved then. A quote needs to exist and to cover it, no more. */
  carve(command: CarveHold): Promise<CarveResult>;
  capture(command: CaptureHold): Promise<ResolveResult>;
  release(command: ReleaseHold): Promise<ResolveResult>;
  charge(command: ChargeWallet): Promise<ChargeResult>;
}

export interface HoldReader {
  /** Of this tenant; undefined also when it is another tenant's. */
  find(tenantId: string, holdId: string): Promise<Hold | undefined>;
}

/** What other services found out about a hold, in the order in which they did. */
export type HoldFact = { readonly tenantId: string; readonly holdId: string; readonly now: Date } & (
  | {
      /** Something was delivered: see `collect` in domain/hold.ts. */
      readonly kind: 'collect';
      readonly upToMicros: bigint;
      readonly final: boolean;
    }
  /** Nothing (more) will be delivered: an open hold is given back, a resolved one stays as it is. */
  | { readonly kind: 'give_back' }
);
/** Not found: no such hold of this tenant. */
export type Settled = { readonly found: false } | { readonly found: true; readonly collection?: Collection };

/** Commands caused by facts: keyed by the fact itself (cumulative or absorbing), not by an idempotency key. */
export interface HoldSettlement {
  /** All of them, or none when it throws. @returns one answer per fact, in their order */
  settle(facts: readonly HoldFact[]): Promise<readonly Settled[]>;
}

export interface HoldSweep {
  /** Expires up to `limit` holds that are due. Safe beside other replicas. @returns how many */
  expireDue(now: Date, limit: number): Promise<number>;
}

export interface GrantCredit extends Keyed {
  readonly transferId: string;
  readonly amount: Money;
  readonly reason: string;
  readonly priority: number;
  readonly expiresAt: Date | undefined;
  readonly now: Date;
}
export type GrantResult = { readonly outcome: 'done' | 'replayed'; readonly transferId: string } | Conflict;

/** Gives a charge back, whole or in parts, to the grants that it was taken from. */
export interface RefundCharge extends Keyed {
  readonly transferId: string;
  /** The charge: a transfer out of this tenant's wallet. */
  readonly reverses: string;
  readonly amount: Money;
  readonly description: string;
  readonly reference: string;
  readonly now: Date;
}
export type RefundResult =
  | { readonly outcome: 'done' | 'replayed'; readonly transferId: string }
  | Conflict
  | { readonly outcome: 'not_found' | 'exceeds' };

export interface Wallets {
  /** Makes the wallet if there is none yet. */
  open(tenantId: string, now: Date): Promise<void>;
  /** Promotional credit. */
  grant(command: GrantCredit): Promise<GrantResult>;
  refund(command: RefundCharge): Promise<RefundResult>;
}

export interface LapsePage {
  readonly wallets: number;
  readonly lapsed: number;
  readonly next: { readonly at: Date; readonly id: string } | undefined;
}
export interface CreditSweep {
  /** Takes expired credit out of up to `limit` wallets after the position `after`; those that are busy are left for the next run. */
  lapseDue(now: Date, after: LapsePage['next'], limit: number): Promise<LapsePage>;
}

export interface EntryFilter {
  readonly type?: TransferType;
  readonly product?: Product;
  /** Included. */
  readonly from?: Date;
  /** Not included. */
  readonly to?: Date;
  /** Of the amount without its sign; both included. */
  readonly minMicros?: bigint;
  readonly maxMicros?: bigint;
  readonly reference?: string;
  /** Exactly: user:<id> or key:<id>. */
  readonly actor?: string;
}
export interface EntryPage {
  readonly entries: readonly WalletEntry[];
  readonly nextCursor: string;
}
export interface GrantPage {
  readonly grants: readonly Grant[];
  readonly nextCursor: string;
}
export interface WalletReader {
  wallet(tenantId: string): Promise<Wallet | undefined>;
  /** What the balance is made of; newest first, spent and expired ones too. */
  grants(tenantId: string, page: PageAsk): Promise<GrantPage>;
  /** Newest first. A cursor that is not one → request.invalid. */
  entries(tenantId: string, filter: EntryFilter, page: PageAsk): Promise<EntryPage>;
}

/** A block of the chain of transfers. */
export interface SealedBlock {
  readonly height: bigint;
  /** In hexadecimal digits. */
  readonly hash: string;
  readonly transfers: number;
}
export interface LedgerChain {
  /** Seals up to `limit` transfers. Undefined: none waits, or another replica is at it. */
  seal(now: Date, limit: number): Promise<SealedBlock | undefined>;
}

export interface Divergence {
  readonly law: string;
  readonly subject: string;
  readonly expected: string;
  readonly found: string;
  /** What lies around the subject, by table. */
  readonly rows: Readonly<Record<string, readonly unknown[]>>;
}
export interface AuditReport {
  /** How many were checked. */
  readonly laws: number;
  /** The first of each law that is broken. */
  readonly divergences: readonly Divergence[];
  /** Σ of all entries, without sign, over the currencies: 0 when debits are credits. */
  readonly imbalanceMicros: bigint;
}
/** The laws of the books, read from one snapshot. */
export interface LedgerAudit {
  firstDivergence(): Promise<Divergence | undefined>;
  report(): Promise<AuditReport>;
}
