/**
 * The life of a rented number, and of each order for a stretch of its time (the purchase, every extension, every renewal), as
 * two tables. The database repeats the question as a compare-and-set on (state, version), so of two racing changes one happens.
 */
export const rentalStates = ['ordering', 'active', 'releasing', 'released', 'expired', 'failed'] as const;
export type RentalState = (typeof rentalStates)[number];
export type RentalHappening = 'granted' | 'refused' | 'releaseAsked' | 'releaseDenied' | 'releaseConfirmed' | 'timedOut';

const rentalTable: Readonly<Record<RentalState, Readonly<Partial<Record<RentalHappening, RentalState>>>>> = {
  ordering: { granted: 'active', refused: 'failed' },
  active: { releaseAsked: 'releasing', timedOut: 'expired' },
  // A provider that stays silent until the end leaves nothing to give back.
  releasing: { releaseConfirmed: 'released', releaseDenied: 'active', timedOut: 'expired' },
  released: {},
  expired: {},
  failed: {},
};

const orderStates = ['reserving', 'unknown', 'capturing', 'charged', 'refunding', 'refunded', 'voiding', 'failed'] as const;
export type OrderState = (typeof orderStates)[number];
export type OrderHappening = 'lost' | 'granted' | 'refused' | 'captured' | 'giveBack' | 'givenBack' | 'voided';

const orderTable: Readonly<Record<OrderState, Readonly<Partial<Record<OrderHappening, OrderState>>>>> = {
  reserving: { lost: 'unknown', granted: 'capturing', refused: 'voiding' },
  unknown: { granted: 'capturing', refused: 'voiding' },
  // Money follows: the provider's answer is written first, and what it means for the wallet is worked off until billing has it.
  capturing: { captured: 'charged' },
  charged: { giveBack: 'refunding' },
  refunding: { givenBack: 'refunded' },
  refunded: {},
  voiding: { voided: 'failed' },
  failed: {},
};

const nextRental = (state: RentalState, happening: RentalHappening): RentalState | undefined => rentalTable[state][happening];
const nextOrder = (state: OrderState, happening: OrderHappening): OrderState | undefined => orderTable[state][happening];
export const isEnded = (state: RentalState): boolean => Object.keys(rentalTable[state]).length === 0;
/** Whether the provider has granted it is not known yet. */
export const isOpen = (state: OrderState): boolean => state === 'reserving' || state === 'unknown';

export interface Rental {
  readonly id: string;
  readonly tenantId: string;
  readonly state: RentalState;
  readonly version: number;
  readonly service: string;
  readonly country: string;
  readonly provider: string;
  /** The provider's own id of the rental: everything that is asked later is asked about this. */
  readonly providerRentalId: string | null;
  readonly phoneNumber: string | null;
  /** Of the last order: a renewal is as long. */
  readonly hours: number;
  readonly autoRenew: boolean;
  readonly currency: string;
  /** Of all its orders together: what the granted ones cost, and what went back when it was released. */
  readonly chargedMicros: bigint;
  readonly refundedMicros: bigint;
  /** The order that has no outcome yet; while there is one, nothing else may begin. */
  readonly openOrderId: string | null;
  readonly reason: string | null;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly endsAt: Date | null;
  /** The end that was warned of; a later end is warned of anew. */
  readonly warnedFor: Date | null;
  readonly endedAt: Date | null;
  readonly dueAt: Date | null;
  readonly attempts: number;
}

export interface RentalOrder {
  readonly id: string;
  readonly rentalId: string;
  readonly tenantId: string;
  readonly kind: 'purchase' | 'extension' | 'renewal';
  readonly idempotencyKey: string;
  readonly requestHash: string;
  readonly state: OrderState;
  readonly version: number;
  readonly hours: number;
  readonly currency: string;
  readonly priceMicros: bigint;
  readonly listMicros: bigint;
  readonly quoteId: string;
  readonly holdId: string | null;
  readonly reason: string | null;
  readonly createdAt: Date;
  /** Until then the process that serves the order may still ask the provider. */
  readonly deadline: Date;
  /** The stretch of time that it paid for; of an extension the beginning is the end before it. */
  readonly coversFrom: Date | null;
  readonly coversTo: Date | null;
  readonly refundMicros: bigint;
  /** When the provider was about to be asked, and for what it costs us there; null: it never was, so it cannot have granted anything. */
  readonly askedAt: Date | null;
  readonly costMicros: bigint;
  readonly dueAt: Date | null;
  readonly attempts: number;
}

export const changeRental = (from: Rental, happening: RentalHappening, fields: Partial<Rental>): Rental | undefined => {
  const state = nextRental(from.state, happening);
  return state && { ...from, dueAt: null, attempts: 0, ...fields, state, version: from.version + 1 };
};
export const changeOrder = (from: RentalOrder, happening: OrderHappening, fields: Partial<RentalOrder>): RentalOrder | undefined => {
  const state = nextOrder(from.state, happening);
  return state && { ...from, dueAt: null, attempts: 0, ...fields, state, version: from.version + 1 };
};
