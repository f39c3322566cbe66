import type { PageAsk } from '../ports.ts';
import type { Promotions } from './ports.ts';

/** All codes, newest first, for operators. */
export const listPromotions =
  ({ promotions }: { readonly promotions: Promotions }) =>
  (page: PageAsk) =>
    promotions.list(page);
