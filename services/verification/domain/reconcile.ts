import { addMs } from '#platform/time/index.ts';
import type { Timing } from './timing.ts';
import type { Verification } from './verification.ts';

/** One activation that the provider says is ours. */
export interface ActiveActivation {
  readonly activationId: string;
  /** Catalogue codes, or undefined when the provider's code is not in the catalogue. */
  readonly service: string | undefined;
  readonly country: string | undefined;
  readonly phoneNumber: string;
  readonly costMicros: bigint;
  readonly startedAt: Date | undefined;
  readonly expiresAt: Date | undefined;
  /** Our verification id, from providers that repeat it. */
  readonly orderId: string | undefined;
}

/** Clocks of providers tick in whole seconds and not exactly like ours. */
const skewMs = 5_000;

/** Nothing that was bought before then can be ours. */
export const searchFrom = (lost: Verification): Date => addMs(lost.createdAt, -skewMs);

/**
 * The activations that a lost purchase can have made, best first. Purchases of one service and country at one price are
 * interchangeable, so a wrong pairing of two lost ones harms nobody; what must not happen is to take the activation of a
 * purchase that is still running: those are younger than the grace time, unless the provider names the order.
 */
export const candidatesFor = (
  lost: Verification,
  active: readonly ActiveActivation[],
  now: Date,
  options: { alone: boolean; timing: Timing },
): readonly ActiveActivation[] => {
  const { alone, timing } = options;
  // A number that could not be kept is followed by an order of its own (app/policy/acquire-fit.ts).
  const named = active.filter((row) => row.orderId === lost.id || row.orderId?.startsWith(`${lost.id}:`) === true);
  if (named.length > 0) return named;
  const from = searchFrom(lost);
  const to = addMs(lost.purchaseDeadline, timing.providerTimeoutMs + skewMs);
  const settled = addMs(now, -timing.reconcileGraceMs);
  return active
    .filter((row) => row.orderId === undefined && row.service === lost.service && row.country === lost.country)
    .filter((row) => row.startedAt !== undefined && row.startedAt >= from && row.startedAt <= to)
    .filter((row) => alone || (row.startedAt !== undefined && row.startedAt <= settled))
    .toSorted((a, b) => (a.startedAt?.getTime() ?? 0) - (b.startedAt?.getTime() ?? 0));
};

/** True when a complete list taken at `now` without the activation proves that nothing was bought. */
export const absenceProven = (lost: Verification, now: Date, timing: Timing): boolean =>
  now >= addMs(lost.purchaseDeadline, timing.providerTimeoutMs + timing.reconcileGraceMs);
