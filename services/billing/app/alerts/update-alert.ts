import { appError } from '#platform/errors/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { parseThreshold } from '../../domain/usage-alerts.ts';
import { refuseInvalid } from '../checks.ts';
import { checkName, checkThreshold } from './create-alert.ts';
import { getAlert } from './get-alert.ts';
import type { Alert, Alerts } from './ports.ts';

export interface AlertUpdate {
  readonly name: string | undefined;
  readonly enabled: boolean | undefined;
  readonly threshold: string | undefined;
}

/** @throws request.not_found · request.invalid */
export const updateAlert =
  ({ alerts, clock }: { readonly alerts: Pick<Alerts, 'find' | 'change'>; readonly clock: Clock }) =>
  async (tenantId: string, id: string, { name, enabled, threshold }: AlertUpdate): Promise<Alert> => {
    const { metric } = await getAlert({ alerts })(tenantId, id);
    refuseInvalid(
      name === undefined ? undefined : checkName(name),
      threshold === undefined ? undefined : checkThreshold(metric, threshold),
    );
    const value = threshold === undefined ? undefined : parseThreshold(metric, threshold);
    const changed = await alerts.change(tenantId, id, { name, enabled, threshold: value }, clock.now());
    if (changed === undefined) throw appError('request.not_found');
    return changed;
  };
