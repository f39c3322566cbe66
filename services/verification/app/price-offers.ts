import type { CatalogueBrowser, Page, PricePosition, PriceRow } from './browse-catalogue.ts';
import { offerFor } from '../domain/catalogue.ts';
import type { Ports } from './ports.ts';

/**
 * Prices as a tenant pays them; what has none for him is left out. Without a tenant: list prices.
 * @throws verification.not_offered, platform.unavailable
 */
export const priceOffers =
  ({ catalogue, prices }: Pick<Ports, 'catalogue' | 'prices'>, browser: CatalogueBrowser) =>
  async (tenantId: string | undefined, query: Parameters<CatalogueBrowser['prices']>[0]): Promise<Page<PriceRow, PricePosition>> => {
    const page = browser.prices(query);
    if (tenantId === undefined) return page;
    const own = await prices.resolve(
      tenantId,
      page.rows.map((row) => offerFor(catalogue, row)),
    );
    const rows = page.rows.flatMap((row, index) => {
      const price = own[index];
      return price === undefined ? [] : [{ ...row, price }];
    });
    return { rows, next: page.next };
  };
