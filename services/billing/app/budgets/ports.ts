import type { BudgetInterval } from '../../domain/budget.ts';
import type { Product } from '../../domain/ledger.ts';
import type { Keyed, PageAsk } from '../ports.ts';

export interface Budget {
  readonly id: string;
  readonly tenantId: string;
  readonly name: string;
  readonly interval: BudgetInterval;
  /** undefined: everything that the tenant buys. */
  readonly product: Product | undefined;
  readonly amountMicros: bigint;
  readonly currency: string;
  /** True: what would go beyond it is refused. False: only alerts look at it. */
  readonly hard: boolean;
  readonly zone: string;
  readonly createdAt: Date;
}
export interface BudgetStatus extends Budget {
  readonly windowStartsAt: Date;
  readonly windowEndsAt: Date;
  readonly spentMicros: bigint;
}
export interface BudgetChange {
  readonly name: string | undefined;
  readonly amountMicros: bigint | undefined;
  readonly hard: boolean | undefined;
}
export type CreateBudgetResult =
  | { readonly outcome: 'done'; readonly budget: BudgetStatus }
  | { readonly outcome: 'too_many' | 'unknown_zone' };

export interface Budgets {
  /** Counts from what the running window has seen already. `alerts`: percentages at which an alert is made with it. @throws request.idempotency_conflict */
  create(
    command: Keyed & { readonly budget: Budget; readonly alertAtPercent: readonly number[]; readonly most: number; readonly now: Date },
  ): Promise<CreateBudgetResult>;
  find(tenantId: string, id: string, now: Date): Promise<BudgetStatus | undefined>;
  list(tenantId: string, page: PageAsk, now: Date): Promise<{ readonly budgets: readonly BudgetStatus[]; readonly nextCursor: string }>;
  change(tenantId: string, id: string, change: BudgetChange, now: Date): Promise<BudgetStatus | undefined>;
  /** With its alerts. */
  remove(tenantId: string, id: string): Promise<boolean>;
}

export type PauseSource = 'tenant' | 'operator';
export interface Pause {
  readonly source: PauseSource;
  readonly reason: string;
  readonly by: string;
  readonly at: Date;
}
export interface Spending {
  /**
   * After it has returned, nothing more is reserved. A second pause of the same source changes nothing.
   * @returns false: an operator named a tenant that has no wallet, and nothing is paused
   */
  pause(tenantId: string, pause: Pause): Promise<boolean>;
  /** Lifts this source's pause only. */
  resume(tenantId: string, source: PauseSource, by: string, now: Date): Promise<void>;
  pauses(tenantId: string): Promise<readonly Pause[]>;
}
