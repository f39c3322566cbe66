import { appError } from '#platform/errors/index.ts';
import { needsSecondPerson, type PriceBook, spanFrom } from '../../domain/prices/version.ts';
import { changedMeanwhile, requireBook, requireState } from './price-book.ts';
import type { PublishDeps, PublishRequest } from './publish-price-book.ts';

/**
 * Asks another operator to approve a tenant's prices. From then on they do not change.
 * @throws request.not_found · request.invalid · billing.price_book_state, also for books that need nobody's approval
 */
export const proposePriceBook =
  ({ books, clock }: PublishDeps) =>
  async (by: string, { id, effectiveFrom, effectiveTo }: PublishRequest): Promise<PriceBook> => {
    const book = await requireBook(books, id);
    if (!needsSecondPerson(book)) throw appError('billing.price_book_state', { message: 'Only the prices of one tenant are proposed.' });
    requireState(book, 'draft');
    if (spanFrom(effectiveFrom, effectiveTo, clock.now()) === undefined)
      throw appError('request.invalid', { fields: [{ field: 'effective_to', reason: 'Must be later than now and than the beginning.' }] });
    const proposed: PriceBook = { ...book, state: 'proposed', effectiveFrom, effectiveTo, proposedBy: by, revision: book.revision + 1 };
    if (!(await books.save(book, proposed))) throw changedMeanwhile();
    return proposed;
  };
