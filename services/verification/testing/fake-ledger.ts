import { appError } from '#platform/errors/index.ts';
import type { HoldOutcome, Ledger } from '../app/ports.ts';

export interface FakeLedger extends Ledger {
  /** Hold id by verification id. */
  readonly holds: ReadonlyMap<string, { readonly holdId: string; readonly amountMicros: bigint; readonly request: string }>;
  balanceMicros: bigint;
  spoil(how: 'before' | 'after'): void;
  calls: number;
}

/** Billing in memory: idempotent by verification, like the real one. */
export const createFakeLedger = (): FakeLedger => {
  const holds = new Map<string, { holdId: string; amountMicros: bigint; request: string }>();
  const spoilt: ('before' | 'after')[] = [];
  const unknown: HoldOutcome = { kind: 'unknown', error: appError('platform.deadline_exceeded') };
  const ledger: FakeLedger = {
    holds,
    balanceMicros: 1_000_000_000n,
    calls: 0,
    spoil: (how) => void spoilt.push(how),
    placeHold: async ({ tenantId, verificationId, amount, quoteId = '', description, expiresAt }) => {
      ledger.calls += 1;
      const how = spoilt.shift();
      if (how === 'before') return unknown;
      const request = [tenantId, amount.micros, quoteId, description, expiresAt.toISOString()].join('|');
      const known = holds.get(verificationId);
      if (known && known.request !== request) return { kind: 'refused', error: appError('request.idempotency_conflict') };
      if (!known) {
        if (ledger.balanceMicros < amount.micros) return { kind: 'refused', error: appError('billing.insufficient_credit') };
        ledger.balanceMicros -= amount.micros;
        holds.set(verificationId, { holdId: `hold-${holds.size + 1}`, amountMicros: amount.micros, request });
      }
      return how === 'after' ? unknown : { kind: 'held', holdId: holds.get(verificationId)?.holdId ?? '' };
    },
  };
  return ledger;
};
