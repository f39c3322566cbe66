import { appError } from '#platform/errors/index.ts';
import { requireId } from '../checks.ts';
import type { Alert, Alerts } from './ports.ts';

/** @throws request.not_found also when it is another tenant's */
export const getAlert =
  ({ alerts }: { readonly alerts: Pick<Alerts, 'find'> }) =>
  async (tenantId: string, id: string): Promise<Alert> => {
    requireId(id);
    const alert = await alerts.find(tenantId, id);
    if (alert === undefined) throw appError('request.not_found');
    return alert;
  };
