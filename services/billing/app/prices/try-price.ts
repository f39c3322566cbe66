import { appError } from '#platform/errors/index.ts';
import { isUuid } from '#platform/ids/index.ts';
import { bookName, effectiveBook, type EffectiveBook } from '../../domain/prices/book.ts';
import type { PriceAsk, UnitPrice } from '../../domain/prices/engine.ts';
import { check, refuseInvalid } from '../checks.ts';
import { priceAsked } from './ask.ts';
import { customersOf } from './customers.ts';
import type { PriceBooks } from './ports.ts';
import { requireBook } from './price-book.ts';
import type { ResolvePricesDeps } from './resolve-prices.ts';

export interface Trial {
  readonly tenantId: string;
  readonly ask: PriceAsk;
  /** Undefined: now. */
  readonly at: Date | undefined;
  /** Empty: the books as they are. */
  readonly draftId: string;
}

const order = ['tenant', 'plan', 'default'] as const;
const rank = (name: string): number => order.findIndex((scope) => name === scope || name.startsWith(`${scope}:`));

/** The draft in the place of its book's version; where the tenant's way does not pass that book, it changes nothing. */
const withDraft = (books: readonly EffectiveBook[], draft: EffectiveBook, onTheWay: boolean): readonly EffectiveBook[] =>
  onTheWay ? [...books.filter(({ name }) => name !== draft.name), draft].toSorted((a, b) => rank(a.name) - rank(b.name)) : books;

/**
 * What a tenant would pay, at any time, perhaps by a draft. Changes nothing.
 * @throws request.invalid · request.not_found · billing.no_price
 */
export const tryPrice =
  (deps: ResolvePricesDeps & { readonly books: PriceBooks }) =>
  async ({ tenantId, ask, at, draftId }: Trial): Promise<{ readonly unit: UnitPrice; readonly plan: string }> => {
    refuseInvalid(check(isUuid(tenantId), 'tenant_id', 'must be a UUID'));
    const draft = draftId === '' ? undefined : await requireBook(deps.books, draftId);
    const customer = (await customersOf(deps)([tenantId], at ?? deps.clock.now())).get(tenantId);
    if (customer === undefined) throw appError('platform.internal', { cause: 'a tenant without prices' });
    if (draft === undefined) return { unit: priceAsked(ask, customer, 'ask'), plan: customer.plan };
    const { id: versionId, key, version, content } = draft;
    const name = bookName(key);
    const onTheWay = ['default', `plan:${customer.plan}`, `tenant:${tenantId}`].includes(name);
    const books = withDraft(customer.books, effectiveBook({ versionId, name, version, content }), onTheWay);
    const month = await deps.sources.month(tenantId, at ?? deps.clock.now());
    return { unit: priceAsked(ask, { ...customer, books, month }, 'ask'), plan: customer.plan };
  };
