import { appError } from '#platform/errors/index.ts';
import { isUuid } from '#platform/ids/index.ts';

/** @throws request.invalid on `field` */
export const invalid = (field: string, reason: string): Error => appError('request.invalid', { fields: [{ field, reason }] });

const shortest = 10;
const longest = 1_000;

/** Why an operator does something: an auditor must understand it. @throws request.invalid on `field` */
export const requireNote = (note: string, field = 'note'): string => {
  const text = note.trim();
  if (text.length < shortest || text.length > longest) throw invalid(field, `must have ${shortest} to ${longest} characters`);
  return text;
};

/** @throws request.not_found */
export const requireTenant = (tenantId: string): string => {
  if (!isUuid(tenantId)) throw appError('request.not_found');
  return tenantId;
};
