/**
 * Answers about verifications whose code has not come, kept while nothing happens to them. Most status reads are a customer's loop asking
 * again and again "is it there?"; this process hears of every event anyway, so it knows when the answer is another one.
 *
 * Only a number that waits, without messages, is kept: nothing in it is secret beyond the number, and all that can go wrong is that "waiting"
 * is said for too long. That time is bounded twice: by the event, normally milliseconds after its commit, and by `keepMs` when the event
 * is lost or late. While the feed is known to be interrupted nothing is served from here. See docs/adr/0073.
 */
import { LRUCache } from 'lru-cache';
import { type Verification, VerificationStatus } from '#proto/namaskah/verification/v1/verification.ts';
import type { LiveFeed } from '../../app/live/ports.ts';
import { edgeId } from './mapping.ts';

const usualKeepMs = 5_000;
const maxBytes = 32 << 20;

interface Kept {
  readonly tenantId: string;
  /** The answer as it goes out. */
  readonly json: string;
}
/** Of all reads of one verification that are under way. */
interface Reading {
  count: number;
  /** Something happened since the first of them began: none may be kept. */
  overtaken: boolean;
}

export interface WaitingAnswers {
  /** @param id as it stands in the address @returns undefined when it has to be read */
  find(tenantId: string, id: string): string | undefined;
  /** Reads, and keeps the answer if it may be kept. */
  read(tenantId: string, id: string, ask: () => Promise<Verification | undefined>): Promise<string>;
  /** Does something to a verification: whoever is told that it is done never sees the state before. */
  change<T>(id: string, act: () => Promise<T>): Promise<T>;
}

const maybeKept = ({ status, messages, phoneNumber }: Verification): boolean =>
  status === VerificationStatus.VERIFICATION_STATUS_WAITING && messages.length === 0 && phoneNumber !== '';

/**
 * @param render the answer as it goes out
 * @param now milliseconds, of a clock that is never set back
 */
export const waitingAnswers = (
  feed: Pick<LiveFeed, 'window' | 'hears'>,
  render: (verification: Verification | undefined) => string,
  { keepMs = usualKeepMs, now = () => performance.now() }: { readonly keepMs?: number; readonly now?: () => number } = {},
): WaitingAnswers => {
  const kept = new LRUCache<string, Kept>({
    maxSize: maxBytes,
    sizeCalculation: ({ json }) => json.length + 300,
    ttl: keepMs,
    perf: { now },
    ttlResolution: 0,
  });
  const readings = new Map<string, Reading>();

  const forget = (id: string): void => {
    kept.delete(id);
    const reading = readings.get(id);
    if (reading !== undefined) reading.overtaken = true;
    readings.delete(id);
  };
  const forgetAll = (): void => {
    kept.clear();
    for (const reading of readings.values()) reading.overtaken = true;
    readings.clear();
  };
  feed.window.watch((event) => {
    if (event === undefined) forgetAll();
    // Nothing is kept of what has just been bought, and that is the most frequent event.
    else if (kept.size > 0 || readings.size > 0) forget(edgeId('verification', event.aggregateId));
  });

  return {
    find: (tenantId, id) => {
      if (!feed.hears()) return undefined;
      const found = kept.get(id);
      return found?.tenantId === tenantId ? found.json : undefined;
    },
    read: async (tenantId, id, ask) => {
      let reading = readings.get(id);
      if (reading === undefined) readings.set(id, (reading = { count: 0, overtaken: false }));
      reading.count += 1;
      try {
        const verification = await ask();
        const json = render(verification);
        if (verification !== undefined && maybeKept(verification) && !reading.overtaken && feed.hears()) kept.set(id, { tenantId, json });
        return json;
      } finally {
        reading.count -= 1;
        if (reading.count === 0 && readings.get(id) === reading) readings.delete(id);
      }
    },
    change: async (id, act) => {
      try {
        return await act();
      } finally {
        // Also when it failed: nobody knows what was done.
        forget(id);
      }
    },
  };
};
