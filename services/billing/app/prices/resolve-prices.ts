import { type AppError, isAppError } from '#platform/errors/index.ts';
import type { Clock } from '#platform/time/index.ts';
import type { PriceAsk, UnitPrice } from '../../domain/prices/engine.ts';
import { normalItem, type PriceItem } from '../../domain/prices/item.ts';
import { check, refuseInvalid } from '../checks.ts';
import { priceAsked } from './ask.ts';
import { customersOf } from './customers.ts';
import type { PlanDiscounts, PriceSources } from './ports.ts';

export interface ResolvePricesDeps {
  readonly sources: PriceSources;
  readonly plans: PlanDiscounts;
  readonly clock: Clock;
}

export type Resolved = { readonly item: PriceItem; readonly unit: UnitPrice } | { readonly error: AppError };

const maxAsks = 100;

/**
 * What things cost a tenant now. Writes nothing and promises nothing.
 * @returns one answer for each ask, in their order; an ask without a price spoils no other
 * @throws request.invalid on field "asks"
 */
export const resolvePrices =
  (deps: ResolvePricesDeps) =>
  async (tenantId: string, asks: readonly PriceAsk[]): Promise<readonly Resolved[]> => {
    refuseInvalid(check(asks.length >= 1 && asks.length <= maxAsks, 'asks', `Send 1 to ${maxAsks}.`));
    const customer = (await customersOf(deps)([tenantId], deps.clock.now())).get(tenantId);
    if (customer === undefined) throw new Error('a tenant without prices');
    return asks.map((ask, index) => {
      try {
        return { item: normalItem(ask.item), unit: priceAsked(ask, customer, `asks[${index}]`) };
      } catch (error) {
        if (isAppError(error)) return { error };
        throw error;
      }
    });
  };
