/**
 * How far somebody has read: the last sequence of each source, in the order of `sources`. Sources are independent streams, so one
 * number cannot say it: two gateways may see a payment and a code in different order, and both are right.
 */
export type Position = readonly number[];

/** New sources go to the end: a position that was given out before reads as zero for them. */
export const sources = ['VERIFICATION', 'BILLING', 'CAMPAIGN'] as const;

export const furthest = (a: Position, b: Position): Position => sources.map((_, source) => Math.max(a[source] ?? 0, b[source] ?? 0));

/** Has a reader at `position` seen everything up to `other`? */
export const covers = (position: Position, other: Position): boolean =>
  sources.every((_, source) => (position[source] ?? 0) >= (other[source] ?? 0));

export const distance = (from: Position, to: Position): number =>
  sources.reduce((sum, _, source) => sum + Math.max(0, (to[source] ?? 0) - (from[source] ?? 0)), 0);

export const advanced = (position: Position, source: number, seq: number): Position =>
  position.map((was, index) => (index === source ? Math.max(was, seq) : was));
