import type { PageAsk } from '../ports.ts';
import { getAlert } from './get-alert.ts';
import type { Alert, AlertFiring, Alerts } from './ports.ts';

/** The crossings of one alert, newest first. @throws request.not_found · request.invalid on a cursor that is none */
export const listAlertEvents =
  ({ alerts }: { readonly alerts: Pick<Alerts, 'find' | 'firings'> }) =>
  async (
    tenantId: string,
    id: string,
    page: PageAsk,
  ): Promise<{ readonly alert: Alert; readonly firings: readonly AlertFiring[]; readonly nextCursor: string }> => {
    const alert = await getAlert({ alerts })(tenantId, id);
    return { alert, ...(await alerts.firings(tenantId, id, page)) };
  };
