import { appError } from '#platform/errors/index.ts';
import type { Money } from '#platform/money/index.ts';
import type { Ledger } from './ports.ts';

const countryPattern = /^[A-Z]{2}$/;

/**
 * What one segment to a country costs a tenant now. A promise is made at the launch only.
 * @throws AppError request.invalid, billing.no_price, platform.unavailable
 */
export const getMessagePrice =
  ({ ledger, segmentPrice: listPrice }: { readonly ledger: Ledger; readonly segmentPrice: Money }) =>
  async (ask: { readonly tenantId: string; readonly country: string }): Promise<{ readonly country: string; readonly price: Money }> => {
    const country = ask.country.toUpperCase();
    if (!countryPattern.test(country))
      throw appError('request.invalid', { fields: [{ field: 'country', reason: 'Two letters (ISO 3166-1).' }] });
    return { country, price: await ledger.priceOfSegment({ tenantId: ask.tenantId, listPrice, country }) };
  };
