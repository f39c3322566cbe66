import type { Clock } from '#platform/time/index.ts';
import { freePlan, type PlanList } from '../../domain/plans/plan.ts';
import type { Choice } from '../../domain/plans/subscription.ts';
import { decideChange } from './decide-change.ts';
import type { Subscriptions } from './ports.ts';
import { requireTimeZone, wantedPlan } from './wanted.ts';

export interface Preview {
  readonly currency: string;
  /** What comes back for the time that was paid and is not used. */
  readonly creditMicros: bigint;
  readonly chargeMicros: bigint;
  /** What the change takes from the wallet now; negative: more comes back than is paid. */
  readonly dueNowMicros: bigint;
  readonly effectiveAt: Date;
  readonly periodEnd: Date | undefined;
  readonly next: Choice | undefined;
}

/** What a change would cost if it were made now. Nothing is changed. @throws as `changeSubscription` */
export const previewSubscription =
  ({ subscriptions, plans, clock }: { readonly subscriptions: Subscriptions; readonly plans: PlanList; readonly clock: Clock }) =>
  async (tenantId: string, asked: { readonly plan: string; readonly interval: string; readonly timeZone: string }): Promise<Preview> => {
    const wanted = wantedPlan(asked.plan, asked.interval);
    const now = clock.now();
    if (asked.timeZone !== '') await requireTimeZone(subscriptions, asked.timeZone, now);
    const current = await subscriptions.current(tenantId);
    const choice = { ...wanted, timeZone: asked.timeZone === '' ? undefined : asked.timeZone };
    const effect = decideChange(plans, tenantId, choice, now)(current);
    const creditMicros = effect?.credit?.amountMicros ?? 0n;
    const chargeMicros = effect?.charge?.amountMicros ?? 0n;
    const after = effect?.subscription ?? current;
    const starts = effect?.charge !== undefined || after === undefined;
    return {
      currency: plans.currency,
      creditMicros,
      chargeMicros,
      dueNowMicros: chargeMicros - creditMicros,
      effectiveAt: starts || after.next === undefined ? now : after.period.end,
      periodEnd: after?.period.end,
      next: after?.next?.planId === freePlan ? undefined : after?.next,
    };
  };
