import { appError } from '#platform/errors/index.ts';
import type { PriceBook } from '../../domain/prices/version.ts';
import { changedMeanwhile, requireBook, requireState } from './price-book.ts';
import { type PublishDeps, publishNow } from './publish-price-book.ts';

/**
 * The second operator's answer to a proposal: yes publishes it, no closes it.
 * @throws request.not_found · billing.second_person_needed to who proposed it · billing.price_book_state · what `publishNow` throws
 */
export const decidePriceBook =
  (deps: PublishDeps) =>
  async (by: string, { id, approve }: { readonly id: string; readonly approve: boolean }): Promise<PriceBook> => {
    const book = await requireBook(deps.books, id);
    requireState(book, 'proposed');
    if (book.proposedBy === by) throw appError('billing.second_person_needed', { message: 'Nobody decides what he proposed himself.' });
    if (approve) return publishNow(deps, book, by, book);
    const rejected: PriceBook = { ...book, state: 'rejected', decidedBy: by, decidedAt: deps.clock.now(), revision: book.revision + 1 };
    if (!(await deps.books.save(book, rejected))) throw changedMeanwhile();
    return rejected;
  };
