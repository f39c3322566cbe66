import type { AlertDirection, AlertMetric, AlertRecurrence, AlertState, Crossing, Observation } from '../../domain/usage-alerts.ts';
import type { Meter } from '../../domain/usage-meters.ts';
import type { Keyed, PageAsk } from '../ports.ts';

export interface Alert {
  readonly id: string;
  readonly tenantId: string;
  readonly name: string;
  readonly metric: AlertMetric;
  /** undefined: all meters together (amounts only), or a metric that is about none. */
  readonly meter: Meter | undefined;
  readonly budgetId: string | undefined;
  /** Units, micros, or hundredths of a percent, by metric. */
  readonly threshold: bigint;
  readonly direction: AlertDirection;
  readonly recurrence: AlertRecurrence;
  readonly enabled: boolean;
  readonly fired: bigint;
  readonly lastFiredAt: Date | undefined;
  readonly createdAt: Date;
}
export type NewAlert = Omit<Alert, 'fired' | 'lastFiredAt'>;
export interface AlertChange {
  readonly name: string | undefined;
  readonly enabled: boolean | undefined;
  /** The alert then begins anew on the silent side. */
  readonly threshold: bigint | undefined;
}

export interface AlertFiring {
  readonly number: bigint;
  readonly threshold: bigint;
  readonly value: bigint;
  readonly occurredAt: Date;
}

export type CreateAlertResult = { readonly outcome: 'done'; readonly alert: Alert } | { readonly outcome: 'too_many' | 'no_budget' };

export interface Alerts {
  /** A refusal is not an answer that is kept: the same key may succeed later. @throws request.idempotency_conflict */
  create(command: Keyed & { readonly alert: NewAlert; readonly most: number }): Promise<CreateAlertResult>;
  find(tenantId: string, id: string): Promise<Alert | undefined>;
  list(tenantId: string, page: PageAsk): Promise<{ readonly alerts: readonly Alert[]; readonly nextCursor: string }>;
  /** undefined: no such alert */
  change(tenantId: string, id: string, change: AlertChange, now: Date): Promise<Alert | undefined>;
  remove(tenantId: string, id: string): Promise<boolean>;
  firings(tenantId: string, id: string, page: PageAsk): Promise<{ readonly firings: readonly AlertFiring[]; readonly nextCursor: string }>;
}

export interface WatchedAlert {
  readonly alert: Alert;
  readonly state: AlertState;
  /** In the order in which the values were true. */
  readonly observations: readonly Observation[];
}
export interface AlertFindings {
  readonly watched: WatchedAlert;
  readonly state: AlertState;
  readonly crossings: readonly Crossing[];
  readonly consumed: number;
}
export interface AlertWatch {
  /**
   * Hands the alerts whose value has changed since it was seen to `judge` and keeps what it says: state, history and events of one look together.
   * Alerts that another replica looks at are left to it.
   * @returns how many alerts were looked at
   */
  look(now: Date, limit: number, judge: (watched: WatchedAlert) => AlertFindings): Promise<number>;
}
