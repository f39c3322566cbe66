import { addMs, minuteMs } from '#platform/time/index.ts';

export interface Range {
  readonly before?: string | undefined;
  readonly after?: string | undefined;
  readonly upTo?: string | undefined;
  readonly createdFrom?: Date | undefined;
  readonly createdTo?: Date | undefined;
}

/** Ids rise with time: the range of dates is also a range of ids, by which rows are found; the margin covers clocks that differ. */
const marginMs = 10 * minuteMs;

/** The smallest UUIDv7 of a moment. */
const firstIdOf = (at: Date): string => {
  const hex = Math.max(0, at.getTime()).toString(16).padStart(12, '0').slice(-12);
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
};

/** A page or a range of dates, as conditions on `id` and `created_at`. */
export const rangeOf = ({ before, after, upTo, createdFrom, createdTo }: Range) => {
  const ids = [
    ...(before === undefined ? [] : [{ $lt: before }]),
    ...(after === undefined ? [] : [{ $gt: after }]),
    ...(upTo === undefined ? [] : [{ $lte: upTo }]),
    ...(createdFrom === undefined ? [] : [{ $gte: firstIdOf(addMs(createdFrom, -marginMs)) }]),
    ...(createdTo === undefined ? [] : [{ $lt: firstIdOf(addMs(createdTo, marginMs)) }]),
  ];
  const created = { ...(createdFrom && { $gte: createdFrom }), ...(createdTo && { $lt: createdTo }) };
  return {
    ...(ids.length > 0 && { $and: ids.map((id) => ({ id })) }),
    ...((createdFrom ?? createdTo) && { createdAt: created }),
  };
};
