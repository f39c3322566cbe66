import type { Customer } from '../../domain/prices/engine.ts';
import type { PlanDiscounts, PriceSources } from './ports.ts';

export interface PricedCustomer extends Customer {
  readonly tenantId: string;
  /** When other versions of the books begin or these end. */
  readonly nextChange: Date | undefined;
}

const noVolume = { spentMicros: 0n, purchases: 0n };

/**
 * Everything that decides what these tenants pay: two round trips for all of them, plus one for each whose books know a volume
 * discount.
 */
export const customersOf =
  ({ sources, plans }: { readonly sources: PriceSources; readonly plans: PlanDiscounts }) =>
  async (tenantIds: readonly string[], at: Date): Promise<ReadonlyMap<string, PricedCustomer>> => {
    const tenants = await Promise.all(
      [...new Set(tenantIds)].map(async (tenantId) => ({ tenantId, plan: await plans.planOf(tenantId, at) })),
    );
    const ids = tenants.map(({ tenantId }) => tenantId);
    const [paths, benefits] = await Promise.all([sources.paths(tenants, at), sources.benefits(ids, at)]);
    const customers = await Promise.all(
      tenants.map(async ({ tenantId, plan }, index): Promise<PricedCustomer> => {
        const { books = [], nextChange } = paths[index] ?? {};
        const own = benefits.get(tenantId) ?? [];
        // Only the volume discount of the first book that has one counts: nobody's month is counted in vain.
        const counted = books.find(({ content }) => content.volume !== undefined)?.content.volume?.tiers.length ?? 0;
        const month = counted > 0 ? await sources.month(tenantId, at) : noVolume;
        const ends = [nextChange, ...own.map(({ endsAt }) => endsAt)].filter((time) => time !== undefined);
        return {
          tenantId,
          plan,
          planDiscountPpm: plans.discountPpm(plan) ?? 0n,
          books,
          month,
          benefits: own,
          nextChange: ends.length === 0 ? undefined : ends.reduce((a, b) => (a < b ? a : b)),
        };
      }),
    );
    return new Map(customers.map((customer) => [customer.tenantId, customer]));
  };
