import type { Product } from './ledger.ts';

/** held → captured | released | expired: resolved once, never reopened. */
export type HoldState = 'held' | 'captured' | 'released' | 'expired';

export interface Hold {
  readonly id: string;
  readonly state: HoldState;
  readonly amountMicros: bigint;
  readonly capturedMicros: bigint;
  readonly currency: string;
  readonly product: Product;
  readonly reference: string;
  readonly description: string;
  readonly expiresAt: Date;
  readonly createdAt: Date;
}

/** What an open hold still reserves; a resolved one reserves nothing. */
export const reservedMicros = (hold: Hold): bigint => (hold.state === 'held' ? hold.amountMicros - hold.capturedMicros : 0n);

/** A change of a hold, with what it does to the wallet: `charge` leaves the balance, `charge + giveBack` leaves the held sum. */
export interface HoldChange {
  readonly hold: Hold;
  readonly chargeMicros: bigint;
  readonly giveBackMicros: bigint;
}

export type CaptureRefusal = 'hold_captured' | 'hold_released' | 'hold_expired' | 'capture_exceeds_hold';

const closedAs = { captured: 'hold_captured', released: 'hold_released', expired: 'hold_expired' } as const;

/** Takes `amountMicros` from the hold; `final` gives the rest back and closes it. Expiry counts only once the sweeper has made it a fact. */
export const capture = (hold: Hold, amountMicros: bigint, final: boolean): HoldChange | CaptureRefusal => {
  if (hold.state !== 'held') return closedAs[hold.state];
  const rest = hold.amountMicros - hold.capturedMicros - amountMicros;
  if (rest < 0n) return 'capture_exceeds_hold';
  return {
    hold: { ...hold, capturedMicros: hold.capturedMicros + amountMicros, state: final ? 'captured' : 'held' },
    chargeMicros: amountMicros,
    giveBackMicros: final ? rest : 0n,
  };
};

/** Closes the hold without taking more; what was captured by increments stays captured. */
export const giveBack = (hold: Hold, as: 'released' | 'expired'): HoldChange | CaptureRefusal =>
  hold.state === 'held' ? { hold: { ...hold, state: as }, chargeMicros: 0n, giveBackMicros: reservedMicros(hold) } : closedAs[hold.state];

/**
 * Makes a part of an open hold a hold of its own: what is reserved in all stays the same, and each part has its own end. Only before
 * anything was captured, so that what a capture once answered stays true.
 * @returns the hold after it, with so much less
 */
export const carve = (hold: Hold, amountMicros: bigint): Hold | CaptureRefusal => {
  if (hold.state !== 'held') return closedAs[hold.state];
  if (hold.capturedMicros > 0n) return 'hold_captured';
  const amount = hold.amountMicros - amountMicros;
  return amount < 0n ? 'capture_exceeds_hold' : { ...hold, amountMicros: amount };
};

/** Money owed for a hold beyond what the hold itself could give: it had expired, was given back, or was too small. */
export interface LateCharge {
  /** The largest total that anyone reported for this hold. */
  readonly totalMicros: bigint;
  /** Taken from the wallet's free balance after all. */
  readonly collectedMicros: bigint;
  /** Still owed: the free balance was too low. */
  readonly owedMicros: bigint;
}

export const noLateCharge: LateCharge = { totalMicros: 0n, collectedMicros: 0n, owedMicros: 0n };

export interface Collection {
  readonly hold: Hold;
  readonly late: LateCharge;
  readonly capturedNowMicros: bigint;
  readonly collectedNowMicros: bigint;
  readonly giveBackMicros: bigint;
}

/**
 * Brings what was charged for a hold up to `upToMicros` in all. Cumulative, so repetition and reordering charge the
 * same: first from the hold, then from the free balance as far as it goes, and the remainder is recorded as owed.
 */
export const collect = (hold: Hold, late: LateCharge, availableNowMicros: bigint, upToMicros: bigint, final: boolean): Collection => {
  const total = upToMicros > late.totalMicros ? upToMicros : late.totalMicros;
  const missing = positive(total - hold.capturedMicros - late.collectedMicros);
  const capturedNow = least(missing, reservedMicros(hold));
  const captured = hold.capturedMicros + capturedNow;
  const closes = final && hold.state === 'held';
  const rest = closes ? hold.amountMicros - captured : 0n;
  const collectedNow = least(missing - capturedNow, positive(availableNowMicros));
  return {
    hold: { ...hold, capturedMicros: captured, state: closes ? (captured > 0n ? 'captured' : 'released') : hold.state },
    late: {
      totalMicros: missing - capturedNow > 0n ? total : late.totalMicros,
      collectedMicros: late.collectedMicros + collectedNow,
      owedMicros: missing - capturedNow - collectedNow,
    },
    capturedNowMicros: capturedNow,
    collectedNowMicros: collectedNow,
    giveBackMicros: rest,
  };
};

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const positive = (a: bigint): bigint => (a > 0n ? a : 0n);
