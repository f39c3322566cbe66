import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import type { Money } from '#platform/money/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { budgetIntervals, canBeHard, isBudgetInterval } from '../../domain/budget.ts';
import { isProduct, products } from '../../domain/ledger.ts';
import { checkName } from '../alerts/create-alert.ts';
import { canonicalRequest } from '../canonical-request.ts';
import { check, checkAmount, checkKey, refuseInvalid } from '../checks.ts';
import type { Budgets, BudgetStatus } from './ports.ts';

export interface CreateBudgetRequest {
  readonly idempotencyKey: string;
  readonly name: string;
  readonly interval: string;
  /** Empty: everything. */
  readonly product: string;
  readonly amount: Money;
  readonly hard: boolean;
  /** Empty: the tenant's own zone. */
  readonly zone: string;
  readonly alertAtPercent: readonly number[];
}

const mostBudgets = 20;
const mostAlertsEach = 10;

const isZone = (zone: string): boolean => {
  try {
    return zone.length <= 64 && new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
};

const alertsFault = (percents: readonly number[]) =>
  check(
    percents.length <= mostAlertsEach &&
      new Set(percents).size === percents.length &&
      percents.every((percent) => Number.isInteger(percent) && percent >= 1 && percent <= 100),
    'alert_at_percent',
    `At most ${mostAlertsEach} different whole percentages, 1 to 100.`,
  );

/**
 * Counts what the running day or month has seen already. A hard budget stops spending at the very next batch; a soft one only feeds alerts.
 * @throws request.invalid · request.idempotency_conflict
 */
export const createBudget =
  ({
    budgets,
    zoneOf,
    clock,
  }: {
    readonly budgets: Pick<Budgets, 'create'>;
    readonly zoneOf: (tenantId: string) => Promise<string>;
    readonly clock: Clock;
  }) =>
  async (tenantId: string, request: CreateBudgetRequest): Promise<BudgetStatus> => {
    const { idempotencyKey, name, interval, product, amount, hard, alertAtPercent } = request;
    refuseInvalid(
      checkKey(idempotencyKey),
      checkName(name),
      check(isBudgetInterval(interval), 'interval', `One of ${budgetIntervals.join(', ')}.`),
      check(product === '' || isProduct(product), 'product', `One of ${products.join(', ')}, or none for all.`),
      check(
        !hard || canBeHard(product),
        'hard',
        'Usage and subscriptions are owed when they are charged: their budget is watched, not enforced.',
      ),
      checkAmount(amount),
      check(request.zone === '' || isZone(request.zone), 'time_zone', 'An IANA name such as Europe/Berlin.'),
      alertsFault(alertAtPercent),
    );
    if (!isBudgetInterval(interval)) throw appError('request.invalid');
    const now = clock.now();
    const create = (zone: string) =>
      budgets.create({
        tenantId,
        idempotencyKey,
        request: canonicalRequest(
          'budget',
          name,
          interval,
          product,
          amount.currency,
          amount.micros,
          hard,
          request.zone,
          alertAtPercent.join(','),
        ),
        budget: {
          ...{ id: newId(), tenantId, name, interval, amountMicros: amount.micros, currency: amount.currency, hard, zone, createdAt: now },
          product: isProduct(product) ? product : undefined,
        },
        alertAtPercent,
        most: mostBudgets,
        now,
      });
    const first = await create(request.zone === '' ? await zoneOf(tenantId) : request.zone);
    // The tenant's own zone, which nobody has named here, may be one that is good for documents only.
    const result = first.outcome === 'unknown_zone' && request.zone === '' ? await create('UTC') : first;
    switch (result.outcome) {
      case 'done':
        return result.budget;
      case 'unknown_zone':
        throw appError('request.invalid', { fields: [{ field: 'time_zone', reason: 'An IANA name such as Europe/Berlin.' }] });
      case 'too_many':
        throw appError('request.invalid', { fields: [{ field: 'budget', reason: `At most ${mostBudgets}: delete one first.` }] });
    }
  };
