import type { Money } from '#platform/money/index.ts';
import { hourMs } from '#platform/time/index.ts';

/** Money that comes by itself when the wallet runs low, from the tenant's default payment method. */
export interface TopUp {
  readonly tenantId: string;
  readonly enabled: boolean;
  /** When less than this is available. */
  readonly threshold: Money;
  readonly amount: Money;
  /** Of automatic payments in a calendar month (UTC), including those that are under way. */
  readonly monthlyLimit: Money;
  /** Why it was switched off by the platform; empty otherwise. */
  readonly suspendedReason: string;
  readonly updatedAt: Date;
}

/** So many failures in a row switch it off; until then an hour and six hours lie between them. */
export const maxTopUpFailures = 3;
export const topUpPausesMs = [hourMs, 6 * hourMs] as const;
