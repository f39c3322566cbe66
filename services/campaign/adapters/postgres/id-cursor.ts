import { appError } from '#platform/errors/index.ts';
import { isUuid } from '#platform/ids/index.ts';
import { decodeCursor } from '#platform/postgres/index.ts';

/** Lists are in order of id: their cursor is the last one seen. @throws AppError request.invalid on field "cursor" */
export const idCursor = (text: string): string | undefined => {
  const [after] = decodeCursor(text, 1) ?? [];
  if (after === undefined) return undefined;
  if (typeof after !== 'string' || !isUuid(after))
    throw appError('request.invalid', { fields: [{ field: 'cursor', reason: 'is not a cursor of this list' }] });
  return after;
};
