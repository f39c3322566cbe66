import { appError } from '#platform/errors/index.ts';
import type { PriceBook } from '../../domain/prices/version.ts';
import { requireBook, requireState } from './price-book.ts';
import type { PublishDeps } from './publish-price-book.ts';

/**
 * Ends a published version now; one that has not begun never will. Afterwards the next book on the way to the default counts.
 * @throws request.not_found · billing.price_book_state: not published, over, or the default book's, which can only be replaced
 */
export const endPriceBook =
  ({ books, clock }: PublishDeps) =>
  async (id: string): Promise<PriceBook> => {
    const book = await requireBook(books, id);
    requireState(book, 'published');
    const now = clock.now();
    const begun = book.effectiveFrom === undefined || book.effectiveFrom <= now;
    if (book.key.scope === 'default' && begun)
      throw appError('billing.price_book_state', { message: 'The default book cannot end: publish another version.' });
    const ended = await books.end(book, now);
    if (ended === undefined) throw appError('billing.price_book_state', { message: 'It is over already.' });
    return ended;
  };
