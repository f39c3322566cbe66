import { addMs, hourMs } from '#platform/time/index.ts';

/** Longer than any two zones are apart: a boundary this close to the begin is that of the same month in another zone. */
const settleMs = 36 * hourMs;

const formats = new Map<string, Intl.DateTimeFormat>();
const formatOf = (timeZone: string): Intl.DateTimeFormat => {
  const known = formats.get(timeZone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  formats.set(timeZone, made);
  return made;
};

/** What clocks in the zone show, as if it were UTC. */
const wallClock = (at: Date, timeZone: string): Date => {
  const parts = Object.fromEntries(
    formatOf(timeZone)
      .formatToParts(at)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return new Date(Date.UTC(year, month - 1, day, hour, minute, second));
};

/** The first instant of a month in a zone; also where midnight does not exist because clocks are put forward. */
const monthStart = (year: number, month: number, timeZone: string): Date => {
  const wanted = Date.UTC(year, month, 1);
  let at = wanted;
  // The offset at the guess and the offset at the answer differ only around a change of clocks: twice is enough, thrice is safe.
  for (let count = 0; count < 3; count++) at += wanted - wallClock(new Date(at), timeZone).getTime();
  const shown = wallClock(new Date(at), timeZone).getTime();
  return new Date(shown < wanted ? at + (wanted - shown) : at);
};

/**
 * When the billing period that begins at `from` ends: at the first turn of a month in the tenant's zone. A turn within 36 hours is
 * that of the month before in a zone that the tenant has left: periods follow each other without gap or overlap whatever the zone.
 */
export const periodEnd = (from: Date, timeZone: string): Date => {
  const shown = wallClock(from, timeZone);
  for (let ahead = 1; ; ahead++) {
    const end = monthStart(shown.getUTCFullYear(), shown.getUTCMonth() + ahead, timeZone);
    if (end > addMs(from, settleMs)) return end;
  }
};

/** Of a period, which is half-open. */
export const lastInstant = ({ to }: { readonly to: Date }): Date => addMs(to, -1);

/** "November 2026": the month that most of the period lies in. */
export const periodName = (from: Date, to: Date, timeZone: string): string =>
  new Intl.DateTimeFormat('en-GB', { timeZone, month: 'long', year: 'numeric' }).format(new Date((from.getTime() + to.getTime()) / 2));
