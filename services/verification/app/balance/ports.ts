import type { Clock } from '#platform/time/index.ts';
import type { DriftRules, Reconciliation } from '../../domain/balance/reconcile.ts';

export const adjustmentKinds = ['top_up', 'correction'] as const;
export type AdjustmentKind = (typeof adjustmentKinds)[number];

/** What moved our account at a provider besides purchases. */
export interface Adjustment {
  readonly id: string;
  readonly provider: string;
  readonly kind: AdjustmentKind;
  /** Of a correction with its sign. */
  readonly amountMicros: bigint;
  /** Of the payment, for example: one adjustment each. */
  readonly reference: string;
  readonly note: string;
  readonly happenedAt: Date;
  readonly recordedAt: Date;
  readonly recordedBy: string;
}

export interface BalanceStore {
  /** Writes a reading down, with what was expected. @returns undefined for one that is older than what is known */
  reconcile(
    provider: string,
    reading: { readonly micros: bigint; readonly at: Date },
    rules: DriftRules,
  ): Promise<Reconciliation | undefined>;
  /** @returns the adjustment, or the one that came first under this reference */
  record(adjustment: Adjustment): Promise<Adjustment>;
  /** Newest first. */
  list(query: { readonly provider: string; readonly before: string | undefined; readonly limit: number }): Promise<readonly Adjustment[]>;
}

export interface BalanceObserver {
  /** As it is, whoever compared it: every replica shows the same. */
  known(provider: string, result: Reconciliation): void;
  /** Compared here, now. */
  reconciled(provider: string, result: Reconciliation): void;
}

export interface BalancePorts {
  readonly balances: BalanceStore;
  /** Of every provider there is. */
  readonly providers: readonly string[];
  readonly clock: Clock;
}
