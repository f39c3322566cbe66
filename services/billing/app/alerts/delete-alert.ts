import { appError } from '#platform/errors/index.ts';
import { requireId } from '../checks.ts';
import type { Alerts } from './ports.ts';

/** With its history. @throws request.not_found */
export const deleteAlert =
  ({ alerts }: { readonly alerts: Pick<Alerts, 'remove'> }) =>
  async (tenantId: string, id: string): Promise<void> => {
    requireId(id);
    if (!(await alerts.remove(tenantId, id))) throw appError('request.not_found');
  };
