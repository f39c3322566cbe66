import { appError } from '#platform/errors/index.ts';
import type { Quote } from '../../domain/prices/quote.ts';
import { requireId } from '../checks.ts';
import type { Quotes } from './ports.ts';

/** A quote of this tenant, expired ones too. @throws request.not_found */
export const getQuote =
  ({ quotes }: { readonly quotes: Quotes }) =>
  async (tenantId: string, id: string): Promise<Quote> => {
    requireId(id);
    const quote = await quotes.find(tenantId, id);
    if (quote === undefined) throw appError('request.not_found');
    return quote;
  };
