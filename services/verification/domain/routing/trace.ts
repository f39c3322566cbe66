import type { Candidate, Decision } from './decide.ts';

/** One provider that was asked and said no, for certain. */
export interface Refused {
  readonly provider: string;
  /** no_numbers, price, not_offered, account or unreachable. */
  readonly reason: string;
  /** ISO 8601. */
  readonly at: string;
}

/** Why a purchase went where it went. Kept with it, as JSON. */
export interface RouteTrace {
  readonly order: readonly string[];
  readonly candidates: readonly Candidate[];
  /** Those before the provider that the purchase names now. */
  readonly refused: readonly Refused[];
}

export const traceOf = ({ order, candidates }: Decision): RouteTrace => ({ order, candidates, refused: [] });
