import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { needsSecondPerson, type PriceBook, spanFrom } from '../../domain/prices/version.ts';
import type { PriceBooks } from './ports.ts';
import { changedMeanwhile, requireBook, requireState } from './price-book.ts';

export interface PublishDeps {
  readonly books: PriceBooks;
  readonly clock: Clock;
}
export interface PublishRequest {
  readonly id: string;
  readonly effectiveFrom: Date | undefined;
  readonly effectiveTo: Date | undefined;
}

/**
 * Makes a version effective; what was effective then ends there, in the same step.
 * @throws request.invalid when its time has passed or another version begins within it · billing.price_book_state
 */
export const publishNow = async (
  { books, clock }: PublishDeps,
  book: PriceBook,
  by: string,
  request: PublishRequest,
): Promise<PriceBook> => {
  const at = clock.now();
  const span = spanFrom(request.effectiveFrom, request.effectiveTo, at);
  if (span === undefined)
    throw appError('request.invalid', { fields: [{ field: 'effective_to', reason: 'Must be later than now and than the beginning.' }] });
  const result = await books.publish(book, { ...span, by, at, resumeId: newId() });
  if (result.outcome === 'done') return result.book;
  if (result.outcome === 'lost') throw changedMeanwhile();
  throw appError('request.invalid', {
    fields: [{ field: 'effective_from', reason: 'Another version of this book begins within this time: end that one first.' }],
  });
};

/**
 * Publishes a draft of the default book or of a plan's.
 * @throws request.not_found · billing.second_person_needed for a tenant's book · what `publishNow` throws
 */
export const publishPriceBook =
  (deps: PublishDeps) =>
  async (by: string, request: PublishRequest): Promise<PriceBook> => {
    const book = await requireBook(deps.books, request.id);
    if (needsSecondPerson(book))
      throw appError('billing.second_person_needed', {
        message: "A tenant's prices are proposed by one operator and approved by another.",
      });
    requireState(book, 'draft');
    return publishNow(deps, book, by, request);
  };
