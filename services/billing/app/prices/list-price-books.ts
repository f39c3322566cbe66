import { appError } from '#platform/errors/index.ts';
import { isUuid } from '#platform/ids/index.ts';
import { type Scope, scopes } from '../../domain/prices/book.ts';
import { type BookState, bookStates } from '../../domain/prices/version.ts';
import { check, refuseInvalid } from '../checks.ts';
import type { PageAsk } from '../ports.ts';
import type { PriceBookFilter, PriceBooks } from './ports.ts';

const oneOf = <T extends string>(value: string, field: string, all: readonly T[]): T | undefined => {
  if (value === '') return undefined;
  const found = all.find((known) => known === value);
  if (found === undefined) throw appError('request.invalid', { fields: [{ field, reason: `One of ${all.join(', ')}.` }] });
  return found;
};

/** Versions of price books, newest first, without their rules. @throws request.invalid */
export const listPriceBooks =
  ({ books }: { readonly books: PriceBooks }) =>
  async (ask: PageAsk & { readonly scope: string; readonly plan: string; readonly tenantId: string; readonly state: string }) => {
    const { plan, tenantId } = ask;
    const scope = oneOf<Scope>(ask.scope, 'scope', scopes);
    const state = oneOf<BookState>(ask.state, 'state', bookStates);
    refuseInvalid(check(tenantId === '' || isUuid(tenantId), 'tenant_id', 'must be a UUID'));
    const filter: PriceBookFilter = {
      ...(scope === undefined ? {} : { scope }),
      ...(state === undefined ? {} : { state }),
      ...(plan === '' ? {} : { plan }),
      ...(tenantId === '' ? {} : { tenantId }),
    };
    return books.list(filter, ask);
  };
