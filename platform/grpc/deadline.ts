/**
 * One budget per request. A server answers 20 ms before its caller gives up, so that a time-out deep in the chain is still
 * reported by the hop that noticed it; work that has less than 10 ms left is refused instead of begun.
 *
 * The budget of the call being served stands in the async context: calls that a handler makes take it without being told.
 * It ends with the answer; what a handler leaves running afterwards has its own time.
 */
import { type Context, context, createContextKey } from '@opentelemetry/api';
import { appError } from '#platform/errors/index.ts';

const shaveMs = 20;
const minimumLeftMs = 10;
const serverDefaultMs = 10_000;

export interface Ambient {
  readonly deadline: Date;
  readonly requestId: string;
  answered: boolean;
}

const key = createContextKey('namaskah call');

export const withAmbient = (at: Context, ambient: Ambient): Context => at.setValue(key, ambient);

/** The call that is being served here, while it is not answered. */
export const currentCall = (): Ambient | undefined => {
  const ambient = context.active().getValue(key) as Ambient | undefined;
  return ambient?.answered === false ? ambient : undefined;
};

/** @param received the caller's deadline as grpc-js tells it: Infinity when it sent none */
export const serverDeadline = (received: Date | number, nowMs: number): number => {
  const atMs = typeof received === 'number' ? received : received.getTime();
  return Number.isFinite(atMs) ? atMs - shaveMs : nowMs + serverDefaultMs;
};

/** @throws platform.deadline_exceeded */
export const requireTime = (deadlineMs: number, nowMs: number): void => {
  if (deadlineMs - nowMs < minimumLeftMs) throw appError('platform.deadline_exceeded', { message: 'Too little time was left to begin.' });
};
