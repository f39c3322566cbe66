import { appError } from '#platform/errors/index.ts';
import type { Clock } from '#platform/time/index.ts';
import type { Promotion } from '../../domain/prices/promotion.ts';
import { requireId } from '../checks.ts';
import type { Promotions } from './ports.ts';

/** No more redemptions from now on; benefits that were given last on. Repeatable. @throws request.not_found */
export const endPromotion =
  ({ promotions, clock }: { readonly promotions: Promotions; readonly clock: Clock }) =>
  async (id: string): Promise<Promotion> => {
    requireId(id);
    const promotion = await promotions.end(id, clock.now());
    if (promotion === undefined) throw appError('request.not_found');
    return promotion;
  };
