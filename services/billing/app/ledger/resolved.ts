import { appError } from '#platform/errors/index.ts';
import type { Hold } from '../../domain/hold.ts';
import type { ResolveResult } from './ports.ts';

const errors = {
  not_found: 'request.not_found',
  idempotency_conflict: 'request.idempotency_conflict',
  hold_captured: 'billing.hold_captured',
  hold_released: 'billing.hold_released',
  hold_expired: 'billing.hold_expired',
  capture_exceeds_hold: 'billing.capture_exceeds_hold',
} as const;

/** The hold after a capture or release, or the error that the outcome stands for. */
export const resolvedHold = (result: ResolveResult): Hold => {
  if (result.outcome === 'done' || result.outcome === 'replayed') return result.hold;
  throw appError(errors[result.outcome]);
};
