import type { FieldViolation } from '#platform/errors/index.ts';
import { isUuid } from '#platform/ids/index.ts';
import { dayMs, minuteMs } from '#platform/time/index.ts';
import { isMeter, meterNames, type Meter } from './usage-meters.ts';

/** One metered fact. The same (tenant, meter, id) counts once, for ever; the first one said is the one that counts. */
export interface UsageEvent {
  readonly tenantId: string;
  readonly meter: Meter;
  readonly id: string;
  /** Whole units; a negative quantity takes back what an earlier event said too much. */
  readonly quantity: bigint;
  readonly occurredAt: Date;
  readonly properties: Readonly<Record<string, string>>;
}

export interface ReportedEvent {
  readonly tenantId: string;
  readonly meter: string;
  readonly id: string;
  readonly quantity: bigint;
  readonly occurredAt: Date | undefined;
  readonly properties: Readonly<Record<string, string>>;
}

export const maxEventsPerCall = 1_000;
/** Stripe's bounds too: older than any period that is still looked at, newer than clocks differ. */
const oldestMs = 35 * dayMs;
const newestMs = 5 * minuteMs;
const maxQuantity = 1_000_000_000_000n;
const maxIdLength = 255;
const maxProperties = 10;
const maxPropertyLength = 200;

const propertiesFault = (properties: Readonly<Record<string, string>>): string | undefined => {
  const entries = Object.entries(properties);
  if (entries.length > maxProperties) return `at most ${maxProperties} properties`;
  return entries.some(([key, value]) => key === '' || key.length > 64 || value.length > maxPropertyLength)
    ? `names of 1 to 64 and values of at most ${maxPropertyLength} characters`
    : undefined;
};

/** @returns the event, or the first field that is wrong and why */
export const checkEvent = (event: ReportedEvent, now: Date): UsageEvent | FieldViolation => {
  const { tenantId, meter, id, quantity, occurredAt, properties } = event;
  if (!isUuid(tenantId)) return { field: 'tenant_id', reason: 'must be a UUID' };
  if (!isMeter(meter)) return { field: 'meter', reason: `must be one of ${meterNames.join(', ')}` };
  if (id.length < 1 || id.length > maxIdLength) return { field: 'id', reason: `must have 1 to ${maxIdLength} characters` };
  if (quantity === 0n || quantity > maxQuantity || quantity < -maxQuantity)
    return { field: 'quantity', reason: `must be a whole number, not 0, at most ${maxQuantity} either way` };
  if (occurredAt === undefined) return { field: 'occurred_at', reason: 'is required' };
  const ageMs = now.getTime() - occurredAt.getTime();
  if (Number.isNaN(ageMs) || ageMs > oldestMs || -ageMs > newestMs)
    return { field: 'occurred_at', reason: 'must lie between 35 days ago and 5 minutes ahead' };
  const fault = propertiesFault(properties);
  if (fault !== undefined) return { field: 'properties', reason: fault };
  return { tenantId, meter, id, quantity, occurredAt, properties };
};

export const isFault = (checked: UsageEvent | FieldViolation): checked is FieldViolation => 'field' in checked;
