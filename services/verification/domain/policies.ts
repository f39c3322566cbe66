import type { Money } from '#platform/money/index.ts';

/** What becomes of a code that arrives after the customer got the money back. */
export const lateCodePolicies = ['hide', 'show', 'charge'] as const;
export type LateCodePolicy = (typeof lateCodePolicies)[number];

/** What a plan includes. */
export interface PlanPolicy {
  readonly lateCode: LateCodePolicy;
  /** Texts and codes are deleted that many days after they came. */
  readonly retentionDays: number;
}

/** Rules of the life cycle that are decided by people, not by code: `data/policies.json`. */
export interface Policies {
  readonly anotherCode: {
    /** Share of the number's price that a further code costs; 0: free. */
    readonly chargePercent: number;
    /** Of services that differ. */
    readonly chargePercentOf: Readonly<Record<string, number>>;
    /** Messages on one number, the first one included. */
    readonly maxCodes: number;
  };
  readonly retry: {
    /** Asks the provider of the first number only when no other has one. */
    readonly avoidRoute: boolean;
  };
  /** Codes that come after the end; what becomes of them is for the plan to say. */
  readonly lateCodes: {
    /** From the end of the activation: what comes after that stays hidden for every plan. */
    readonly windowMinutes: number;
    /** From the first attempt to charge a late code to the second; doubles. */
    readonly retryMinutes: number;
  };
  readonly defaultPlan: string;
  readonly plans: Readonly<Record<string, PlanPolicy>>;
}

/** A further code's price, up to the next millionth. */
export const anotherCodePrice = (policies: Policies, service: string, price: Money): Money => {
  const { chargePercent, chargePercentOf } = policies.anotherCode;
  const percent = BigInt(chargePercentOf[service] ?? chargePercent);
  return { currency: price.currency, micros: (price.micros * percent + 99n) / 100n };
};

/** A plan that is not known here has what the smallest one has. */
export const planPolicy = (policies: Policies, plan: string): PlanPolicy => {
  const found = policies.plans[plan] ?? policies.plans[policies.defaultPlan];
  if (found === undefined) throw new Error(`no policy for the plan "${policies.defaultPlan}"`);
  return found;
};
