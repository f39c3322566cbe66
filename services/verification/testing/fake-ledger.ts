import { appError } from '#platform/errors/index.ts';
import type { HoldOutcome, Ledger } from '../app/ports.ts';

/** The reservation of a batch, as far as parts are taken from it. */
export interface Whole {
  leftMicros: bigint;
  open: boolean;
}

export interface FakeLedger extends Ledger {
  /** Hold id by verification id. */
  readonly holds: ReadonlyMap<string, { readonly holdId: string; readonly amountMicros: bigint; readonly request: string }>;
  /** Those of batches, by hold id. */
  readonly wholes: Map<string, Whole>;
  balanceMicros: bigint;
  /** Holds that were given back by their id. */
  readonly givenBack: string[];
  spoil(how: 'before' | 'after'): void;
  calls: number;
}

/** Billing in memory: idempotent by verification, like the real one. */
export const createFakeLedger = (): FakeLedger => {
  const holds = new Map<string, { holdId: string; amountMicros: bigint; request: string }>();
  const wholes = new Map<string, Whole>();
  const spoilt: ('before' | 'after')[] = [];
  const unknown: HoldOutcome = { kind: 'unknown', error: appError('platform.deadline_exceeded') };
  /** Out of a batch's reservation, or out of the wallet. @returns why not */
  const take = (micros: bigint, fromHoldId: string | undefined): HoldOutcome | undefined => {
    if (fromHoldId === undefined) {
      if (ledger.balanceMicros < micros) return { kind: 'refused', error: appError('billing.insufficient_credit') };
      ledger.balanceMicros -= micros;
      return undefined;
    }
    const whole = wholes.get(fromHoldId);
    if (whole === undefined) return { kind: 'refused', error: appError('request.not_found') };
    if (!whole.open) return { kind: 'refused', error: appError('billing.hold_released') };
    if (whole.leftMicros < micros) return { kind: 'refused', error: appError('billing.capture_exceeds_hold') };
    whole.leftMicros -= micros;
    return undefined;
  };
  const ledger: FakeLedger = {
    holds,
    wholes,
    balanceMicros: 1_000_000_000n,
    calls: 0,
    spoil: (how) => void spoilt.push(how),
    givenBack: [],
    giveBack: async (_tenantId, holdId) => {
      const how = spoilt.shift();
      if (how === 'before') return false;
      const held = [...holds.values()].find((hold) => hold.holdId === holdId);
      if (!ledger.givenBack.includes(holdId)) ledger.balanceMicros += held?.amountMicros ?? 0n;
      ledger.givenBack.push(holdId);
      return how === undefined;
    },
    placeHold: async ({ tenantId, verificationId: id, code, lateMessage, amount, quoteId = '', fromHoldId, description, expiresAt }) => {
      ledger.calls += 1;
      const how = spoilt.shift();
      if (how === 'before') return unknown;
      const further = code === undefined ? id : `${id}:${code.position}:${code.askedAt}`;
      const verificationId = lateMessage !== undefined ? `${id}:late:${lateMessage}` : further;
      const request = [tenantId, amount.micros, quoteId, fromHoldId ?? '', description, expiresAt.toISOString()].join('|');
      const known = holds.get(verificationId);
      if (known && known.request !== request) return { kind: 'refused', error: appError('request.idempotency_conflict') };
      if (!known) {
        const refused = take(amount.micros, fromHoldId);
        if (refused) return refused;
        holds.set(verificationId, { holdId: `hold-${holds.size + 1}`, amountMicros: amount.micros, request });
      }
      return how === 'after' ? unknown : { kind: 'held', holdId: holds.get(verificationId)?.holdId ?? '' };
    },
  };
  return ledger;
};
