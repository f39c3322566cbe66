import { addMs, hourMs } from '#platform/time/index.ts';

/** Every interval of the life cycle, in milliseconds. */
export interface Timing {
  /** From the row to the last moment at which the provider may be asked for a number. */
  readonly purchaseMs: number;
  /** Time-out of one call to a provider. */
  readonly providerTimeoutMs: number;
  /** After a lost answer, how long the provider may take to show the activation in its list. */
  readonly reconcileGraceMs: number;
  /** The usual life of a number. */
  readonly activationMs: number;
  /** The hold behind a purchase. */
  readonly holdMs: number;
  /** First look at a number that got no push; doubles up to `pollMaxMs`. */
  readonly pollFirstMs: number;
  readonly pollMaxMs: number;
  /** From the code to telling the provider that we are done. */
  readonly finishDelayMs: number;
  /** First repetition of a call without answer; doubles up to `retryMaxMs`. */
  readonly retryMs: number;
  readonly retryMaxMs: number;
  /** After the end of a number's life: how long a provider without answer is asked before the customer gets the money back. */
  readonly giveUpMs: number;
  readonly finishAttempts: number;
}

const doubling = (firstMs: number, maxMs: number, attempts: number): number => Math.min(firstMs * 2 ** Math.min(attempts, 20), maxMs);

export const pollAt = (now: Date, attempts: number, expiresAt: Date, timing: Timing): Date => {
  const at = addMs(now, doubling(timing.pollFirstMs, timing.pollMaxMs, attempts));
  return at < expiresAt ? at : expiresAt;
};

/** The pauses of `pollAt` as a list: from the first, the second, the n-th look at a number that waits to the next one; after the last of these as after that. At its end it is looked at anyway. */
export const looksMs = ({ pollFirstMs, pollMaxMs }: Pick<Timing, 'pollFirstMs' | 'pollMaxMs'>): readonly number[] => {
  const looks = [doubling(pollFirstMs, pollMaxMs, 1)];
  while (looks.at(-1)! < pollMaxMs && looks.length < 20) looks.push(doubling(pollFirstMs, pollMaxMs, looks.length + 1));
  return looks;
};

export const retryAt = (now: Date, attempts: number, timing: Timing): Date =>
  addMs(now, doubling(timing.retryMs, timing.retryMaxMs, attempts));

/** From then on nobody can still be buying for this row: recovery may start. */
export const recoverAt = (purchaseDeadline: Date, timing: Timing): Date => addMs(purchaseDeadline, 2 * timing.providerTimeoutMs);

/** Between a number's end and its hold's end there must be time to capture or release, even for a consumer that stood still meanwhile. */
const settleMs = hourMs;

/** The provider's end, the usual end when it names none; never later than the hold behind it can pay for. */
export const expiryOf = (provided: Date | undefined, createdAt: Date, now: Date, timing: Timing): Date => {
  const wanted = provided ?? addMs(now, timing.activationMs);
  const payable = addMs(createdAt, timing.holdMs - timing.giveUpMs - settleMs);
  return wanted < payable ? wanted : payable;
};
