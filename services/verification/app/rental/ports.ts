import type { AppError } from '#platform/errors/index.ts';
import type { Money } from '#platform/money/index.ts';
import type { Clock } from '#platform/time/index.ts';
import type { Catalogue, Country, PolicyClass, Service } from '../../domain/catalogue.ts';
import type { Rental, RentalOrder, RentalState } from '../../domain/rental/rental.ts';
import type { Refused as PolicyRefused } from '../../domain/policy/admit.ts';
import type { PolicyGate } from '../policy/ports.ts';
import type { RentalSettlement } from '../../domain/settlement/rental.ts';
import type { Refusal, Sealer } from '../ports.ts';

export interface RentalMessage {
  readonly text: string;
  readonly sender: string;
  readonly receivedAt: Date | undefined;
}
export interface SealedRentalMessage {
  readonly id: string;
  readonly rentalId: string;
  readonly tenantId: string;
  readonly sealed: Uint8Array;
  /** Of what was said, by whom, in which second. It outlives the text, so that a provider's old page tells nothing anew. */
  readonly fingerprint: Uint8Array;
  readonly receivedAt: Date;
  /** Nobody may see it: the screen withholds it, it was for whoever had the number before, or its text is gone. */
  readonly hidden: boolean;
}
export interface NewRentalMessage extends SealedRentalMessage {
  /** Fingerprints that the same message has when it was told with another precision; known is one of them only if it came less than `apartMs` before or after. */
  readonly alike: readonly Uint8Array[];
}

type Unknown = { readonly kind: 'unknown'; readonly detail: string };
type Refused = { readonly kind: 'refused'; readonly reason: Refusal; readonly detail: string };

export type RentOutcome =
  | {
      readonly kind: 'granted';
      readonly providerRentalId: string;
      readonly phoneNumber: string;
      readonly endsAt: Date;
      /** What it took, where the answer says so. */
      readonly costMicros?: bigint;
    }
  | Refused
  | Unknown;
export type ExtendOutcome = { readonly kind: 'granted'; readonly endsAt: Date } | Refused | Unknown;
/** Nothing is bought by asking. */
export type PriceOutcome = { readonly kind: 'priced'; readonly costMicros: bigint } | Refused | Unknown;
export type ReleaseOutcome =
  /** `returned`: the provider gave its money back. */
  { readonly kind: 'released'; readonly returned: boolean } | { readonly kind: 'denied' } | Unknown;
export type MessagesOutcome =
  | { readonly kind: 'listed'; readonly messages: readonly RentalMessage[] }
  | { readonly kind: 'ended' }
  | Unknown;

/** One rental that the provider says is ours. What it does not name is undefined. */
export interface ListedRental {
  readonly providerRentalId: string;
  readonly phoneNumber: string;
  readonly service: string | undefined;
  readonly country: string | undefined;
  readonly startedAt: Date | undefined;
  readonly endsAt: Date | undefined;
}
export type ListOutcome = { readonly kind: 'listed'; readonly rentals: readonly ListedRental[] } | Unknown;
export type FindOutcome =
  | { readonly kind: 'active'; readonly rental: ListedRental & { readonly endsAt: Date } }
  /** ended: it keeps what it took. returned: it gave the money back. absent: it knows no such rental. */
  | { readonly kind: 'ended' | 'returned' | 'absent' }
  | Unknown;

export interface Wanted {
  readonly service: Service;
  readonly country: Country;
  readonly hours: number;
}

/** One upstream of long rentals. No method throws; every call has a time-out and one of the declared outcomes. */
export interface RentalProvider {
  readonly name: string;
  /** It has names for both, and rents for so long. */
  sells(wanted: Wanted): boolean;
  /** What it costs us now. The protocols take no upper limit with the purchase, so this is asked before it. */
  price(wanted: Wanted): Promise<PriceOutcome>;
  priceOfMore(request: { providerRentalId: string; hours: number }): Promise<PriceOutcome>;
  rent(request: Wanted & { readonly orderId: string }): Promise<RentOutcome>;
  extend(request: { providerRentalId: string; hours: number }): Promise<ExtendOutcome>;
  /** All that came at `since` or later, oldest first; older ones may be among them. Times are whole seconds: the order says more. */
  messages(providerRentalId: string, since?: Date): Promise<MessagesOutcome>;
  release(providerRentalId: string): Promise<ReleaseOutcome>;
  find(providerRentalId: string): Promise<FindOutcome>;
  /** Everything that is rented now, complete. The end may be missing; `find` has it. */
  list(): Promise<ListOutcome>;
}

export interface RentalProviders {
  sellers(wanted: Wanted): readonly RentalProvider[];
  /** The provider of an existing rental. @throws when it is not configured any more */
  named(name: string): RentalProvider;
}

export type RentalHold =
  | { readonly kind: 'held'; readonly holdId: string }
  | { readonly kind: 'refused'; readonly error: AppError }
  | { readonly kind: 'unknown'; readonly error: AppError };

/** The customer's money. Every call is idempotent by the order; those that throw are repeated. */
export interface RentalLedger {
  placeHold(order: RentalOrder, details: { description: string; expiresAt: Date; deadline: Date }): Promise<RentalHold>;
  capture(order: RentalOrder): Promise<void>;
  release(order: RentalOrder): Promise<void>;
  /** Back to the credit that it was taken from. */
  refund(order: RentalOrder): Promise<void>;
}

export interface RentalAsk {
  readonly service: string;
  readonly country: string;
  readonly duration: string;
  readonly listPrice: Money;
}
export interface RentalPrices {
  /** @throws billing.no_price · platform.unavailable */
  quote(tenantId: string, ask: RentalAsk): Promise<{ readonly id: string; readonly price: Money }>;
  /** undefined: this tenant has no price for it. */
  resolve(tenantId: string, asks: readonly RentalAsk[]): Promise<readonly (Money | undefined)[]>;
}

export type RentalEventKind =
  | 'started'
  | 'messageReceived'
  | 'extended'
  | 'renewed'
  | 'renewalUpcoming'
  | 'renewalFailed'
  | 'released'
  | 'expired'
  | 'failed';
export interface RentalEvent {
  readonly kind: RentalEventKind;
  readonly rental: Rental;
  readonly order?: RentalOrder;
  readonly messageId?: string;
  /** Why a renewal that never became an order failed. */
  readonly reason?: string;
  /** Of a release: what goes back for all its orders together. */
  readonly refunded?: Money;
}

export interface Change<T> {
  readonly from: T;
  readonly to: T;
}
export interface RentalChanges {
  readonly rental?: Change<Rental>;
  readonly orders?: readonly Change<RentalOrder>[];
  readonly events?: readonly RentalEvent[];
  /** The provider's side of what has ended. */
  readonly settlements?: readonly RentalSettlement[];
}

export interface RentalFilter {
  /** None: any. */
  readonly states: readonly RentalState[];
  readonly service: string | undefined;
  readonly country: string | undefined;
  /** Not before. */
  readonly createdFrom: Date | undefined;
  /** Before. */
  readonly createdTo: Date | undefined;
}
export interface RentalQuery extends RentalFilter {
  readonly tenantId: string;
  /** Id of the last row of the page before. */
  readonly before: string | undefined;
  readonly limit: number;
}

export interface Forward {
  readonly after: string | undefined;
  readonly upTo: string;
  readonly limit: number;
}

export type Reserved =
  | { readonly kind: 'written' }
  /** The order that has this tenant's idempotency key: nothing was written. */
  | { readonly kind: 'known'; readonly order: RentalOrder }
  | { readonly kind: 'refused'; readonly refused: PolicyRefused };

export interface RentalStore {
  /**
   * Writes a rental and its first order, if policy allows it. Decided in the same transaction: no refused order has a row, and
   * a refusal is written down.
   */
  reserve(rental: Rental, order: RentalOrder, policyClass: PolicyClass): Promise<Reserved>;
  /** The same for a further order of a rental; lost: somebody changed the rental first. */
  reserveMore(rental: Change<Rental>, order: RentalOrder, policyClass: PolicyClass): Promise<Reserved | { readonly kind: 'lost' }>;
  /** All or nothing: each change is a compare-and-set on (state, version). claimed: the provider's rental, is another's. */
  save(changes: RentalChanges): Promise<'saved' | 'lost' | 'claimed'>;
  find(tenantId: string, id: string): Promise<Rental | undefined>;
  findOrder(tenantId: string, id: string): Promise<RentalOrder | undefined>;
  orderByKey(tenantId: string, idempotencyKey: string): Promise<RentalOrder | undefined>;
  /** Those of `ids` that are the tenant's, in any order. */
  findMany(tenantId: string, ids: readonly string[]): Promise<readonly Rental[]>;
  orders(tenantId: string, rentalId: string): Promise<readonly RentalOrder[]>;
  list(query: RentalQuery): Promise<readonly Rental[]>;
  /** Oldest first, without those that came after `upTo`. */
  forward(query: RentalFilter & Forward & { readonly tenantId: string }): Promise<readonly Rental[]>;
  /** Id of the tenant's newest rental. */
  newestId(tenantId: string): Promise<string | undefined>;
  messages(tenantId: string, rentalId: string, before: string | undefined, limit: number): Promise<readonly SealedRentalMessage[]>;
  /** Oldest first, without those that came after `upTo`. */
  messagesForward(tenantId: string, rentalId: string, query: Forward): Promise<readonly SealedRentalMessage[]>;
  newestMessageId(tenantId: string, rentalId: string): Promise<string | undefined>;
  /** Those of `ids` that are the tenant's, in any order. */
  messagesById(tenantId: string, ids: readonly string[]): Promise<readonly SealedRentalMessage[]>;
  /** @returns those that were new, also beside what was purged; each that may be seen has its event */
  addMessages(rental: Rental, messages: readonly NewRentalMessage[]): Promise<readonly NewRentalMessage[]>;
  /** By the provider's own id. For pushes, which name no tenant. */
  findByProvider(provider: string, providerRentalId: string): Promise<Rental | undefined>;
  /** The scheduler looks at it at once. */
  lookSoon(rental: Rental, now: Date): Promise<void>;
  newestMessageAt(tenantId: string, rentalId: string): Promise<Date | undefined>;
  claimDueRentals(now: Date, until: Date, limit: number): Promise<readonly Rental[]>;
  claimDueOrders(now: Date, until: Date, limit: number): Promise<readonly RentalOrder[]>;
  rescheduleRental(rental: Rental, dueAt: Date): Promise<void>;
  rescheduleOrder(order: RentalOrder, dueAt: Date): Promise<void>;
  /** Those of `ids` that no rental has. */
  /** Is a purchase of this route still without an outcome, of whichever tenant? */
  buying(provider: string, service: string, country: string): Promise<boolean>;
  unclaimed(provider: string, ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** Writes the customer's wish, which no other change overwrites; undefined: there is no such active rental. */
  setAutoRenew(tenantId: string, id: string, autoRenew: boolean, dueAt: Date): Promise<Rental | undefined>;
}

export interface RentalTiming {
  readonly purchaseMs: number;
  readonly providerTimeoutMs: number;
  readonly reconcileGraceMs: number;
  readonly retryMs: number;
  readonly retryMaxMs: number;
  /** How long a lost order is looked for before the customer gets the money back. */
  readonly giveUpMs: number;
  readonly pollMs: number;
  /** Before the end: the warning, and then the renewal. */
  readonly warnMs: number;
  readonly renewMs: number;
}

export interface RentalNumbers {
  /**
   * leased: the number is this rental's, for its service; asked again, too. unfit: it was sold for this service before, or is banned.
   * undecided: another rental, whose order has no outcome yet, holds it.
   */
  lease(rental: Pick<Rental, 'id' | 'tenantId' | 'service' | 'createdAt'>, phoneNumber: string): Promise<'leased' | 'undecided' | 'unfit'>;
  /** Those of them that are this rental's already: it was sold to it, and only the write that says so is missing. */
  leasedBy(rental: Pick<Rental, 'id' | 'service'>, phoneNumbers: readonly string[]): Promise<ReadonlySet<string>>;
}

export interface RentalPorts {
  readonly store: RentalStore;
  readonly providers: RentalProviders;
  readonly ledger: RentalLedger;
  readonly prices: RentalPrices;
  readonly catalogue: Catalogue;
  /** Pushes that came before their rental was written down. */
  parked(provider: string, providerRentalId: string): Promise<readonly RentalMessage[]>;
  readonly sealer: Sealer;
  readonly policy: Pick<PolicyGate, 'ownClass' | 'recordBlocked' | 'providersOff' | 'screen' | 'recordWithheld'>;
  readonly numbers: RentalNumbers;
  readonly clock: Clock;
  readonly timing: RentalTiming;
  readonly observer: {
    leak(rental: Rental, what: string): void;
    lost(settlement: RentalSettlement): void;
    failedStep(id: string, error: unknown): void;
  };
}
