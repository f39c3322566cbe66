import { dead, done, on } from '#platform/messaging/index.ts';
import type { Transaction } from '#platform/postgres/index.ts';
import { events } from '#events';
import type { followPlan } from '../../app/follow-plan.ts';

/** The use case bound to the consumer's transaction, so that effect and inbox row stand or fall together. */
export const billingHandlers = (followPlanIn: (tx: Transaction) => ReturnType<typeof followPlan>) => [
  on(events.billing.planChanged, async (tx, { tenantId, occurredAt, payload }) =>
    (await followPlanIn(tx)({ tenantId, plan: payload.plan, at: occurredAt }))
      ? done()
      : dead({ cause: `unknown tenant or plan "${payload.plan}"` }),
  ),
];
