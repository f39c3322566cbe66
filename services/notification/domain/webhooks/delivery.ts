import { addMs, dayMs, hourMs, minuteMs, secondMs } from '#platform/time/index.ts';
import { failingForMs } from './endpoint.ts';

/** pending → delivered | failed; a retry or a replay makes either pending again, under the same id */
export type WebhookStatus = 'pending' | 'delivered' | 'failed';

export interface WebhookDelivery {
  readonly id: string;
  readonly tenantId: string;
  readonly endpointId: string;
  readonly eventId: string;
  readonly eventType: string;
  /** Sealed. */
  readonly body: Uint8Array;
  readonly status: WebhookStatus;
  /** Ever made, the running one too; numbers the claim. */
  readonly attempts: number;
  readonly nextAttemptAt: Date | undefined;
  /** Of the newest answer; 0 when there was none. */
  readonly lastStatus: number;
  readonly lastError: string;
  readonly createdAt: Date;
  readonly endedAt: Date | undefined;
}

export interface Attempt {
  readonly number: number;
  readonly startedAt: Date;
  readonly latencyMs: number;
  /** 0: no answer. */
  readonly status: number;
  readonly error: string;
  /** The first kilobyte of the answer. */
  readonly answer: string;
}

/** What came of one request. No answer has a reason from a closed list, so that it can be a metric's label. */
export type SendResult =
  | { readonly outcome: 'answered'; readonly status: number; readonly answer: string; readonly latencyMs: number }
  | { readonly outcome: 'unanswered'; readonly reason: Unanswered; readonly latencyMs: number };
export type Unanswered = 'timeout' | 'dns' | 'address' | 'tls' | 'connection';

/** Longer than any request takes; after it somebody else takes over from a worker that died. */
export const leaseMs = minuteMs;
export const attemptTimeoutMs = 10 * secondMs;
/** An event without its details waits so long for them, then it is sent without: the customer asks the API. */
export const detailsWaitMs = hourMs;
export const detailsPauseMs = 10 * secondMs;
/** A delivery's first slips alone switch nothing off, however long ago the last success was. */
const triesBeforeDisabling = 3;
export const keptMs = 30 * dayMs;
export const maxReplayed = 10_000;

/** After the first, second … attempt of a round; over three days together. */
const pausesMs = [5 * secondMs, 5 * minuteMs, 30 * minuteMs, ...[2, 5, 10, 14, 20, 24].map((hours) => hours * hourMs)] as const;
export const maxTries = pausesMs.length + 1;

/**
 * @param tries made in this round, at least 1
 * @param chance from 0 to 1: endpoints that failed together shall not be asked together; up to a fifth is added
 * @returns undefined when it was the last
 */
export const retryAt = (now: Date, tries: number, chance: number): Date | undefined => {
  const pauseMs = pausesMs[tries - 1];
  return pauseMs === undefined ? undefined : addMs(now, Math.round(pauseMs * (1 + chance / 5)));
};

/** Whether this failure is the one too many. */
export const isGivenUp = (
  now: Date,
  { tries, failingSince }: { readonly tries: number; readonly failingSince: Date | undefined },
): boolean => tries >= triesBeforeDisabling && failingSince !== undefined && now.getTime() - failingSince.getTime() >= failingForMs;

export type Verdict = 'delivered' | 'gone' | 'failed';

export const judge = (result: SendResult): Verdict => {
  if (result.outcome === 'unanswered') return 'failed';
  if (result.status >= 200 && result.status < 300) return 'delivered';
  return result.status === 410 ? 'gone' : 'failed';
};

const sentences: Readonly<Record<Unanswered, string>> = {
  timeout: 'no answer within 10 seconds',
  dns: 'the name could not be resolved',
  address: 'the address is not a public one',
  tls: 'the certificate or the handshake was not accepted',
  connection: 'the connection failed',
};

/** For the customer. */
export const errorOf = (result: SendResult): string => {
  if (result.outcome === 'unanswered') return sentences[result.reason];
  if (judge(result) === 'delivered') return '';
  return result.status >= 300 && result.status < 400 ? 'redirects are not followed' : `answered ${result.status}`;
};
