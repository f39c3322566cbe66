export const planIds = ['starter', 'pro', 'enterprise'] as const;
export type PlanId = (typeof planIds)[number];
export const isPlanId = (text: string): text is PlanId => (planIds as readonly string[]).includes(text);

export const intervals = ['month', 'year'] as const;
export type Interval = (typeof intervals)[number];
export const isInterval = (text: string): text is Interval => (intervals as readonly string[]).includes(text);

/** What everybody has who has subscribed to nothing: it costs nothing and never ends. */
export const freePlan: PlanId = 'starter';

export interface Plan {
  readonly id: PlanId;
  /** A higher rank is an upgrade. */
  readonly rank: number;
  readonly name: string;
  /** Of a whole period. */
  readonly priceMicros: Readonly<Record<Interval, bigint>>;
  readonly requestsPerMinute: number;
  /** Off the list prices, in millionths. */
  readonly discountPpm: bigint;
  /** Endpoints that may be registered. */
  readonly webhooks: number;
  /** How long messages are kept. */
  readonly retentionDays: number;
}

export interface PlanList {
  readonly currency: string;
  /** By rank. */
  readonly plans: readonly Plan[];
  plan(id: PlanId): Plan;
  /** When a renewal that was not paid is tried again, in days after it was due; after the last the subscription ends. */
  readonly dunningDays: readonly number[];
}
