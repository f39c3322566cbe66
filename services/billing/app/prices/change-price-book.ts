import type { BookContent } from '../../domain/prices/book.ts';
import type { PriceBook } from '../../domain/prices/version.ts';
import type { PriceBooks } from './ports.ts';
import { changedMeanwhile, checkedContent, requireBook, requireState } from './price-book.ts';

export interface PriceBookChange {
  readonly id: string;
  /** The one that was read. */
  readonly revision: number;
  readonly content: BookContent;
  readonly note: string;
}

/**
 * Replaces the content of a draft.
 * @throws request.not_found · request.invalid · billing.price_book_state, also when somebody else has changed it since it was read
 */
export const changePriceBook =
  ({ books }: { readonly books: PriceBooks }) =>
  async ({ id, revision, content, note }: PriceBookChange): Promise<PriceBook> => {
    const book = await requireBook(books, id);
    requireState(book, 'draft');
    if (book.revision !== revision) throw changedMeanwhile();
    const changed: PriceBook = { ...book, content: checkedContent(content, note), note, revision: revision + 1 };
    if (!(await books.save(book, changed))) throw changedMeanwhile();
    return changed;
  };
