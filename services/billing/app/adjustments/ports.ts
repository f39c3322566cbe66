import type { Adjustment, AdjustmentStatus } from '../../domain/adjustment.ts';
import type { PageAsk } from '../ports.ts';

export type AdjustmentFact =
  | { readonly kind: 'proposed'; readonly adjustment: Adjustment }
  | { readonly kind: 'posted'; readonly adjustment: Adjustment }
  | { readonly kind: 'dropped'; readonly adjustment: Adjustment };

/** Everything within one transaction. */
export interface AdjustmentUnit {
  /** One proposal of an operator at a time until the transaction ends: what he has done is counted before he does more. */
  lockOperator(operator: string): Promise<void>;
  /** What this operator's key made before. */
  earlier(
    operator: string,
    idempotencyKey: string,
  ): Promise<{ readonly adjustment: Adjustment; isSame(request: string): boolean } | undefined>;
  /** Sizes of what the operator posted for the tenant without a second one since then. */
  postedAlone(operator: string, tenantId: string, since: Date): Promise<bigint>;
  hasWallet(tenantId: string, currency: string): Promise<boolean>;
  add(adjustment: Adjustment, keyed: { readonly idempotencyKey: string; readonly request: string }): Promise<void>;
  /** Locked until the transaction ends. */
  find(id: string): Promise<Adjustment | undefined>;
  /** Moves the money. insufficient: the wallet would fall below what it holds. exceeds: more than is left of the charge. */
  post(adjustment: Adjustment, transferId: string, now: Date): Promise<'done' | 'insufficient' | 'not_found' | 'exceeds'>;
  /** Only from proposed. */
  decide(adjustment: Adjustment): Promise<void>;
  /** Proposals that nobody decided in time, locked; those that are being decided are left out. */
  overdue(now: Date, limit: number): Promise<readonly Adjustment[]>;
  record(fact: AdjustmentFact): Promise<void>;
}

export interface AdjustmentTransactions {
  /** All of `work` or nothing; may run it again after a conflict. */
  run<T>(work: (unit: AdjustmentUnit) => Promise<T>): Promise<T>;
}

export interface AdjustmentPage {
  readonly adjustments: readonly Adjustment[];
  readonly nextCursor: string;
}
/** For those who run the platform: of all tenants. */
export interface AdjustmentReader {
  find(id: string): Promise<Adjustment | undefined>;
  /** Newest first. */
  list(filter: { readonly tenantId?: string; readonly status?: AdjustmentStatus }, page: PageAsk): Promise<AdjustmentPage>;
}

/** What one operator may do alone; a currency without a limit always needs two. */
export interface AdjustmentPolicy {
  readonly limitMicros: Readonly<Record<string, bigint>>;
  readonly lifetimeMs: number;
}
