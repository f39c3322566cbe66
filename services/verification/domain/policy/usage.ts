import { dayMs, hourMs } from '#platform/time/index.ts';

/**
 * What a tenant has used. Counts "per hour" and "in 24 hours" slide: of the period before, as much counts as is left of it
 * within the window. So a limit cannot be had twice around a full hour, and one row holds all counts.
 */
export interface Usage {
  readonly open: number;
  /** Beginning of the present clock hour; the counts "before" are of the hour before. */
  readonly hour: Date;
  readonly purchases: number;
  readonly purchasesBefore: number;
  readonly cancels: number;
  readonly cancelsBefore: number;
  /** Beginning of the present UTC day. */
  readonly day: Date;
  readonly spentMicros: bigint;
  /** Numbers that got a code, and numbers that were cancelled by the customer or ran out without one. */
  readonly paid: number;
  readonly paidBefore: number;
  readonly unpaid: number;
  readonly unpaidBefore: number;
  readonly blockedUntil: Date | undefined;
}

const start = (at: Date, periodMs: number): Date => new Date(Math.floor(at.getTime() / periodMs) * periodMs);

export const noUsage = (at: Date): Usage => ({
  open: 0,
  hour: start(at, hourMs),
  ...{ purchases: 0, purchasesBefore: 0, cancels: 0, cancelsBefore: 0 },
  day: start(at, dayMs),
  ...{ spentMicros: 0n, paid: 0, paidBefore: 0, unpaid: 0, unpaidBefore: 0 },
  blockedUntil: undefined,
});

/** The same usage seen at a later time; an earlier one, by a clock that is behind, changes nothing. */
export const usageAt = (usage: Usage, at: Date): Usage => {
  const hours = (start(at, hourMs).getTime() - usage.hour.getTime()) / hourMs;
  const days = (start(at, dayMs).getTime() - usage.day.getTime()) / dayMs;
  const hourly =
    hours <= 0
      ? {}
      : {
          ...{ hour: start(at, hourMs), purchases: 0, cancels: 0 },
          purchasesBefore: hours === 1 ? usage.purchases : 0,
          cancelsBefore: hours === 1 ? usage.cancels : 0,
        };
  const daily =
    days <= 0
      ? {}
      : {
          ...{ day: start(at, dayMs), spentMicros: 0n, paid: 0, unpaid: 0 },
          paidBefore: days === 1 ? usage.paid : 0,
          unpaidBefore: days === 1 ? usage.unpaid : 0,
        };
  return { ...usage, ...hourly, ...daily };
};

/** The part of the period before that is still within the window, in whole units; exact, as the database counts. */
const slid = (now: number, before: number, from: Date, at: Date, periodMs: number): number => {
  const left = Math.max(0, Math.min(periodMs, periodMs - (at.getTime() - from.getTime())));
  return now + Number((BigInt(before) * BigInt(left)) / BigInt(periodMs));
};

export interface Counts {
  readonly open: number;
  readonly purchasesPerHour: number;
  readonly cancelsPerHour: number;
  readonly spentMicros: bigint;
  readonly paid: number;
  readonly outcomes: number;
}

/** @param usage as `usageAt` gives it for `at` */
export const countsOf = (usage: Usage, at: Date): Counts => {
  const paid = slid(usage.paid, usage.paidBefore, usage.day, at, dayMs);
  return {
    open: usage.open,
    purchasesPerHour: slid(usage.purchases, usage.purchasesBefore, usage.hour, at, hourMs),
    cancelsPerHour: slid(usage.cancels, usage.cancelsBefore, usage.hour, at, hourMs),
    spentMicros: usage.spentMicros,
    paid,
    outcomes: paid + slid(usage.unpaid, usage.unpaidBefore, usage.day, at, dayMs),
  };
};
