import type { Money } from '#platform/money/index.ts';
import { addMs, hourMs } from '#platform/time/index.ts';
import type { RentalOrder } from './rental.ts';

/** What can be rented, and its list price as a multiple of one code on the same route, in hundredths. */
export const durations = [
  { name: '1h', hours: 1, multiple: 250n },
  { name: '4h', hours: 4, multiple: 400n },
  { name: '12h', hours: 12, multiple: 600n },
  { name: '1d', hours: 24, multiple: 800n },
  { name: '3d', hours: 72, multiple: 1_400n },
  { name: '7d', hours: 168, multiple: 2_200n },
  { name: '14d', hours: 336, multiple: 3_600n },
  { name: '30d', hours: 720, multiple: 6_000n },
  { name: '90d', hours: 2_160, multiple: 15_000n },
  { name: '180d', hours: 4_320, multiple: 27_000n },
  { name: '365d', hours: 8_760, multiple: 48_000n },
] as const;
export type Duration = (typeof durations)[number];

export const maxHours = 8_760;

export const durationNamed = (name: string): Duration | undefined => durations.find((one) => one.name === name);
export const durationOf = (hours: number): Duration | undefined => durations.find((one) => one.hours === hours);

const cent = 10_000n;

/** Up to the next cent. */
export const listPrice = (code: Money, { multiple }: Duration): Money => {
  const exact = (code.micros * multiple) / 100n;
  return { currency: code.currency, micros: ((exact + cent - 1n) / cent) * cent };
};

/**
 * What an order gives back when its rental is released at `now`: all of the purchase when the provider gave its money back; else half of
 * the price of the unused whole hours, of which at least the first counts as used, down to the cent. Time that has not begun, an
 * extension paid in advance, is unused from its beginning to its end. No provider pays an extension back, so neither do we: else a year
 * could be added and given back within minutes at our cost.
 */
export const refundOf = (order: RentalOrder, now: Date, returnedByProvider: boolean): bigint => {
  if (returnedByProvider && order.kind === 'purchase') return order.priceMicros;
  if (order.coversFrom === null || order.coversTo === null) return 0n;
  const from = order.kind === 'purchase' ? addMs(order.coversFrom, hourMs) : order.coversFrom;
  const unusedFrom = now > from ? now : from;
  const unused = BigInt(Math.max(0, Math.floor((order.coversTo.getTime() - unusedFrom.getTime()) / hourMs)));
  const share = (order.priceMicros * unused) / (2n * BigInt(order.hours));
  return (share / cent) * cent;
};
