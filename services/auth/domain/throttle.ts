import { hourMs, minuteMs, secondMs } from '#platform/time/index.ts';

/** Progressive delay: the wait after the n-th counted attempt is `delaysMs[n - 1]`, the last one for all further. */
export interface ThrottlePolicy {
  readonly name: string;
  readonly delaysMs: readonly number[];
  /** Quiet for this long, and counting starts again. */
  readonly forgetAfterMs: number;
}

const backOff = (free: number, firstMs: number, maxMs: number): number[] => {
  const delays = Array.from({ length: free }, () => 0);
  for (let delay = firstMs; delay < maxMs; delay *= 2) delays.push(delay);
  return [...delays, maxMs];
};

/**
 * One account from one address. Another address of the real owner is never delayed by this, so nobody can be locked
 * out by somebody who knows their e-mail address.
 */
export const signInPerAccount: ThrottlePolicy = { name: 'sign-in', delaysMs: backOff(10, secondMs, 15 * minuteMs), forgetAfterMs: hourMs };

/** Many accounts from one address (stolen lists). Generous: offices and mobile carriers share addresses. */
export const signInPerNetwork: ThrottlePolicy = {
  name: 'network',
  delaysMs: backOff(100, secondMs, minuteMs),
  forgetAfterMs: 10 * minuteMs,
};

/** Mails that a stranger can cause to be sent to one address. */
export const verificationMail: ThrottlePolicy = {
  name: 'verification-mail',
  delaysMs: [minuteMs, minuteMs, 5 * minuteMs, 15 * minuteMs, hourMs],
  forgetAfterMs: 6 * hourMs,
};

export const delayAfter = (policy: ThrottlePolicy, attempts: number): number =>
  policy.delaysMs[Math.min(attempts, policy.delaysMs.length) - 1] ?? 0;
