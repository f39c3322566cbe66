/** What is published of the market, and what is worth telling: decided by people, `data/market.json`. */
export interface MarketRules {
  readonly published: {
    /** Numbers with an end that a success rate must rest on; with fewer there is none. */
    readonly minNumbers: number;
    /** Codes that a median time must rest on. */
    readonly minCodes: number;
    /** Rates are published in steps of this: what everybody reads changes when something has, not with every number. */
    readonly rateStep: number;
    /** Significant digits of a median time. */
    readonly latencyDigits: number;
  };
  /** What may be left over when our account at a provider is compared with what it should hold. */
  readonly balance: {
    /** Decimal; in any case. */
    readonly driftFloor: string;
    /** And of what purchases have cost. */
    readonly driftSharePercent: number;
  };
  readonly material: {
    /** A provider's price that has moved by more than this is worth telling. */
    readonly pricePercent: number;
  };
}
