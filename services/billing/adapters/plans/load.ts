import { readFileSync } from 'node:fs';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { parseDecimal } from '#platform/money/index.ts';
import { type Plan, type PlanId, planIds, type PlanList } from '../../domain/plans/plan.ts';

const price = Type.String({ pattern: String.raw`^\d{1,6}\.\d{2}$` });
const strict = { additionalProperties: false } as const;
const schema = Compile(
  Type.Object(
    {
      version: Type.Integer({ minimum: 1 }),
      currency: Type.Literal('USD'),
      plans: Type.Array(
        Type.Object(
          {
            id: Type.Enum([...planIds]),
            rank: Type.Integer({ minimum: 0 }),
            name: Type.String({ minLength: 1, maxLength: 60 }),
            price: Type.Object({ month: price, year: price }, strict),
            requestsPerMinute: Type.Integer({ minimum: 1 }),
            discountPercent: Type.Integer({ minimum: 0, maximum: 100 }),
            webhooks: Type.Integer({ minimum: 0 }),
            retentionDays: Type.Integer({ minimum: 1 }),
          },
          strict,
        ),
        { minItems: planIds.length, maxItems: planIds.length },
      ),
      dunningDays: Type.Array(Type.Integer({ minimum: 0, maximum: 60 }), { minItems: 1, maxItems: 20 }),
    },
    strict,
  ),
);

const ppmOfPercent = 10_000n;
const micros = (decimal: string): bigint => {
  const value = parseDecimal(decimal);
  if (value === undefined) throw new Error(`not a price: ${decimal}`);
  return value;
};

/** Reads and checks the plans: a wrong file refuses to start. */
export const loadPlans = (file = new URL('../../data/plans.json', import.meta.url)): PlanList => {
  const data: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (!schema.Check(data)) {
    const [first] = schema.Errors(data);
    throw new Error(`${file.pathname}: ${first?.instancePath ?? ''} ${first?.message ?? 'is not valid'}`);
  }
  const rising = data.dunningDays.every((day, index) => index === 0 || day > (data.dunningDays[index - 1] ?? 0));
  if (!rising || data.dunningDays[0] !== 0) throw new Error(`${file.pathname}: dunningDays begin with 0 and rise`);
  const plans = data.plans
    .map((row): Plan => ({
      id: row.id,
      rank: row.rank,
      name: row.name,
      priceMicros: { month: micros(row.price.month), year: micros(row.price.year) },
      requestsPerMinute: row.requestsPerMinute,
      discountPpm: BigInt(row.discountPercent) * ppmOfPercent,
      webhooks: row.webhooks,
      retentionDays: row.retentionDays,
    }))
    .toSorted((a, b) => a.rank - b.rank);
  const byId = new Map<PlanId, Plan>(plans.map((plan) => [plan.id, plan]));
  if (byId.size !== planIds.length || new Set(plans.map(({ rank }) => rank)).size !== plans.length)
    throw new Error(`${file.pathname}: a plan or a rank stands there twice`);
  return {
    currency: data.currency,
    plans,
    dunningDays: data.dunningDays,
    plan: (id) => {
      const plan = byId.get(id);
      if (plan === undefined) throw new Error(`there is no plan ${id}`);
      return plan;
    },
  };
};
