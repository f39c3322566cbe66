import type { Product } from '../domain/ledger.ts';

/** The answer to a keyed command: done now or the first answer again, or the key belongs to another request. */
export type Conflict = { readonly outcome: 'idempotency_conflict' };

/** Key of the caller and everything that the command says, as canonical text, compared on repetition. */
export interface Keyed {
  readonly tenantId: string;
  readonly idempotencyKey: string;
  readonly request: string;
}

export interface PageAsk {
  readonly limit: number;
  readonly cursor: string;
}

/** Wakes a worker of this process; a lost wake-up only costs its polling interval. */
export type Wake = () => void;

/** What operators watch; implementations write metrics and logs. */
export interface BillingMonitor {
  hold(product: Product, event: 'placed' | 'captured' | 'released' | 'refused'): void;
  holdsExpired(count: number): void;
  creditLapsed(wallets: number): void;
  blockSealed(block: { readonly height: bigint; readonly hash: string; readonly transfers: number }): void;
  uncollected(fact: { readonly tenantId: string; readonly holdId: string; readonly product: Product; readonly owedMicros: bigint }): void;
  paymentSettled(fact: {
    readonly paymentId: string;
    readonly gateway: string;
    readonly result: 'succeeded' | 'failed' | 'mismatched' | 'surplus';
  }): void;
  refundSettled(fact: {
    readonly refundId: string;
    readonly gateway: string;
    readonly cause: string;
    readonly result: 'succeeded' | 'failed';
  }): void;
  disputed(fact: {
    readonly disputeId: string;
    readonly gateway: string;
    readonly outcome: 'opened' | 'won' | 'lost';
    readonly uncoveredMicros: bigint;
  }): void;
  notificationUnmatched(fact: { readonly gateway: string; readonly eventId: string }): void;
  gatewayUnknown(fact: { readonly gateway: string; readonly operation: string; readonly reason: string }): void;
}
