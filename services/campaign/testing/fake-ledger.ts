import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import type { Ledger } from '../app/ports.ts';

export interface FakeLedger extends Ledger {
  /** Holds placed, by campaign. */
  readonly holds: ReadonlyMap<string, { readonly holdId: string; readonly micros: bigint }>;
  /** The next calls: `unavailable` before the hold is placed, `lost` after it, `unpriced` when a price is asked for. */
  readonly faults: ('unavailable' | 'lost' | 'unpriced')[];
  balanceMicros: bigint;
  /** Where a segment does not cost its list price. */
  readonly rates: Map<string, bigint>;
}

/** One wallet for everybody; a campaign is held for once. */
export const fakeLedger = (balanceMicros = 1_000_000_000n): FakeLedger => {
  const holds = new Map<string, { holdId: string; micros: bigint }>();
  const faults: FakeLedger['faults'] = [];
  const ledger: FakeLedger = {
    holds,
    faults,
    balanceMicros,
    rates: new Map(),
    priceOfSegment: async ({ listPrice, country }) => ({ ...listPrice, micros: ledger.rates.get(country) ?? listPrice.micros }),
    quoteMessages: async ({ listPrice, planned }) => {
      if (faults[0] === 'unpriced') {
        faults.shift();
        throw appError('billing.no_price');
      }
      const prices = new Map(planned.map(({ country }) => [country, ledger.rates.get(country) ?? listPrice.micros]));
      const micros = planned.reduce((sum, { country, segments }) => sum + segments * (prices.get(country) ?? 0n), 0n);
      return { quoteId: newId(), prices, total: { currency: listPrice.currency, micros } };
    },
    placeHold: async ({ campaignId, amount }) => {
      const fault = faults.shift();
      if (fault === 'unavailable') throw appError('platform.unavailable');
      const known = holds.get(campaignId);
      if (known && known.micros !== amount.micros) throw appError('request.idempotency_conflict');
      if (!known && amount.micros > ledger.balanceMicros) throw appError('billing.insufficient_credit');
      const hold = known ?? { holdId: newId(), micros: amount.micros };
      if (!known) ledger.balanceMicros -= amount.micros;
      holds.set(campaignId, hold);
      if (fault === 'lost') throw appError('platform.deadline_exceeded');
      return { holdId: hold.holdId };
    },
  };
  return ledger;
};
