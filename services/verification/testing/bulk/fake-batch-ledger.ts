import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import type { BatchLedger } from '../../app/bulk/ports.ts';
import type { FakeLedger } from '../fake-ledger.ts';

export interface FakeBatchLedger extends BatchLedger {
  /** Hold id by batch id. */
  readonly reserved: ReadonlyMap<string, string>;
  /** before: the answer "unknown", nothing happened. after: it happened, the answer got lost. */
  spoil(how: 'before' | 'after'): void;
}

/** The reservations of batches in memory, out of the same wallet as single purchases. */
export const createFakeBatchLedger = (ledger: FakeLedger): FakeBatchLedger => {
  const reserved = new Map<string, string>();
  const spoilt: ('before' | 'after')[] = [];
  return {
    reserved,
    spoil: (how) => void spoilt.push(how),
    reserve: async ({ id, amountMicros }) => {
      const how = spoilt.shift();
      const unknown = { kind: 'unknown', error: appError('platform.deadline_exceeded') } as const;
      if (how === 'before') return unknown;
      const holdId = reserved.get(id) ?? newId();
      if (!reserved.has(id)) {
        if (ledger.balanceMicros < amountMicros) return { kind: 'refused', error: appError('billing.insufficient_credit') };
        ledger.balanceMicros -= amountMicros;
        ledger.wholes.set(holdId, { leftMicros: amountMicros, open: true });
        reserved.set(id, holdId);
      }
      return how === 'after' ? unknown : { kind: 'held', holdId };
    },
    release: async (_batch, holdId) => {
      const how = spoilt.shift();
      if (how === 'before') return 'unknown';
      const whole = ledger.wholes.get(holdId);
      if (whole?.open === true) {
        ledger.balanceMicros += whole.leftMicros;
        whole.leftMicros = 0n;
        whole.open = false;
      }
      return how === 'after' ? 'unknown' : 'done';
    },
  };
};
