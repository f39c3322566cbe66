import { addMs, minuteMs, secondMs } from '#platform/time/index.ts';
import { isUuid } from '#platform/ids/index.ts';
import type { NotificationInbox, Refunds, StoredNotification } from './ports.ts';
import { settlePayment, type SettlePaymentDeps } from './settle-payment.ts';

const batchSize = 20;
/** Longer than a verification call may take; after it another process takes over. */
const leaseMs = minuteMs;
/** After so many tries the regular reconciliation is left to find the truth. */
const maxAttempts = 12;

export type ProcessNotificationsDeps = SettlePaymentDeps & {
  readonly notifications: NotificationInbox;
  readonly refunds: Pick<Refunds, 'hasten'>;
};

/** Works through stored webhooks. @returns how many were looked at; fewer than a full batch means that none is left */
export const processNotifications = (deps: ProcessNotificationsDeps) => async (): Promise<number> => {
  const now = deps.clock.now();
  const claimed = await deps.notifications.claimDue(now, addMs(now, leaseMs), batchSize);
  await Promise.all(claimed.map((notification) => processOne(deps, notification)));
  return claimed.length;
};

const processOne = async (deps: ProcessNotificationsDeps, notification: StoredNotification): Promise<void> => {
  const { notifications, payments, refunds, clock, monitor, wakeRefunds } = deps;
  const { id, gateway, eventId, reference, about, attempts } = notification;
  const attempt = isUuid(reference) ? await payments.findAttempt(reference) : undefined;
  if (attempt === undefined || attempt.gateway !== gateway) {
    monitor.notificationUnmatched({ gateway, eventId });
    await notifications.finish(id, clock.now(), 'unmatched');
    return;
  }
  if (about === 'refund') {
    await refunds.hasten(attempt.id, clock.now());
    wakeRefunds();
    await notifications.finish(id, clock.now(), 'refund looked for');
    return;
  }
  const result = await settlePayment(deps)(attempt);
  const now = clock.now();
  if (result === 'settled') await notifications.finish(id, now, 'settled');
  else if (attempts >= maxAttempts) await notifications.finish(id, now, `left to reconciliation: ${result}`);
  else await notifications.postpone(id, addMs(now, backOffMs(attempts)), result);
};

/** 1, 2, 4 … seconds, at most five minutes. */
const backOffMs = (attempts: number): number => Math.min(secondMs * 2 ** Math.max(attempts - 1, 0), 5 * minuteMs);
