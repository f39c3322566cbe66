import type { PageAsk } from '../ports.ts';
import type { Alerts } from './ports.ts';

/** Newest first. @throws request.invalid on a cursor that is none */
export const listAlerts =
  ({ alerts }: { readonly alerts: Pick<Alerts, 'list'> }) =>
  (tenantId: string, page: PageAsk) =>
    alerts.list(tenantId, page);
