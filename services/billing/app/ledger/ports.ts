import type { Money } from '#platform/money/index.ts';
import type { CaptureRefusal, Collection, Hold } from '../../domain/hold.ts';
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
