import type { Product } from '../../domain/ledger.ts';

/** What a provider takes for what one customer bought. */
export interface ProviderCost {
  readonly tenantId: string;
  readonly product: Product;
  /** The id of what was bought; with tenant and product it makes the cost one and the same, whoever tells it. */
  readonly reference: string;
  readonly provider: string;
  readonly amountMicros: bigint;
  readonly currency: string;
  readonly occurredAt: Date;
}

export interface ProviderCosts {
  /** All of them in one statement. @returns how many were not known */
  post(costs: readonly ProviderCost[]): Promise<number>;
}

/** A day, a product, a provider. Without a provider: what costs nobody's numbers (usage, subscriptions), or whose cost was never told. */
export interface MarginLine {
  /** YYYY-MM-DD, UTC. */
  readonly day: string;
  readonly product: Product;
  readonly provider: string;
  readonly currency: string;
  readonly chargedMicros: bigint;
  readonly refundedMicros: bigint;
  readonly costMicros: bigint;
  readonly charges: bigint;
}

export interface MarginFilter {
  /** Both inclusive. */
  readonly from: string;
  readonly to: string;
  readonly product: Product | undefined;
  readonly provider: string | undefined;
}

export interface MarginReader {
  /** Newest day first. */
  margins(filter: MarginFilter): Promise<readonly MarginLine[]>;
}
