import { appError } from '#platform/errors/index.ts';
import { isUuid } from '#platform/ids/index.ts';
import { decodeCursor } from '#platform/postgres/index.ts';

/**
 * Position in a list that is ordered by creation and a tie-breaker. Times here are made by the application, in whole
 * milliseconds, so a Date holds them exactly.
 * @throws request.invalid on field "cursor"
 */
export const datedCursor = (cursor: string, kind: 'bigint' | 'uuid'): { readonly at: Date; readonly tie: bigint | string } | undefined => {
  const values = decodeCursor(cursor, 2);
  if (values === undefined) return undefined;
  const [at, tie] = values;
  const isTie = kind === 'bigint' ? typeof tie === 'bigint' : typeof tie === 'string' && isUuid(tie);
  if (at instanceof Date && isTie) return { at, tie: tie as bigint | string };
  throw appError('request.invalid', { fields: [{ field: 'cursor', reason: 'is not a cursor of this list' }] });
};
