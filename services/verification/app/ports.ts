import type { AppError } from '#platform/errors/index.ts';
import type { Money } from '#platform/money/index.ts';
import type { Clock } from '#platform/time/index.ts';
import type { Catalogue, Country, Offer, PolicyClass, Service } from '../domain/catalogue.ts';
import type { Chosen } from '../domain/choices.ts';
import type { ReadCode, Rule } from '../domain/code/read-code.ts';
import type { Refused } from '../domain/policy/admit.ts';
import type { ActiveActivation } from '../domain/reconcile.ts';
import type { PublicStatus, State } from '../domain/state.ts';
import type { Policies } from '../domain/policies.ts';
import type { Timing } from '../domain/timing.ts';
import type { NumberLeases, PolicyGate } from './policy/ports.ts';
import type { DomainEvent, Verification } from '../domain/verification.ts';
import type { FreshViews } from './live/ports.ts';
import type { Routes } from './routing/ports.ts';

/** A message as it is stored: the text, its code and its sender are sealed. */
export interface SealedMessage {
  readonly id: string;
  readonly sealed: Uint8Array;
  /** The same message, by push and by poll, has the same fingerprint. */
  readonly fingerprint: Uint8Array;
  readonly receivedAt: Date;
  /** Arrived after the customer got the money back: kept as evidence, never shown. */
  readonly hidden: boolean;
}

/** A push about an activation that we do not know (yet). */
export interface OrphanPush {
  readonly id: string;
  readonly provider: string;
  readonly activationId: string;
  readonly sealed: Uint8Array;
  readonly fingerprint: Uint8Array;
  readonly arrivedAt: Date;
}

/**
 * saved: it is so now. pushWaits: saved, and a push for this activation has come before. lost: somebody else changed the
 * verification first. claimed: this activation belongs to another verification. unleased: nothing has changed, the number could not be leased.
 */
export type Saved = 'saved' | 'pushWaits' | 'lost' | 'claimed' | 'unleased';

/** known: this tenant's idempotency key has a purchase already. refused: by policy; written down as a decision. */
export type Reserved =
  | { readonly kind: 'written' }
  | { readonly kind: 'known'; readonly earlier: Verification }
  | { readonly kind: 'refused'; readonly refused: Refused };

/** What of a tenant's history is wanted; undefined, or an empty list: everything. */
export interface Filter {
  readonly statuses: readonly PublicStatus[];
  readonly service: string | undefined;
  readonly country: string | undefined;
  readonly createdFrom?: Date | undefined;
  readonly createdTo?: Date | undefined;
  /** E.164, the whole number. */
  readonly phoneNumber?: string | undefined;
  readonly retryOf?: string | undefined;
}

export interface ListQuery extends Filter {
  readonly tenantId: string;
  /** Id of the last row of the page before. */
  readonly before: string | undefined;
  readonly limit: number;
}

/** One entry of a verification's history. */
export interface Change {
  readonly version: number;
  readonly state: State;
  /** What was told to others; undefined: an inner step. */
  readonly event: DomainEvent['kind'] | undefined;
  readonly at: Date;
}

export interface VerificationStore {
  /** Writes a new row, unless policy refuses the purchase or the key has one; decided in the same statement. */
  reserve(verification: Verification, policyClass: PolicyClass): Promise<Reserved>;
  /** Compare-and-set on (state, version) of `from`: another provider is asked from now on. */
  reroute(from: Verification, to: Verification): Promise<boolean>;
  /** Compare-and-set on (state, version) of `from`, with its event and message, in one statement. */
  save(from: Verification, to: Verification, also?: { event?: DomainEvent; message?: SealedMessage }): Promise<Saved>;
  /** The same for a number that a provider has granted, which is leased in that statement too. `number`: its hash. */
  grant(from: Verification, to: Verification, also: { event: DomainEvent; number: Uint8Array }): Promise<Saved>;
  /**
   * Keeps a message that came after the end, hidden until it is decided what becomes of it, and has the provider asked once more what it
   * took. @returns false when it is known already
   */
  keepLate(verification: Verification, message: SealedMessage & { readonly hidden: true }, now: Date): Promise<boolean>;
  /** Keeps a message that the customer does not see. @returns false when it is known already */
  keepHidden(verification: Verification, message: SealedMessage & { readonly hidden: true }): Promise<boolean>;
  /** Has this message come before? Sound together with a later `save`: a message that can be seen raises the version. */
  knowsMessage(verification: Verification, fingerprint: Uint8Array): Promise<boolean>;
  find(tenantId: string, id: string): Promise<Verification | undefined>;
  findByKey(tenantId: string, idempotencyKey: string): Promise<Verification | undefined>;
  findByActivation(provider: string, activationId: string): Promise<Verification | undefined>;
  /** Visible messages, oldest first. */
  messages(tenantId: string, id: string): Promise<readonly SealedMessage[]>;
  /** Newest first. */
  list(query: ListQuery): Promise<readonly Verification[]>;
  /** Oldest first, from after `after` up to `upTo`. */
  forward(query: Filter & { tenantId: string; after: string | undefined; upTo: string; limit: number }): Promise<readonly Verification[]>;
  newestId(tenantId: string): Promise<string | undefined>;
  /** All changes since the purchase was asked for, oldest first; undefined: there is no such verification. */
  changes(tenantId: string, id: string): Promise<readonly Change[] | undefined>;

  /**
   * Leases what is due: no other worker gets these rows before `until`. Of a number that waits, the next look is set at once instead, from
   * `looksMs` (see `looksMs` of domain/timing.ts): a look that finds nothing, as most do, has nothing to write then.
   */
  claimDue(now: Date, until: Date, limit: number, looksMs: readonly number[]): Promise<readonly Verification[]>;
  /** Sets the next look, unless the verification or its lease has changed. */
  reschedule(verification: Verification, dueAt: Date): Promise<void>;

  /** Those of `activationIds` that no verification has. */
  unclaimed(provider: string, activationIds: readonly string[]): Promise<ReadonlySet<string>>;
  /** Is another purchase of the same service and country still without an outcome? */
  othersBuying(verification: Verification): Promise<boolean>;
  countUnknown(): Promise<number>;

  keepOrphan(orphan: OrphanPush): Promise<void>;
  /** What waits for one rental. */
  orphansOf(provider: string, activationId: string): Promise<readonly OrphanPush[]>;
  /** Orphans whose activation has become known. */
  matchedOrphans(limit: number): Promise<readonly { orphan: OrphanPush; verification: Verification }[]>;
  dropOrphan(orphan: OrphanPush): Promise<void>;
  purgeOrphans(before: Date): Promise<void>;
}

export type HoldOutcome =
  | { readonly kind: 'held'; readonly holdId: string }
  | { readonly kind: 'refused'; readonly error: AppError }
  | { readonly kind: 'unknown'; readonly error: AppError };

/** A price that billing has promised to one tenant for one offer. */
export interface Quote {
  readonly id: string;
  readonly price: Money;
  readonly expiresAt: Date;
}

/** What tenants pay: billing's price book. */
export interface Prices {
  /**
   * A quote that is good for longer than a purchase takes. Kept for a while, so that a purchase seldom waits for one.
   * @throws billing.no_price · platform.unavailable, when billing does not answer
   */
  quote(tenantId: string, offer: Offer): Promise<Quote>;
  /** Asked for now, hence with all of its life before it. @throws as `quote` */
  fresh(tenantId: string, offer: Offer): Promise<Quote>;
  /** The quote that a customer names; whether it has expired is for the hold to say. @throws request.not_found · billing.quote_invalid: for another offer */
  named(tenantId: string, quoteId: string, offer: Offer): Promise<Quote>;
  /** What up to a hundred offers cost this tenant now; undefined: it has no price. Promises nothing. */
  resolve(tenantId: string, offers: readonly Offer[]): Promise<readonly (Money | undefined)[]>;
}

/** The customer's money. Idempotent by verification: asking again finds out what became of the first time. */
export interface Ledger {
  placeHold(request: {
    tenantId: string;
    verificationId: string;
    /**
     * Of the code that it is for: its position, from the second on, and the version of the number that it was asked for at. Whoever asks
     * again after a wait that came to nothing has another hold: that one went back. Left out: the purchase.
     */
    code?: { readonly position: number; readonly askedAt: number };
    /** Id of the message that came after the end, where that is what it is for. */
    lateMessage?: string;
    amount: Money;
    quoteId: string | undefined;
    /** The open hold of a batch that it becomes a part of; undefined: the wallet. */
    fromHoldId: string | undefined;
    /** Who asked for it; empty: nobody in particular. */
    actor: string;
    description: string;
    expiresAt: Date;
    deadline: Date;
  }): Promise<HoldOutcome>;
  /** Gives back what is not needed after all; any number of times. @returns false: not known whether; it may be repeated, and ends by itself */
  giveBack(tenantId: string, holdId: string): Promise<boolean>;
}

export type Refusal =
  | 'no_numbers'
  /** The provider's price is above ours. */
  | 'price'
  | 'not_offered'
  /** Our account there: key, balance, limits, ban. */
  | 'account'
  /** The request never reached it. */
  | 'unreachable';

export type AcquireOutcome =
  | {
      readonly kind: 'granted';
      readonly activationId: string;
      readonly phoneNumber: string;
      readonly costMicros: bigint;
      readonly expiresAt: Date | undefined;
    }
  | { readonly kind: 'refused'; readonly reason: Refusal; readonly detail: string }
  | { readonly kind: 'unknown'; readonly detail: string };

export interface ProviderMessage {
  readonly text: string;
  /** What the provider took for the code. */
  readonly code: string | undefined;
  readonly sender: string;
  /** Of a call, whose transcription is the text: where it can be heard. */
  readonly audioUrl?: string;
  readonly receivedAt: Date | undefined;
}

export type StatusOutcome =
  | { readonly kind: 'waiting' | 'cancelled' | 'finished' | 'absent' }
  | { readonly kind: 'code'; readonly message: ProviderMessage }
  | { readonly kind: 'unknown'; readonly detail: string };

export type CancelOutcome =
  | { readonly kind: 'cancelled' | 'absent' }
  | { readonly kind: 'early'; readonly retryAfterMs: number | undefined }
  /** Too late: a code exists; with the message when the provider sent it along. */
  | { readonly kind: 'code'; readonly message: ProviderMessage | undefined }
  | { readonly kind: 'unknown'; readonly detail: string };

export type FinishOutcome =
  | { readonly kind: 'done' }
  /** Another message came at the same moment. */
  | { readonly kind: 'message'; readonly message: ProviderMessage }
  | { readonly kind: 'unknown'; readonly detail: string };

/** Repeating the question is safe: a provider that was asked already says so again. */
export type AnotherOutcome =
  /** It waits for another message; `activationId` when it does so under another id. */
  | { readonly kind: 'asked'; readonly activationId: string | undefined }
  /** A message came at the same moment. */
  | { readonly kind: 'message'; readonly message: ProviderMessage }
  /** The number has ended there, or the provider gives no second message on a number. */
  | { readonly kind: 'refused'; readonly detail: string }
  | { readonly kind: 'unknown'; readonly detail: string };

export type ActiveOutcome =
  /** Complete, as of some moment between question and answer. */
  { readonly kind: 'listed'; readonly activations: readonly ActiveActivation[] } | { readonly kind: 'unknown'; readonly detail: string };

/** One upstream. No method throws: whatever happens has one of the declared outcomes, and every call has a time-out. */
export interface NumberProvider {
  readonly name: string;
  /** How long after a purchase nothing is taken back. */
  readonly cancelAfterMs: number;
  acquire(request: {
    orderId: string;
    service: Service;
    country: Country;
    maxPrice: Money;
    chosen?: Chosen;
    capability?: string;
  }): Promise<AcquireOutcome>;
  status(activationId: string): Promise<StatusOutcome>;
  cancel(activationId: string): Promise<CancelOutcome>;
  finish(activationId: string): Promise<FinishOutcome>;
  /** Keeps a number that has had a message for one more. */
  requestAnother(activationId: string): Promise<AnotherOutcome>;
  /** Gives a number back as bad, as long as it has no message: like `cancel`, and it is not offered to us again. */
  report(activationId: string): Promise<CancelOutcome>;
  /** Everything that is rented now and was bought at `since` or later; older ones may be among them. */
  listActive(since: Date): Promise<ActiveOutcome>;
}

export interface PushedMessage extends ProviderMessage {
  /** Of the activation or the rental that it is for. */
  readonly activationId: string;
}

/** A push as it arrived. */
export interface Push {
  readonly secret: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** What a provider's push says. */
export interface PushReader {
  readonly provider: string;
  /** Its name in the address that the provider pushes to. */
  readonly address: string;
  /** What its ids name: providers count activations and rentals apart, or together. */
  readonly about: 'activations' | 'rentals' | 'both';
  /** The secret in the address, and the signature where the provider signs; in constant time. */
  accepts(push: Push): boolean;
  /** @returns undefined when it is about nothing that concerns us. @throws request.malformed */
  read(body: Uint8Array): PushedMessage | undefined;
}

export interface Providers {
  /** The provider of an existing verification. */
  named(name: string): NumberProvider;
  pushReader(address: string): PushReader | undefined;
}

/** Messages to rented numbers. */
export interface RentalInbox {
  /** @returns false when there is no such rental (yet) */
  receive(provider: string, providerRentalId: string, message: ProviderMessage): Promise<boolean>;
}

/** Where a ciphertext belongs: moved elsewhere it does not open. */
export interface Place {
  /** Whose key seals it; undefined: the service's own, for what belongs to no tenant. */
  readonly tenantId: string | undefined;
  /** Tenant, row and what of it. */
  readonly context: string;
}

/** Encryption at rest, by a key of each tenant. Keys are kept in memory: nobody is asked for one that was used lately. */
export interface Sealer {
  seal(plain: string, place: Place): Promise<Uint8Array>;
  /** @returns undefined when the tenant's keys were destroyed: the text is gone */
  open(sealed: Uint8Array, place: Place): Promise<string | undefined>;
  /** Equal for equal texts, the same for all tenants and for good. */
  fingerprint(text: string): Uint8Array;
}

/** What operators want to know; never codes, texts or numbers. */
export interface Observer {
  reached(verification: Verification): void;
  codeDelay(verification: Verification, latencyMs: number): void;
  /** By which rule a message's code was found; none: there is none that is sure. */
  codeRead(rule: Rule | 'none'): void;
  lateCode(verification: Verification): void;
  /** We may pay the provider for something no customer pays for. */
  leak(verification: Verification, what: string): void;
  unknownCount(count: number): void;
  failedStep(verification: Verification, error: unknown): void;
}

export interface Ports {
  readonly store: VerificationStore;
  readonly ledger: Ledger;
  readonly prices: Prices;
  readonly providers: Providers;
  /** Which provider gets a purchase. */
  readonly routes: Routes;
  readonly catalogue: Catalogue;
  readonly policy: PolicyGate;
  readonly numbers: NumberLeases;
  /** By the patterns of `data/code-patterns.json` and the general rules. */
  readonly readCode: ReadCode;
  readonly sealer: Sealer;
  readonly observer: Observer;
  readonly clock: Clock;
  readonly timing: Timing;
  readonly policies: Policies;
  readonly freshViews: FreshViews;
  /** Left out: nobody rents numbers here. */
  readonly rentals?: RentalInbox;
  /** Resolves after that many milliseconds of real time. */
  pause(ms: number): Promise<void>;
}
