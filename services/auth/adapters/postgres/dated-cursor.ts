import { appError } from '#platform/errors/index.ts';
import { isUuid } from '#platform/ids/index.ts';
import { decodeCursor } from '#platform/postgres/index.ts';

/** Position in a list that is ordered by time and id. @throws AppError request.invalid on field "cursor" */
export const datedCursor = (cursor: string | undefined): readonly [at: Date, id: string] | undefined => {
  const values = decodeCursor(cursor, 2);
  if (values === undefined) return undefined;
  const [at, id] = values;
  if (at instanceof Date && typeof id === 'string' && isUuid(id)) return [at, id];
  throw appError('request.invalid', { fields: [{ field: 'cursor', reason: 'is not a cursor of this list' }] });
};
