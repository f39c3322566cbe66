import { appError, type FieldViolation } from '#platform/errors/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { checkEvent, isFault, maxEventsPerCall, type ReportedEvent, type UsageEvent } from '../../domain/usage-events.ts';
import type { UsageLog, UsagePeriods, UsageSubscriptions } from './ports.ts';

export interface RecordDependencies {
  readonly log: UsageLog;
  readonly periods: UsagePeriods;
  readonly subscriptions: UsageSubscriptions;
  readonly clock: Clock;
}
export interface RecordResult {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejections: readonly (FieldViolation & { readonly index: number })[];
}

/** One event of each (tenant, month) opens the periods of all the others: enough rounds for a call that spans the bounds of time and some. */
const maxRounds = 8;

const openPeriods = async ({ periods, subscriptions }: RecordDependencies, unplaced: readonly UsageEvent[]): Promise<void> => {
  const firstOf = new Map<string, UsageEvent>();
  for (const event of unplaced) if (!firstOf.has(event.tenantId)) firstOf.set(event.tenantId, event);
  for (const { tenantId, occurredAt } of firstOf.values()) {
    const [zone, billed] = await Promise.all([subscriptions.zoneOf(tenantId), subscriptions.periodOf(tenantId, occurredAt)]);
    await periods.open(tenantId, occurredAt, { zone, billed });
  }
};

/** Records events that are known to be right: those of this platform's own facts. */
export const recordChecked =
  (dependencies: RecordDependencies) =>
  async (events: readonly UsageEvent[]): Promise<{ readonly accepted: number; readonly duplicates: number }> => {
    let accepted = 0;
    let duplicates = 0;
    let left = events;
    for (let round = 0; left.length > 0; round++) {
      if (round === maxRounds) throw appError('platform.internal', { cause: `${left.length} usage events fit into no period` });
      const recorded = await dependencies.log.record(left, dependencies.clock.now());
      accepted += recorded.accepted;
      duplicates += recorded.duplicates;
      left = recorded.unplaced;
      if (left.length > 0) await openPeriods(dependencies, left);
    }
    return { accepted, duplicates };
  };

/**
 * Metered events of any tenants. Each counts once for ever by (tenant, meter, id), so that a call whose answer was lost is repeated as it was.
 * A late event goes to the period that it belongs to, also when that is over; what it costs is charged then.
 * @returns how many were new, how many were known, and which were refused and why
 * @throws request.invalid when there are too many or none
 */
export const recordUsage =
  (dependencies: RecordDependencies) =>
  async (reported: readonly ReportedEvent[]): Promise<RecordResult> => {
    if (reported.length < 1 || reported.length > maxEventsPerCall)
      throw appError('request.invalid', { fields: [{ field: 'events', reason: `Send 1 to ${maxEventsPerCall}.` }] });
    const now = dependencies.clock.now();
    const rejections: (FieldViolation & { readonly index: number })[] = [];
    const events: UsageEvent[] = [];
    for (const [index, each] of reported.entries()) {
      const checked = checkEvent(each, now);
      if (isFault(checked)) rejections.push({ index, ...checked });
      else events.push(checked);
    }
    return { ...(await recordChecked(dependencies)(events)), rejections };
  };
