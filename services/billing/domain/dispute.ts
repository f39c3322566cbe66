import type { Money } from '#platform/money/index.ts';

/** As we see it: won, the payment stays; lost, it is gone. */
export type DisputeStatus = 'open' | 'won' | 'lost';

/** A customer's bank wants a payment back, past us. */
export interface Dispute {
  readonly id: string;
  readonly tenantId: string;
  readonly paymentId: string;
  readonly attemptId: string;
  readonly gateway: string;
  readonly gatewayDisputeId: string;
  readonly status: DisputeStatus;
  readonly amount: Money;
  /** What of it the wallet could not give: spent already. Owed by the customer, and decided by hand. */
  readonly uncoveredMicros: bigint;
  readonly reason: string;
  readonly openedAt: Date;
  readonly decidedAt: Date | undefined;
}

/** What a gateway says of one dispute. */
export interface DisputeStatement {
  readonly gatewayDisputeId: string;
  /** The attempt; anything else is not about us. */
  readonly reference: string;
  readonly status: DisputeStatus;
  readonly amount: Money;
  readonly reason: string;
}
