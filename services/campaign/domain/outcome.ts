/**
 * What follows from a carrier's answer to one message. The table is data, because carriers change their codes; a code
 * that is not listed is permanent, so that an unknown refusal is never repeated.
 */
export type SubmitOutcome =
  /** Every part was taken; one message id per part, in order. */
  | { readonly kind: 'accepted'; readonly messageIds: readonly string[] }
  /** A clear no to part `messageIds.length` (0-based); the parts before it were taken. */
  | { readonly kind: 'rejected'; readonly status: number; readonly messageIds: readonly string[] }
  /** A part went out and its answer never came. It may have been sent: never repeat it. */
  | { readonly kind: 'unknown'; readonly messageIds: readonly string[] }
  /** Nothing was written to the wire: safe to send later. */
  | { readonly kind: 'not-sent' };

export type StatusClass = 'throttled' | 'transient' | 'permanent';

interface StatusRow {
  readonly class: StatusClass;
  readonly reason: string;
}

/** SMPP 3.4 §5.1.3, command_status. */
const statusTable: Readonly<Record<number, StatusRow>> = {
  0x08: { class: 'transient', reason: 'system_error' },
  0x0a: { class: 'permanent', reason: 'invalid_source_address' },
  0x0b: { class: 'permanent', reason: 'invalid_destination' },
  0x0d: { class: 'permanent', reason: 'bind_failed' },
  0x14: { class: 'throttled', reason: 'queue_full' },
  0x33: { class: 'permanent', reason: 'invalid_number_of_destinations' },
  0x45: { class: 'permanent', reason: 'submit_failed' },
  0x48: { class: 'permanent', reason: 'invalid_source_ton' },
  0x50: { class: 'permanent', reason: 'invalid_destination_ton' },
  0x58: { class: 'throttled', reason: 'throttled' },
  0x64: { class: 'transient', reason: 'temporary_error' },
  0x65: { class: 'permanent', reason: 'permanent_error' },
};

export const classifyStatus = (status: number): StatusRow =>
  statusTable[status] ?? { class: 'permanent', reason: `smpp_0x${status.toString(16).padStart(2, '0')}` };

/** Transient refusals of one message before it counts as failed. Throttling does not count. */
const maxTransientRefusals = 5;

export interface Settlement {
  readonly state: 'submitted' | 'failed' | 'unknown' | 'planned';
  readonly messageIds: readonly string[];
  readonly reason: string | undefined;
  /** For `planned`: wait this long before the next claim. */
  readonly retryAfterMs: number;
  /** Whether this refusal counts towards `maxTransientRefusals`. */
  readonly countsAsRefusal: boolean;
}

const backOffMs = (times: number, random: number): number => {
  const ceiling = Math.min(60_000, 1_000 * 2 ** Math.min(times, 6));
  return Math.round(ceiling / 2 + (ceiling / 2) * random);
};

/**
 * @param attempt how often the message was claimed, this time included
 * @param refusals transient refusals counted before
 * @param random 0…1, the jitter
 */
export const settle = (outcome: SubmitOutcome, message: { attempt: number; refusals: number }, random: number): Settlement => {
  const base = { reason: undefined, retryAfterMs: 0, countsAsRefusal: false };
  switch (outcome.kind) {
    case 'accepted':
      return { ...base, state: 'submitted', messageIds: outcome.messageIds };
    case 'unknown':
      return { ...base, state: 'unknown', messageIds: outcome.messageIds, reason: 'no_answer' };
    case 'not-sent':
      return { ...base, state: 'planned', messageIds: [], retryAfterMs: backOffMs(0, random) };
    case 'rejected': {
      const row = classifyStatus(outcome.status);
      const { messageIds } = outcome;
      // A long message of which a part was taken cannot start again: the reader would get that part twice.
      const repeatable = messageIds.length === 0 && row.class !== 'permanent';
      const counts = row.class === 'transient';
      if (!repeatable || (counts && message.refusals + 1 >= maxTransientRefusals)) {
        return { ...base, state: 'failed', messageIds, reason: row.reason };
      }
      const times = counts ? message.refusals : Math.max(0, message.attempt - 1);
      return { ...base, state: 'planned', messageIds, reason: row.reason, retryAfterMs: backOffMs(times, random), countsAsRefusal: counts };
    }
  }
};
