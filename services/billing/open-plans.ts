import type { BoundService } from '#platform/grpc/index.ts';
import type { Life } from '#platform/lifecycle/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { planGrantService } from './adapters/grpc/plan-grants.ts';
import { planServices } from './adapters/grpc/plans.ts';
import { loadPlans } from './adapters/plans/load.ts';
import { postgresSubscriptions } from './adapters/postgres/plans/subscriptions.ts';
import { cancelSubscription } from './app/plans/cancel-subscription.ts';
import { changeSubscription } from './app/plans/change-subscription.ts';
import { getSubscription } from './app/plans/get-subscription.ts';
import { getTenantPlan } from './app/plans/get-tenant-plan.ts';
import { grantPlan } from './app/plans/grant-plan.ts';
import { listPeriods } from './app/plans/list-periods.ts';
import { listPlans } from './app/plans/list-plans.ts';
import type { PlanReader } from './app/plans/ports.ts';
import { previewSubscription } from './app/plans/preview-subscription.ts';
import { renewSubscriptions } from './app/plans/renew-subscriptions.ts';
import { resumeSubscription } from './app/plans/resume-subscription.ts';
import { setTimeZone } from './app/plans/set-time-zone.ts';
import type { BillingConfig } from './config.ts';
import type { PlanList } from './domain/plans/plan.ts';
import type { StartWorker } from './open-ledger.ts';

export interface PlanParts {
  readonly config: Pick<BillingConfig, 'renewalIntervalMs'>;
  readonly life: Pick<Life, 'metrics'>;
  readonly db: Database;
  readonly clock: Clock;
  readonly worker: StartWorker;
}

export interface OpenPlans {
  readonly services: readonly BoundService[];
  readonly plans: PlanList;
  readonly reader: PlanReader;
}

/** Part of the composition root: plans, subscriptions, their renewals. */
export const openPlans = async ({ config, life, db, clock, worker }: PlanParts): Promise<OpenPlans> => {
  const plans = loadPlans();
  const subscriptions = postgresSubscriptions(db, plans.currency);
  const changes = life.metrics.counter('subscription_changes_total');
  const monitor = { subscription: (fact: string) => changes.inc({ fact }) };
  await worker('renewals', config.renewalIntervalMs, renewSubscriptions({ subscriptions, plans, clock, monitor }));
  const changing = { subscriptions, plans, clock };
  return {
    plans,
    reader: subscriptions,
    services: [
      ...planServices({
        currency: plans.currency,
        listPlans: listPlans({ plans }),
        getSubscription: getSubscription({ subscriptions }),
        previewSubscription: previewSubscription(changing),
        changeSubscription: changeSubscription(changing),
        cancelSubscription: cancelSubscription({ subscriptions, clock }),
        resumeSubscription: resumeSubscription({ subscriptions, clock }),
        setTimeZone: setTimeZone({ subscriptions, clock }),
        listPeriods: listPeriods({ subscriptions }),
      }),
      planGrantService({
        currency: plans.currency,
        grantPlan: grantPlan({ subscriptions, clock, monitor }),
        getTenantPlan: getTenantPlan({ subscriptions }),
      }),
    ],
  };
};
