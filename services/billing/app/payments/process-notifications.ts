import { addMs, minuteMs, secondMs } from '#platform/time/index.ts';
import { isUuid } from '#platform/ids/index.ts';
import type { Attempt } from '../../domain/payment.ts';
import type { NotificationInbox, Refunds, StoredNotification } from './ports.ts';
import { recheckRefunds } from './recheck-refunds.ts';
import type { Wake } from '../ports.ts';
import { settlePayment, type SettlePaymentDeps } from './settle-payment.ts';

const batchSize = 32;
/** Longer than a verification call may take; after it another process takes over. */
const leaseMs = minuteMs;
/** After so many tries the regular reconciliation is left to find the truth, of what it looks at: attempts that are pending. */
const maxAttempts = 12;

export type ProcessNotificationsDeps = SettlePaymentDeps & {
  readonly notifications: NotificationInbox;
  readonly refunds: Pick<Refunds, 'hasten' | 'done' | 'sendBack'>;
  readonly wakeDisputes: Wake;
};

/**
 * Works through stored webhooks. Those of a batch that are about one attempt ask the gateway once; what is done is written down together:
 * dying before that only means to look again. @returns how many were looked at; fewer than a full batch means that none is left
 * @throws the first thing that went wrong with one of them, after all others are done with; it is due again after its lease
 */
export const processNotifications = (deps: ProcessNotificationsDeps) => async (): Promise<number> => {
  const { notifications, payments, clock } = deps;
  const now = clock.now();
  const claimed = await notifications.claimDue(now, addMs(now, leaseMs), batchSize);
  if (claimed.length === 0) return 0;
  const references = [...new Set(claimed.map(({ reference }) => reference).filter(isUuid))];
  const attempts = new Map((await payments.findAttempts(references)).map((attempt) => [attempt.id, attempt]));
  const results = await Promise.allSettled([...Map.groupBy(claimed, keyOf).values()].map((alike) => processAlike(deps, alike, attempts)));
  await notifications.finish(
    results.flatMap((each) => (each.status === 'fulfilled' ? each.value.done.map(({ id }) => ({ id, result: each.value.result })) : [])),
    clock.now(),
  );
  const failed = results.find((each) => each.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return claimed.length;
};

const keyOf = ({ gateway, reference, about }: StoredNotification): string => `${gateway} ${about} ${reference}`;

interface Outcome {
  readonly done: readonly StoredNotification[];
  readonly result: string;
}

/** @param alike at least one, all about the same thing */
const processAlike = async (
  deps: ProcessNotificationsDeps,
  alike: readonly StoredNotification[],
  attempts: ReadonlyMap<string, Attempt>,
): Promise<Outcome> => {
  const { notifications, refunds, clock, monitor, wakeRefunds, wakeDisputes } = deps;
  const [first] = alike;
  // It need not name the attempt; the list of disputes does.
  if (first?.about === 'dispute') {
    wakeDisputes();
    return { done: alike, result: 'dispute looked for' };
  }
  const attempt = first && attempts.get(first.reference);
  if (attempt === undefined || attempt.gateway !== first?.gateway) {
    for (const { gateway, eventId } of alike) monitor.notificationUnmatched({ gateway, eventId });
    return { done: alike, result: 'unmatched' };
  }
  if (first.about === 'refund') {
    await refunds.hasten(attempt.id, clock.now());
    wakeRefunds();
    if (await recheckRefunds(deps)(attempt)) return { done: alike, result: 'refund looked for' };
    // One that was done is looked at again only because of its webhook, hence until the gateway answers.
    const now = clock.now();
    await Promise.all(alike.map(({ id, attempts: tries }) => notifications.postpone(id, addMs(now, backOffMs(tries)), 'unknown')));
    return { done: [], result: '' };
  }
  const result = await settlePayment(deps)(attempt);
  if (result === 'settled') return { done: alike, result };
  const now = clock.now();
  // A success after a failure is looked for only because of its webhook, hence until the gateway answers.
  const untiring = result === 'unknown' && attempt.status === 'failed';
  const [again, given] = untiring
    ? [alike, []]
    : [alike.filter((each) => each.attempts < maxAttempts), alike.filter((each) => each.attempts >= maxAttempts)];
  await Promise.all(again.map(({ id, attempts: tries }) => notifications.postpone(id, addMs(now, backOffMs(tries)), result)));
  return { done: given, result: `left to reconciliation: ${result}` };
};

/** 1, 2, 4 … seconds, at most five minutes. */
const backOffMs = (attempts: number): number => Math.min(secondMs * 2 ** Math.max(attempts - 1, 0), 5 * minuteMs);
