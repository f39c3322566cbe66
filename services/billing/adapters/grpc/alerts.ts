import { allow, allowAny, type BoundService, grpcService, method } from '#platform/grpc/index.ts';
import * as proto from '#proto/namaskah/billing/v1/usage.ts';
import type { createAlert } from '../../app/alerts/create-alert.ts';
import type { deleteAlert } from '../../app/alerts/delete-alert.ts';
import type { getAlert } from '../../app/alerts/get-alert.ts';
import type { listAlertEvents } from '../../app/alerts/list-alert-events.ts';
import type { listAlerts } from '../../app/alerts/list-alerts.ts';
import type { Alert } from '../../app/alerts/ports.ts';
import type { updateAlert } from '../../app/alerts/update-alert.ts';
import { formatValue } from '../../domain/usage-alerts.ts';
import { pageOf } from './mapping.ts';

export interface AlertUseCases {
  readonly createAlert: ReturnType<typeof createAlert>;
  readonly getAlert: ReturnType<typeof getAlert>;
  readonly listAlerts: ReturnType<typeof listAlerts>;
  readonly updateAlert: ReturnType<typeof updateAlert>;
  readonly deleteAlert: ReturnType<typeof deleteAlert>;
  readonly listAlertEvents: ReturnType<typeof listAlertEvents>;
}

const alertMessage = (alert: Alert): proto.Alert => ({
  id: alert.id,
  name: alert.name,
  metric: alert.metric,
  meter: alert.meter ?? '',
  budgetId: alert.budgetId ?? '',
  threshold: formatValue(alert.metric, alert.threshold),
  direction: alert.direction,
  recurrence: alert.recurrence,
  enabled: alert.enabled,
  fired: alert.fired,
  lastFiredAt: alert.lastFiredAt,
  createdAt: alert.createdAt,
});

const reading = allowAny({ scope: 'usage:read' });
const writing = allow('owner', 'admin', 'staff', { scope: 'usage:write' });

export const alertService = (alerts: AlertUseCases): BoundService =>
  grpcService(proto.AlertServiceService, {
    createAlert: method(writing, async (request, { principal }) => ({
      alert: alertMessage(await alerts.createAlert(principal.tenantId, request)),
    })),
    getAlert: method(reading, async ({ id }, { principal }) => ({ alert: alertMessage(await alerts.getAlert(principal.tenantId, id)) })),
    listAlerts: method(reading, async ({ page }, { principal }) => {
      const { alerts: found, nextCursor } = await alerts.listAlerts(principal.tenantId, pageOf(page));
      return { alerts: found.map(alertMessage), nextCursor };
    }),
    updateAlert: method(writing, async ({ id, name, enabled, threshold }, { principal }) => ({
      alert: alertMessage(await alerts.updateAlert(principal.tenantId, id, { name, enabled, threshold })),
    })),
    deleteAlert: method(writing, async ({ id }, { principal }) => {
      await alerts.deleteAlert(principal.tenantId, id);
      return {};
    }),
    listAlertEvents: method(reading, async ({ id, page }, { principal }) => {
      const { alert, firings, nextCursor } = await alerts.listAlertEvents(principal.tenantId, id, pageOf(page));
      const shown = ({ number, threshold, value, occurredAt }: (typeof firings)[number]): proto.AlertEvent => ({
        ...{ number, occurredAt },
        threshold: formatValue(alert.metric, threshold),
        value: formatValue(alert.metric, value),
      });
      return { events: firings.map(shown), nextCursor };
    }),
  });
