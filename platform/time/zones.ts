import { Temporal } from 'temporal-polyfill';

/** Is this the name of an IANA time zone that this machine knows? An offset such as "+02:00" is none: it has no summer. */
export const isTimeZone = (zone: string): boolean => {
  if (!/^[A-Za-z][A-Za-z0-9_+-]*(?:\/[A-Za-z0-9_+-]+)*$/.test(zone)) return false;
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(zone);
    return true;
  } catch {
    return false;
  }
};

const zoned = (at: Date, zone: string): Temporal.ZonedDateTime =>
  Temporal.Instant.fromEpochMilliseconds(at.getTime()).toZonedDateTimeISO(zone);

/**
 * The same local date and time so many months later. A day that the month does not have becomes its last one; a time that
 * a clock change skips becomes the one after the gap, one that comes twice the first of them (RFC 5545's reading).
 * Count from a fixed anchor, never step by step: 31 January + 1 month is 28 February, + 2 months is 31 March.
 */
export const addMonths = (at: Date, zone: string, months: number): Date => new Date(zoned(at, zone).add({ months }).epochMilliseconds);
