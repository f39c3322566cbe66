/** gRPC messages to REST and back: ids become TypeIDs, money decimal strings, enums lower-case words. */
import { appError } from '#platform/errors/index.ts';
import { toTypeId, type IdKind } from '#platform/ids/index.ts';
import { formatDecimal, maxMicros, parseDecimal } from '#platform/money/index.ts';
import type { Money } from '#proto/namaskah/common/v1/money.ts';
import type { PageRequest } from '#proto/namaskah/common/v1/page.ts';
import type { RouteWishes } from '#proto/namaskah/verification/v1/verification.ts';
import type { PageQueryOf } from './schemas.ts';

/** @param amount matches the Amount schema already; @throws request.invalid when it is out of range */
export const toMoney = (field: string, amount: string, currency = 'USD'): Money => {
  const micros = parseDecimal(amount);
  if (micros === undefined || micros > maxMicros)
    throw appError('request.invalid', { fields: [{ field, reason: 'is not an amount in range' }] });
  return { currency, micros };
};

/** An amount that may be left out, with its currency. @throws request.invalid also for a currency of nothing: an amount was forgotten */
export const toOptionalMoney = ({ amount, currency }: { amount?: string; currency?: string }): Money | undefined => {
  if (amount !== undefined) return toMoney('amount', amount, currency);
  if (currency === undefined) return undefined;
  throw appError('request.invalid', { fields: [{ field: 'amount', reason: 'is required with a currency' }] });
};

/** Undefined when nothing is wished for. */
export const toRoutes = ({ excludeRoutes, preferRoutes }: { excludeRoutes?: string[]; preferRoutes?: string[] }): RouteWishes | undefined =>
  excludeRoutes === undefined && preferRoutes === undefined ? undefined : { exclude: excludeRoutes ?? [], prefer: preferRoutes ?? [] };

export const fromMoney = (money: Money | undefined): string => formatDecimal(money?.micros ?? 0n);

export const fromTime = (at: Date | undefined): string | null => at?.toISOString() ?? null;

/** Empty strings mean "none" in proto3. */
export const orNull = (text: string): string | null => (text === '' ? null : text);

export const edgeId = (kind: IdKind, uuid: string): string => toTypeId(kind, uuid);

/** VERIFICATION_STATUS_WAITING → waiting */
export const fromEnum = (prefix: string, value: string): string => value.slice(prefix.length + 1).toLowerCase();

export const toPage = (query: PageQueryOf): PageRequest => ({ limit: query.limit ?? 0, cursor: query.cursor ?? '' });

export const page = <T, U>(rows: readonly T[], nextCursor: string, map: (row: T) => U): { data: U[]; nextCursor: string | null } => ({
  data: rows.map(map),
  nextCursor: orNull(nextCursor),
});

/** Time given by a client; the schema has checked the form. */
export const toTime = (text: string | undefined): Date | undefined => (text === undefined ? undefined : new Date(text));
