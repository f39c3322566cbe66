import { appError } from '#platform/errors/index.ts';
import type { BookContent } from '../../domain/prices/book.ts';
import { contentViolations } from '../../domain/prices/book.ts';
import { normalItem } from '../../domain/prices/item.ts';
import type { BookState, PriceBook } from '../../domain/prices/version.ts';
import { checkText, refuseInvalid, requireId } from '../checks.ts';
import type { PriceBooks } from './ports.ts';

const maxNote = 500;

/** Codes of the rules in their one form. @throws request.invalid with the first twenty fields that are wrong */
export const checkedContent = (content: BookContent, note: string): BookContent => {
  const normal = { ...content, rules: content.rules.map((rule) => ({ ...rule, match: normalItem(rule.match) })) };
  refuseInvalid(...contentViolations(normal), checkText(note, 'note', maxNote));
  return normal;
};

/** @throws request.not_found */
export const requireBook = async (books: PriceBooks, id: string): Promise<PriceBook> => {
  requireId(id);
  const book = await books.find(id);
  if (book === undefined) throw appError('request.not_found');
  return book;
};

/** @throws billing.price_book_state with meta {state} */
export const requireState = (book: PriceBook, ...allowed: readonly BookState[]): void => {
  if (!allowed.includes(book.state)) throw appError('billing.price_book_state', { meta: { state: book.state } });
};

/** Somebody else changed it meanwhile. */
export const changedMeanwhile = (): Error =>
  appError('billing.price_book_state', { message: 'Somebody else has changed this price book: read it again.' });
