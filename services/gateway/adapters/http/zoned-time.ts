/** Times as people in a place write them, with the offset, so that no two are confused when clocks are put back. */
import { minuteMs } from '#platform/time/index.ts';

/** Offsets change at whole quarters of an hour. */
const stepMs = 15 * minuteMs;

/** @returns formats an instant as "2026-11-21T15:30:00.000+07:00"; undefined when there is no such IANA zone */
export const zonedTime = (timeZone: string): ((at: Date) => string) | undefined => {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset', hour: '2-digit' });
  } catch {
    return undefined;
  }
  const offsetAt = (at: Date): string => {
    const name = format.formatToParts(at).find(({ type }) => type === 'timeZoneName')?.value ?? 'GMT';
    return name === 'GMT' ? '+00:00' : name.slice(3);
  };
  const signedMs = (offset: string): number => {
    const [hours = 0, minutes = 0, seconds = 0] = offset.slice(1).split(':').map(Number);
    return (offset.startsWith('-') ? -1 : 1) * ((hours * 60 + minutes) * minuteMs + seconds * 1_000);
  };
  // Rows come in the order of time: the offset of the row before is nearly always that of this one.
  let known: { readonly step: number; readonly offset: string } | undefined;
  return (at) => {
    const step = Math.floor(at.getTime() / stepMs);
    if (known?.step !== step) known = { step, offset: offsetAt(at) };
    const { offset } = known;
    return new Date(at.getTime() + signedMs(offset)).toISOString().slice(0, -1) + offset;
  };
};
