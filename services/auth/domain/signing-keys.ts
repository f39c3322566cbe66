import { addMs, dayMs, hourMs } from '#platform/time/index.ts';
import { accessTokenLifeMs } from './session.ts';

export const signingKeyLifeMs = 30 * dayMs;
/** A new key is published this long before it signs, so that every verifier has fetched it by then. */
export const signingKeyLeadMs = hourMs;

export interface SigningKeyDates {
  readonly kid: string;
  readonly createdAt: Date;
  readonly signsFrom: Date;
}

const bySignsFrom = (a: SigningKeyDates, b: SigningKeyDates): number =>
  b.signsFrom.getTime() - a.signsFrom.getTime() || b.kid.localeCompare(a.kid);

/** The newest key that may sign already. */
export const signingKeyAt = <K extends SigningKeyDates>(keys: readonly K[], now: Date): K | undefined =>
  keys.filter((key) => key.signsFrom <= now).sort(bySignsFrom)[0];

/** When the next key has to sign from, or undefined when none is due. The very first signs at once. */
export const nextKeySignsFrom = (keys: readonly SigningKeyDates[], now: Date): Date | undefined => {
  const newest = [...keys].sort(bySignsFrom)[0];
  if (newest === undefined) return now;
  return addMs(newest.createdAt, signingKeyLifeMs) <= now ? addMs(now, signingKeyLeadMs) : undefined;
};

/** Keys still to be published: everything but those whose successor has signed for longer than any token lives. */
export const publishedKeys = <K extends SigningKeyDates>(keys: readonly K[], now: Date): K[] => {
  const sorted = [...keys].sort(bySignsFrom);
  return sorted.filter((_, index) => {
    const successor = sorted[index - 1];
    return successor === undefined || addMs(successor.signsFrom, accessTokenLifeMs + signingKeyLeadMs) > now;
  });
};
