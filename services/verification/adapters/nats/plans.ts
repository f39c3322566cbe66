import { events } from '#events';
import { done, on } from '#platform/messaging/index.ts';
import type { Texts } from '../../app/retention/ports.ts';

/** Hears which plan a tenant has: it decides how long texts are kept. */
export const planHandlers = (texts: Pick<Texts, 'setPlan'>) => [
  on(events.billing.planChanged, async (_tx, { tenantId, occurredAt, payload }) => {
    await texts.setPlan(tenantId, payload.plan, occurredAt);
    return done();
  }),
];
