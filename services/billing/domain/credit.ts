import { addMs, dayMs } from '#platform/time/index.ts';

const creditKinds = ['paid', 'promotional'] as const;
export type CreditKind = (typeof creditKinds)[number];

/** 1 is burnt first, 100 last. */
export const priorities = { min: 1, max: 100, promotional: 20, paid: 50 } as const;

/** A credit to a wallet, and what is left of it. The balance of a wallet is what is left of all its grants. */
export interface Grant {
  /** That of the transfer which made it. */
  readonly id: string;
  readonly kind: CreditKind;
  readonly priority: number;
  readonly amountMicros: bigint;
  readonly remainingMicros: bigint;
  readonly expiresAt: Date | undefined;
  readonly createdAt: Date;
}

/** How much of a transfer came from a grant. */
export interface GrantPart {
  readonly grantId: string;
  readonly micros: bigint;
}

const isExpired = ({ expiresAt }: Grant, now: Date): boolean => expiresAt !== undefined && expiresAt <= now;

/** Expired credit that is still here is held: it goes first. Then by priority, expiry, age. */
const burnOrder =
  (now: Date | undefined) =>
  (a: Grant, b: Grant): number => {
    const rank = (grant: Grant): number => (now !== undefined && isExpired(grant, now) ? 0 : grant.priority);
    const expiry = ({ expiresAt }: Grant): number => expiresAt?.getTime() ?? Infinity;
    return (
      rank(a) - rank(b) || compare(expiry(a), expiry(b)) || compare(a.createdAt.getTime(), b.createdAt.getTime()) || (a.id < b.id ? -1 : 1)
    );
  };

const compare = (a: number, b: number): number => (a < b ? -1 : a > b ? 1 : 0);
const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/** Takes up to `micros` along the list, never more of each than `of` says. */
const along = (grants: readonly Grant[], micros: bigint, of: (grant: Grant) => bigint): readonly GrantPart[] => {
  const parts: GrantPart[] = [];
  let rest = micros;
  for (const grant of grants) {
    const part = least(rest, of(grant));
    if (part > 0n) parts.push({ grantId: grant.id, micros: part });
    rest -= part;
  }
  return parts;
};

/** What a charge takes from which grant. The caller has made sure that the balance suffices. */
export const burn = (grants: readonly Grant[], micros: bigint, now: Date): readonly GrantPart[] =>
  along(grants.toSorted(burnOrder(now)), micros, ({ remainingMicros }) => remainingMicros);

/** Where a refund goes: to the grants that the charge came from, last burnt first. `taken`: what is left of the charge. */
export const giveBackCredit = (grants: readonly Grant[], taken: readonly GrantPart[], micros: bigint): readonly GrantPart[] => {
  const left = new Map(taken.map((part) => [part.grantId, part.micros]));
  return along(grants.toSorted(burnOrder(undefined)).toReversed(), micros, ({ id }) => left.get(id) ?? 0n);
};

/** A service that failed does not cost the customer his credit: what returns to an expired grant lives this much longer. */
export const returnedLifeMs = 30 * dayMs;
export const expiryAfterReturn = (grant: Grant, now: Date): Date | undefined =>
  isExpired(grant, now) ? addMs(now, returnedLifeMs) : grant.expiresAt;

/** What has expired and is not held. Holds reserve credit in the order in which it is burnt; what they reach stays until they are resolved. */
export const lapse = (grants: readonly Grant[], heldMicros: bigint, now: Date): readonly GrantPart[] => {
  const parts: GrantPart[] = [];
  let upto = 0n;
  for (const grant of grants.toSorted(burnOrder(now))) {
    upto += grant.remainingMicros;
    const part = least(grant.remainingMicros, upto - heldMicros);
    if (isExpired(grant, now) && part > 0n) parts.push({ grantId: grant.id, micros: part });
  }
  return parts;
};
