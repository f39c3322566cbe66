/**
 * The acceptable-use rules as data: data/policy/levels.json, checked when the process starts. All amounts are in the catalogue's
 * currency. What a tenant's level allows, an operator may replace for this tenant.
 */
export const kycLevels = [0, 1, 2, 3] as const;
export type KycLevel = (typeof kycLevels)[number];

export interface Limits {
  /** Numbers that wait for a code, or whose purchase is under way. */
  readonly maxOpen: number;
  /** Numbers rented for hours or longer. */
  readonly maxOpenRentals: number;
  readonly maxPurchasesPerHour: number;
  readonly maxCancelsPerHour: number;
  /** Of a UTC day: what is charged and reserved, without what was given back. */
  readonly maxSpendPerDayMicros: bigint;
}

export interface Level extends Limits {
  readonly name: string;
  /** May rent what is of class restricted. */
  readonly restricted: boolean;
}

export interface PolicyRules {
  /** By KYC level. */
  readonly levels: readonly [Level, Level, Level, Level];
  /** A new account has these where they are lower, until it is older or has reached the level. */
  readonly newAccount: Limits & { readonly lifeMs: number; readonly belowLevel: number };
  readonly successFloor: {
    /** Nothing is said about fewer outcomes than these. */
    readonly minOutcomes: number;
    readonly percent: number;
    readonly blockMs: number;
    /** How often a tenant may lift its own block within the period. */
    readonly acknowledgements: number;
    readonly acknowledgementMs: number;
  };
  readonly bans: {
    /** A number is banned when the weights of its reports, one by each tenant, reach this. */
    readonly threshold: number;
    readonly halfLifeMs: number;
    /** The ban ends when the weights have decayed to this. */
    readonly endScore: number;
    readonly reportMemoryMs: number;
    readonly leaseMemoryMs: number;
  };
}

/** What an operator has set for one tenant instead of its level's. */
export type OwnLimits = Partial<Limits>;

/** Limits times a factor, for load tests and for platforms that trust their customers. */
export const scaledRules = (rules: PolicyRules, factor: number): PolicyRules => {
  const count = (n: number): number => Math.max(1, Math.min(2_000_000_000, Math.floor(n * factor)));
  const scale = <L extends Limits>(limits: L): L => ({
    ...limits,
    maxOpen: count(limits.maxOpen),
    maxOpenRentals: count(limits.maxOpenRentals),
    maxPurchasesPerHour: count(limits.maxPurchasesPerHour),
    maxCancelsPerHour: count(limits.maxCancelsPerHour),
    maxSpendPerDayMicros: BigInt(Math.min(9e18, Math.floor(Number(limits.maxSpendPerDayMicros) * factor))),
  });
  const [none, basic, enhanced, full] = rules.levels;
  return {
    ...rules,
    levels: [scale(none), scale(basic), scale(enhanced), scale(full)],
    newAccount: scale(rules.newAccount),
    successFloor: { ...rules.successFloor, minOutcomes: count(rules.successFloor.minOutcomes) },
  };
};

const least = (a: Limits, b: Limits): Limits => ({
  maxOpen: Math.min(a.maxOpen, b.maxOpen),
  maxOpenRentals: Math.min(a.maxOpenRentals, b.maxOpenRentals),
  maxPurchasesPerHour: Math.min(a.maxPurchasesPerHour, b.maxPurchasesPerHour),
  maxCancelsPerHour: Math.min(a.maxCancelsPerHour, b.maxCancelsPerHour),
  maxSpendPerDayMicros: a.maxSpendPerDayMicros < b.maxSpendPerDayMicros ? a.maxSpendPerDayMicros : b.maxSpendPerDayMicros,
});

export interface Standing {
  readonly kycLevel: KycLevel;
  readonly ownLimits: OwnLimits;
  /** When the tenant registered, or was seen first. */
  readonly since: Date;
}

export const isNew = (rules: PolicyRules, { kycLevel, since }: Standing, at: Date): boolean =>
  kycLevel < rules.newAccount.belowLevel && at.getTime() < since.getTime() + rules.newAccount.lifeMs;

/** What counts for a tenant at a time: its level's, lower while it is new; what an operator has set goes before both. */
export const limitsOf = (rules: PolicyRules, standing: Standing, at: Date): Limits => {
  const level = rules.levels[standing.kycLevel];
  const usual = isNew(rules, standing, at) ? least(level, rules.newAccount) : least(level, level);
  return { ...usual, ...standing.ownLimits };
};
