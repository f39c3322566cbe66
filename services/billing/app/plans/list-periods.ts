import type { PageAsk } from '../ports.ts';
import type { Subscriptions } from './ports.ts';

/** Every period that was paid, newest first. */
export const listPeriods =
  ({ subscriptions }: { readonly subscriptions: Subscriptions }) =>
  (tenantId: string, page: PageAsk) =>
    subscriptions.periods(tenantId, page);
