import type { Meter } from './usage-meters.ts';
import { picosPerMicro, type Tier, type UsagePrice, type UsageTerms } from './usage-rating.ts';

const million = 1_000_000n;
/** Per thousand units, in micros: fine enough to read, exact in picos. */
const perThousand = (micros: bigint): bigint => (micros * picosPerMicro) / 1_000n;
const tier = (upTo: bigint | undefined, unitPicos: bigint): Tier => ({ upTo, unitPicos, flatPicos: 0n });
const free: UsagePrice = { model: 'free' };

/** Messages and verifications are paid one by one by their holds: counted here for the customer's eyes, alerts and reports. */
const paidElsewhere: UsageTerms = { included: 0n, price: free };

/**
 * What each plan includes, and what goes beyond it costs. A period is rated by the plan of its end, while it runs by the plan of now: who
 * upgrades gets back what the better plan would not have charged. A change of these figures changes running periods; say so beforehand.
 */
const apiCalls: Readonly<Record<string, UsageTerms>> = {
  starter: { included: 100_000n, price: { model: 'package', size: 1_000n, packagePicos: 20_000n * picosPerMicro } },
  pro: {
    included: million,
    price: { model: 'graduated', tiers: [tier(5n * million, perThousand(10_000n)), tier(undefined, perThousand(6_000n))] },
  },
  enterprise: {
    included: 10n * million,
    price: {
      model: 'graduated',
      tiers: [tier(20n * million, perThousand(5_000n)), tier(100n * million, perThousand(3_000n)), tier(undefined, perThousand(1_500n))],
    },
  },
};

export const plansWithTerms = Object.keys(apiCalls);

/** A plan that is not known here is treated as the smallest. */
export const usageTerms = (plan: string, meter: Meter): UsageTerms =>
  meter === 'api.calls' ? (apiCalls[plan] ?? apiCalls['starter'] ?? paidElsewhere) : paidElsewhere;
