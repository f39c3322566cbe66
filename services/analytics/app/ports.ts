import type { Measurement } from '../domain/figures.ts';
import type { FigureSum, Interval } from '../domain/summary.ts';

/** An event as it is kept, with what it adds to the figures. */
export interface StoredEvent {
  readonly id: string;
  readonly tenantId: string;
  readonly subject: string;
  readonly aggregateId: string;
  readonly aggregateVersion: number;
  readonly occurredAt: Date;
  /** proto3-JSON */
  readonly payload: unknown;
  readonly measurements: readonly Measurement[];
}

export interface EventStore {
  /** Keeps what is not kept yet and adds its measurements to the roll-ups, both or neither. */
  append(events: readonly StoredEvent[]): Promise<void>;
}

export interface Figures {
  /** From the hourly roll-ups; the interval's ends are whole hours. */
  sumHours(tenantId: string, hours: Interval): Promise<readonly FigureSum[]>;
  /** From the events themselves. */
  sumEvents(tenantId: string, interval: Interval): Promise<readonly FigureSum[]>;
}

/** Of one day and one product. */
export interface SpendLine {
  /** YYYY-MM-DD, UTC. */
  readonly day: string;
  readonly product: string;
  readonly currency: string;
  /** Negative: more was given back than taken. */
  readonly micros: bigint;
  readonly charges: bigint;
}
export interface Spend {
  /** From the hourly roll-ups, newest day first; the interval's ends are midnights in UTC. */
  byDay(tenantId: string, days: Interval): Promise<readonly SpendLine[]>;
}

export interface Freshness {
  /** Everything that happened before this moment is in the figures. */
  freshUntil(): Promise<Date>;
}

export interface Audit {
  /** The first figure whose roll-up is not the sum of its events. */
  firstDivergence(): Promise<Divergence | undefined>;
}

export interface Divergence {
  readonly tenantId: string;
  readonly hour: Date;
  readonly figure: string;
  readonly dimension: string;
  readonly rolledUp: string;
  readonly recounted: string;
}
