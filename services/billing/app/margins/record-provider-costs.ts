import type { ProviderCost, ProviderCosts } from './ports.ts';

/** Facts as they come, in any order and more than once. What costs nothing is no cost. @returns how many were not known */
export const recordProviderCosts =
  ({ costs }: { readonly costs: ProviderCosts }) =>
  async (told: readonly ProviderCost[]): Promise<number> => {
    const known = new Map<string, ProviderCost>();
    for (const cost of told) {
      const key = `${cost.tenantId} ${cost.product} ${cost.reference}`;
      if (cost.amountMicros > 0n && cost.provider !== '' && !known.has(key)) known.set(key, cost);
    }
    return known.size === 0 ? 0 : costs.post([...known.values()]);
  };
