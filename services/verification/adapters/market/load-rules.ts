import { readFileSync } from 'node:fs';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { MarketRules } from '../../domain/market/rules.ts';

const closed = { additionalProperties: false } as const;
const schema = Compile(
  Type.Object(
    {
      published: Type.Object(
        {
          minNumbers: Type.Integer({ minimum: 1, maximum: 100_000 }),
          minCodes: Type.Integer({ minimum: 1, maximum: 100_000 }),
          rateStep: Type.Number({ exclusiveMinimum: 0, maximum: 0.5 }),
          latencyDigits: Type.Integer({ minimum: 1, maximum: 4 }),
        },
        closed,
      ),
      balance: Type.Object(
        {
          driftFloor: Type.String({ pattern: String.raw`^\d{1,6}\.\d{2}$` }),
          driftSharePercent: Type.Number({ minimum: 0, maximum: 100 }),
        },
        closed,
      ),
      material: Type.Object({ pricePercent: Type.Number({ exclusiveMinimum: 0, maximum: 1_000 }) }, closed),
    },
    closed,
  ),
);

/** Reads and checks the rules of the market: a wrong file refuses to start. */
export const loadMarketRules = (file: URL): MarketRules => {
  const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (schema.Check(value)) return value;
  const [first] = schema.Errors(value);
  throw new Error(`${file.pathname}: ${first?.instancePath ?? ''} ${first?.message ?? 'is not valid'}`);
};
