import { type Static, Type } from 'typebox';
import type { MarketFigures } from '#proto/namaskah/verification/v1/verification.ts';

/** How numbers did over the last 24 hours, and how many there are, beside a service or a price. */
export const marketFields = {
  successRate: Type.Union([Type.Number({ minimum: 0, maximum: 1, examples: [0.85] }), Type.Null()], {
    description: 'Share of the last 24 hours’ numbers that got a code, in steps; null when they were too few to say',
  }),
  medianLatencyMs: Type.Union([Type.Integer({ examples: [12_000] }), Type.Null()], {
    description: 'Median time from purchase to code, rounded; null when there were too few codes',
  }),
  stock: Type.Union([Type.Integer({ examples: [500] }), Type.Null()], {
    description: 'Numbers to be had now, coarse; 0 when sold out, null when no price list says',
  }),
};

const Market = Type.Object(marketFields);

export const fromMarket = ({ successRate, medianLatencyMs, stock }: MarketFigures = {}): Static<typeof Market> => ({
  successRate: successRate ?? null,
  medianLatencyMs: medianLatencyMs === undefined ? null : Number(medianLatencyMs),
  stock: stock ?? null,
});

/** Where there are no such figures: messages of campaigns. */
export const noMarket = fromMarket();
