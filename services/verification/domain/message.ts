import { addMs, secondMs } from '#platform/time/index.ts';
import type { Verification } from './verification.ts';

/** Clocks differ, and some providers tell whole seconds only. A number is not rented twice within so short a time. */
const clocksDifferMs = 30 * secondMs;

/** Sent to whoever had the number before: no business of this customer. A message without a time counts as new. */
export const isStale = (receivedAt: Date | undefined, leaseStart: Date): boolean =>
  receivedAt !== undefined && receivedAt < addMs(leaseStart, -clocksDifferMs);

/** Two messages of one number less than this apart are one: a push has milliseconds where a poll has seconds. */
export const apartMs = secondMs;

/**
 * Is a message with a code that has come before a new message all the same? Only while another one is waited for, and only when the
 * provider's clock says so: without proof nobody is charged again.
 */
export const isSurelyNew = (receivedAt: Date | undefined, { another, receivedAt: before }: Verification): boolean =>
  another !== undefined &&
  receivedAt !== undefined &&
  receivedAt > another.askedAt &&
  (before === undefined || receivedAt.getTime() - before.getTime() >= apartMs);

/**
 * The second in which a message came, first, then those beside it: what is told with milliseconds by one way is told in seconds, cut off
 * or rounded, by another.
 */
export const secondsAround = (receivedAt: Date): readonly [Date, ...Date[]] => {
  const second = Math.floor(receivedAt.getTime() / secondMs) * secondMs;
  return [new Date(second), new Date(second - secondMs), new Date(second + secondMs)];
};
