/** What becomes of a code that arrives after the customer got the money back. */
import { addMs, minuteMs } from '#platform/time/index.ts';
import type { LateCodePolicy, Policies } from '../policies.ts';
import type { Verification } from '../verification.ts';

/** Why a late code stays hidden. */
const hiddenReasons = ['policy', 'frozen', 'never_rented', 'window_over', 'leased_again', 'not_paid', 'erased'] as const;
export type HiddenReason = (typeof hiddenReasons)[number];

export type LateVerdict =
  | { readonly kind: 'hide'; readonly reason: HiddenReason }
  /** With what it costs anew; 0: nothing. */
  | { readonly kind: 'show'; readonly priceMicros: bigint };

export interface LateFacts {
  readonly verification: Pick<Verification, 'state' | 'frozenAt' | 'endedAt' | 'codes' | 'priceMicros'>;
  /** When the message arrived here, whatever the provider's clock says. */
  readonly arrivedAt: Date;
  readonly policy: LateCodePolicy;
  /** Somebody else has had the number since: what comes on it may be theirs. */
  readonly leasedAgain: boolean;
}

/** The last moment at which a late code is shown or charged. */
export const windowEnd = (endedAt: Date, { lateCodes }: Pick<Policies, 'lateCodes'>): Date =>
  addMs(endedAt, lateCodes.windowMinutes * minuteMs);

export const decideLateCode = (
  { verification, arrivedAt, policy, leasedAgain }: LateFacts,
  policies: Pick<Policies, 'lateCodes'>,
): LateVerdict => {
  const { state, frozenAt, endedAt, codes, priceMicros } = verification;
  if (frozenAt) return { kind: 'hide', reason: 'frozen' };
  if ((state !== 'cancelled' && state !== 'expired') || endedAt === undefined) return { kind: 'hide', reason: 'never_rented' };
  if (arrivedAt > windowEnd(endedAt, policies)) return { kind: 'hide', reason: 'window_over' };
  if (leasedAgain) return { kind: 'hide', reason: 'leased_again' };
  switch (policy) {
    case 'hide':
      return { kind: 'hide', reason: 'policy' };
    case 'show':
      return { kind: 'show', priceMicros: 0n };
    case 'charge':
      // One price a number, as with codes in time: further messages that nobody asked for are free.
      return { kind: 'show', priceMicros: codes > 0 ? 0n : priceMicros };
  }
};
