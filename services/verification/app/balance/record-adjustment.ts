import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import type { Money } from '#platform/money/index.ts';
import { addMs, dayMs, minuteMs } from '#platform/time/index.ts';
import { currency } from '../../domain/catalogue.ts';
import { type Adjustment, adjustmentKinds, type BalancePorts } from './ports.ts';

export interface AdjustmentRequest {
  readonly provider: string;
  readonly kind: string;
  readonly amount: Money | undefined;
  readonly reference: string;
  readonly note: string;
  /** Undefined: now. */
  readonly happenedAt: Date | undefined;
  readonly by: string;
}

/** A million: more than anybody pays in at once, less than what a slip of the keyboard makes of it. */
const mostMicros = 1_000_000_000_000n;
/** What happened before the oldest reading that is counted from is part of it already. */
const backMs = dayMs;

const invalid = (field: string, reason: string): Error => appError('request.invalid', { fields: [{ field, reason }] });

/**
 * Writes down a top-up of our account at a provider, or a correction of what is expected there. Repeatable: a reference is written once.
 * @throws request.not_found for a name that is no provider's, request.invalid, request.idempotency_conflict
 */
export const recordAdjustment =
  ({ balances, providers, clock }: BalancePorts) =>
  async ({ provider, kind, amount, reference, note, happenedAt, by }: AdjustmentRequest): Promise<Adjustment> => {
    if (!providers.includes(provider)) throw appError('request.not_found');
    const known = adjustmentKinds.find((one) => one === kind);
    if (known === undefined) throw invalid('kind', `One of ${adjustmentKinds.join(', ')}.`);
    const micros = amount?.micros ?? 0n;
    if (amount !== undefined && amount.currency !== currency) throw invalid('amount', `Accounts are kept in ${currency}.`);
    if (micros === 0n || micros > mostMicros || micros < -mostMicros) throw invalid('amount', 'Up to a million, and not nothing.');
    if (known === 'top_up' && micros < 0n) throw invalid('amount', 'A top-up is above zero; a correction may be below.');
    if (reference.trim() === '' || reference.length > 100) throw invalid('reference', 'From 1 to 100 characters.');
    if (note.trim() === '' || note.length > 1_000) throw invalid('note', 'Say why, in at most 1000 characters.');
    const now = clock.now();
    const at = happenedAt ?? now;
    if (at > addMs(now, minuteMs)) throw invalid('happenedAt', 'is in the future');
    if (at < addMs(now, -backMs)) throw invalid('happenedAt', 'is more than a day ago: write it down as of now');
    const wanted = { provider, kind: known, amountMicros: micros, reference: reference.trim() };
    const kept = await balances.record({ id: newId(), ...wanted, note: note.trim(), happenedAt: at, recordedAt: now, recordedBy: by });
    if (kept.kind !== known || kept.amountMicros !== micros) throw appError('request.idempotency_conflict');
    return kept;
  };
