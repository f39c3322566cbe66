import { appError, type FieldViolation } from '#platform/errors/index.ts';
import { isUuid, newId } from '#platform/ids/index.ts';
import type { Clock } from '#platform/time/index.ts';
import {
  alertDirections,
  alertMetrics,
  alertRecurrences,
  isAlertDirection,
  isAlertMetric,
  isAlertRecurrence,
  parseThreshold,
} from '../../domain/usage-alerts.ts';
import { isMeter, meterNames } from '../../domain/usage-meters.ts';
import { canonicalRequest } from '../canonical-request.ts';
import { check, checkKey, refuseInvalid } from '../checks.ts';
import type { Alert, Alerts, NewAlert } from './ports.ts';

export interface CreateAlertRequest {
  readonly idempotencyKey: string;
  readonly name: string;
  readonly metric: string;
  readonly meter: string;
  readonly budgetId: string;
  readonly threshold: string;
  readonly direction: string;
  readonly recurrence: string;
}

const mostAlerts = 100;

export const checkName = (name: string): FieldViolation | undefined =>
  check(name.trim().length >= 1 && name.length <= 100 && !/\p{Cc}/u.test(name), 'name', 'Send 1 to 100 characters of text.');

const meterFault = (metric: string, meter: string): FieldViolation | undefined => {
  const needed = metric === 'usage_quantity' || metric === 'included_percent';
  if (needed) return check(isMeter(meter), 'meter', `One of ${meterNames.join(', ')}.`);
  if (metric === 'usage_amount')
    return check(meter === '' || isMeter(meter), 'meter', `One of ${meterNames.join(', ')}, or none for all together.`);
  return check(meter === '', 'meter', 'This metric is about no meter.');
};

export const checkThreshold = (metric: string, threshold: string): FieldViolation | undefined =>
  check(
    isAlertMetric(metric) && parseThreshold(metric, threshold) !== undefined,
    'threshold',
    'Whole units, an amount such as "12.50", or 1 to 1000 percent, as the metric wants; more than zero.',
  );

/**
 * An alert begins on its silent side: one whose condition holds already fires at the next look.
 * @throws request.invalid · request.idempotency_conflict
 */
export const createAlert =
  ({ alerts, clock }: { readonly alerts: Pick<Alerts, 'create'>; readonly clock: Clock }) =>
  async (tenantId: string, request: CreateAlertRequest): Promise<Alert> => {
    const { idempotencyKey, name, metric, meter, budgetId, threshold, direction, recurrence } = request;
    refuseInvalid(
      checkKey(idempotencyKey),
      checkName(name),
      check(isAlertMetric(metric), 'metric', `One of ${alertMetrics.join(', ')}.`),
      meterFault(metric, meter),
      check((metric === 'budget_percent') === (budgetId !== ''), 'budget_id', 'For the metric budget_percent, and for no other.'),
      checkThreshold(metric, threshold),
      check(isAlertDirection(direction), 'direction', `One of ${alertDirections.join(', ')}.`),
      check(isAlertRecurrence(recurrence), 'recurrence', `One of ${alertRecurrences.join(', ')}.`),
      check(recurrence !== 'multiple' || direction === 'up', 'recurrence', 'Multiples are passed upwards only.'),
    );
    const value = isAlertMetric(metric) ? parseThreshold(metric, threshold) : undefined;
    if (!isAlertMetric(metric) || !isAlertDirection(direction) || !isAlertRecurrence(recurrence) || value === undefined)
      throw appError('request.invalid');
    if (budgetId !== '' && !isUuid(budgetId)) throw noBudget();
    const alert: NewAlert = {
      ...{ id: newId(), tenantId, name, metric, threshold: value, direction, recurrence, enabled: true, createdAt: clock.now() },
      meter: isMeter(meter) ? meter : undefined,
      budgetId: budgetId === '' ? undefined : budgetId,
    };
    const keyed = canonicalRequest('alert', name, metric, meter, budgetId, value, direction, recurrence);
    const result = await alerts.create({ tenantId, idempotencyKey, request: keyed, alert, most: mostAlerts });
    switch (result.outcome) {
      case 'done':
        return result.alert;
      case 'no_budget':
        throw noBudget();
      case 'too_many':
        throw appError('request.invalid', { fields: [{ field: 'alert', reason: `At most ${mostAlerts}: delete one first.` }] });
    }
  };

const noBudget = () => appError('request.invalid', { fields: [{ field: 'budget_id', reason: 'There is no such budget.' }] });
