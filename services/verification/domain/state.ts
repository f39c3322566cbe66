/**
 * The life of a verification, as one table. Whoever wants to change a state asks `next`; the database repeats the
 * question as a compare-and-set on (state, version), so that of two racing changes exactly one happens.
 */
export const states = [
  'reserving',
  'unknown',
  'waiting',
  'cancelling',
  'received',
  'retrying',
  'completed',
  'cancelled',
  'expired',
  'failed',
] as const;
export type State = (typeof states)[number];

export const publicStatuses = ['waiting', 'received', 'completed', 'cancelled', 'expired', 'failed'] as const;
export type PublicStatus = (typeof publicStatuses)[number];

/** What can happen to a verification. */
export const happenings = [
  /** The provider confirmed a number, at once or when it was asked again. */
  'granted',
  /** The provider refused, for certain: the next one is asked. */
  'rerouted',
  /** The provider's answer got lost: the number may or may not have been bought. */
  'lost',
  /** No number and none will come: refused, or proven never to have been bought. */
  'refused',
  'cancelAsked',
  /** The provider does not take the number back yet. */
  'cancelDenied',
  'cancelConfirmed',
  'codeArrived',
  /** The customer wants another code on the number that has had one. */
  'anotherAsked',
  /** No further code will come: the provider refuses, or the number's time is over. */
  'anotherEnded',
  /** The provider has been told that we are done, or that did not matter any more. */
  'finished',
  'timedOut',
] as const;
export type Happening = (typeof happenings)[number];

const table: Readonly<Record<State, Readonly<Partial<Record<Happening, State>>>>> = {
  // The row is written before any outside call: whatever was asked of billing or the provider, the row knows of it.
  reserving: { rerouted: 'reserving', granted: 'waiting', lost: 'unknown', refused: 'failed' },
  unknown: { granted: 'waiting', refused: 'failed' },
  waiting: { cancelAsked: 'cancelling', codeArrived: 'received', timedOut: 'expired' },
  // A code that arrives before the provider has confirmed the cancellation wins.
  cancelling: { cancelConfirmed: 'cancelled', cancelDenied: 'waiting', codeArrived: 'received' },
  received: { finished: 'completed', anotherAsked: 'retrying' },
  // Paid for: a number that waits for one more code can only go back to where it was.
  retrying: { codeArrived: 'received', anotherEnded: 'received' },
  completed: {},
  cancelled: {},
  expired: {},
  failed: {},
};

/** @returns the state after `happening`, or undefined when it cannot happen in `state`. */
export const next = (state: State, happening: Happening): State | undefined => table[state][happening];

export const isFinal = (state: State): boolean => Object.keys(table[state]).length === 0;

/** The customer paid for it: nothing may give the money back any more. */
export const isPaid = (state: State): boolean => state === 'received' || state === 'retrying' || state === 'completed';

const publicOf: Readonly<Record<State, PublicStatus>> = {
  reserving: 'waiting',
  unknown: 'waiting',
  waiting: 'waiting',
  cancelling: 'waiting',
  received: 'received',
  retrying: 'received',
  completed: 'completed',
  cancelled: 'cancelled',
  expired: 'expired',
  failed: 'failed',
};

export const publicStatus = (state: State): PublicStatus => publicOf[state];

export const statesOf = (status: PublicStatus): readonly State[] => states.filter((state) => publicOf[state] === status);
