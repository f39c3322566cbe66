/**
 * What is to be done about a number that a provider's list has as active. Everything is judged by facts of ours: clocks of providers
 * only ever make it wait longer.
 */
import { addMs, hourMs, minuteMs } from '#platform/time/index.ts';
import type { ActiveActivation } from '../reconcile.ts';
import type { State } from '../state.ts';

/** What we know of an activation by its id. */
export interface KnownActivation {
  readonly activationId: string;
  readonly state: State;
  readonly endedAt: Date | undefined;
  /** Of the provider's side; undefined: it has none yet. */
  readonly settlement: 'charged' | 'claimed' | 'refunded' | 'lost' | undefined;
  readonly reopened: number;
}

export interface SweepTiming {
  readonly everyMs: number;
  /** By the provider's clock, younger ones are left alone. */
  readonly minAgeMs: number;
  /** What ended more recently may still be under way. */
  readonly endedMs: number;
  /** Within that from its end, a claim can be opened again. */
  readonly windowMs: number;
  readonly maxReopened: number;
  /** Numbers that one sweep deals with. */
  readonly limit: number;
  /** That one sweep remembers for the next. */
  readonly maxSuspects: number;
}

export const sweepTiming: SweepTiming = {
  ...{ everyMs: 2 * minuteMs, minAgeMs: 3 * minuteMs, endedMs: 3 * minuteMs, windowMs: 24 * hourMs },
  ...{ maxReopened: 3, limit: 50, maxSuspects: 2_000 },
};

export type Measure =
  /** Ours and running, too young, or somebody is at it. */
  | 'leave'
  /** Nobody knows it: to be looked at again by the next sweep. */
  | 'suspect'
  /** Nobody knew it last time either. */
  | 'claim'
  /** It had its code and its end: tell the provider again that we are done. */
  | 'finish'
  /** The money is said to have come back, and the number still runs. What is lost is lost: it is not counted again. */
  | 'reopen';

export const measureFor = (
  activation: ActiveActivation,
  known: KnownActivation | undefined,
  options: { readonly suspected: boolean; readonly now: Date; readonly timing: SweepTiming },
): Measure => {
  const { suspected, now, timing } = options;
  if (known === undefined) {
    const young = activation.startedAt !== undefined && activation.startedAt > addMs(now, -timing.minAgeMs);
    return suspected && !young ? 'claim' : 'suspect';
  }
  const { endedAt, state, settlement, reopened } = known;
  if (endedAt === undefined || endedAt > addMs(now, -timing.endedMs)) return 'leave';
  if (state === 'completed') return 'finish';
  return settlement === 'refunded' && reopened < timing.maxReopened && endedAt > addMs(now, -timing.windowMs) ? 'reopen' : 'leave';
};
