import { appError } from '#platform/errors/index.ts';
import { isUuid, newId } from '#platform/ids/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { type BookContent, bookName, type Scope, scopes } from '../../domain/prices/book.ts';
import type { PriceBook } from '../../domain/prices/version.ts';
import { canonicalRequest } from '../canonical-request.ts';
import { check, checkKey, refuseInvalid } from '../checks.ts';
import type { PlanDiscounts, PriceBooks } from './ports.ts';
import { checkedContent } from './price-book.ts';

export interface NewPriceBook {
  readonly idempotencyKey: string;
  readonly scope: string;
  readonly plan: string;
  readonly tenantId: string;
  readonly content: BookContent;
  readonly note: string;
}

const isScope = (text: string): text is Scope => (scopes as readonly string[]).includes(text);
const text = (content: BookContent): string =>
  JSON.stringify(content, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value));

/**
 * A draft of the next version of a book.
 * @param by the operator
 * @throws request.invalid · request.idempotency_conflict
 */
export const createPriceBook =
  ({ books, plans, clock }: { readonly books: PriceBooks; readonly plans: PlanDiscounts; readonly clock: Clock }) =>
  async (by: string, request: NewPriceBook): Promise<PriceBook> => {
    const { idempotencyKey, scope, plan, tenantId, note } = request;
    if (!isScope(scope)) throw appError('request.invalid', { fields: [{ field: 'scope', reason: `One of ${scopes.join(', ')}.` }] });
    refuseInvalid(
      checkKey(idempotencyKey),
      check(scope === 'plan' ? plans.discountPpm(plan) !== undefined : plan === '', 'plan', 'A plan, for the scope "plan" only.'),
      check(scope === 'tenant' ? isUuid(tenantId) : tenantId === '', 'tenant_id', 'A tenant, for the scope "tenant" only.'),
    );
    const content = checkedContent(request.content, note);
    const key = { scope, plan, tenantId };
    const book: PriceBook = {
      ...{ id: newId(), key, version: 0, state: 'draft', content, note, effectiveFrom: undefined, effectiveTo: undefined, revision: 1 },
      ...{ createdBy: by, createdAt: clock.now(), proposedBy: undefined, decidedBy: undefined, decidedAt: undefined },
    };
    const result = await books.add(book, { idempotencyKey, request: canonicalRequest('price-book', bookName(key), note, text(content)) });
    if (result.outcome === 'idempotency_conflict') throw appError('request.idempotency_conflict');
    return result.book;
  };
