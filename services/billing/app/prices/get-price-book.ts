import type { PriceBook } from '../../domain/prices/version.ts';
import type { PriceBooks } from './ports.ts';
import { requireBook } from './price-book.ts';

/** One version with its rules. @throws request.not_found */
export const getPriceBook =
  ({ books }: { readonly books: PriceBooks }) =>
  (id: string): Promise<PriceBook> =>
    requireBook(books, id);
