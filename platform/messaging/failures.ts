import { JetStreamApiError } from '@nats-io/jetstream';

/** JetStream answers that no repetition changes: the row itself is at fault. */
const rowFaultCodes = new Set([
  10054, // message size exceeds maximum allowed
  10049, // headers are malformed or disabled
  10060, // expected stream does not match
]);
const rowFaultTexts = /max.?payload|size exceeded|invalid subject|subject is required|invalid header/i;

/** Whose fault is it that a row was not published: its own, or that of the way to the stream? */
export const isRowFault = (error: unknown): boolean => {
  if (error instanceof JetStreamApiError) return rowFaultCodes.has(error.code);
  return error instanceof Error && rowFaultTexts.test(error.message);
};

export const isNotFound = (error: unknown): boolean => error instanceof JetStreamApiError && error.status === 404;

export const errorText = (error: unknown): string =>
  (error instanceof Error ? `${error.name}: ${error.message}` : String(error)).slice(0, 500);
