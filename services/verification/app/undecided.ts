import type { ErrorCode } from '#platform/errors/index.ts';

/** After these nobody knows whether what was asked for has happened. Every other error is a considered answer. */
export const undecidedCodes: ReadonlySet<ErrorCode> = new Set([
  'platform.unavailable',
  'platform.overloaded',
  'platform.deadline_exceeded',
  'platform.internal',
  'request.cancelled',
  'request.idempotency_in_progress',
]);
