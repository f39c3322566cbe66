/**
 * Sends what is due. The token is asked for at the last moment and kept nowhere, so no database and no event ever holds
 * one. Issuing a token ends the one before it, which decides how a lost answer is treated:
 * - within an attempt the very same mail is repeated under the same key: the mailer sends it once, its token works;
 * - a later attempt (the process died, or the mailer stayed silent) issues anew and uses a new key: at worst a second
 *   mail arrives, and the newest is the one that works.
 */
import { isAppError } from '#platform/errors/index.ts';
import { addMs, type Clock } from '#platform/time/index.ts';
import { leaseMs, maxAttempts, retryAt, type Delivery } from '../domain/delivery.ts';
import { render } from '../domain/mails.ts';
import type { Addressed, Addressees, Deliveries, Mailer, MailOutcome, OutgoingMail, SendObserver } from './ports.ts';

export interface SendDueDependencies {
  readonly deliveries: Deliveries;
  readonly addressees: Addressees;
  readonly mailer: Mailer;
  readonly clock: Clock;
  readonly observer: SendObserver;
  readonly publicUrl: string;
  readonly retryFirstMs: number;
}

const batch = 20;
const repetitions = 3;

const sendOnce = async (mailer: Mailer, mail: OutgoingMail): Promise<MailOutcome> => {
  let last: MailOutcome = { outcome: 'unknown', reason: 'not tried' };
  for (let count = 0; count < repetitions; count++) {
    last = await mailer.send(mail);
    if (last.outcome !== 'unknown') return last;
  }
  return last;
};

/** @returns how many were due */
export const sendDue = (dependencies: SendDueDependencies) => {
  const { deliveries, addressees, mailer, clock, observer, publicUrl, retryFirstMs } = dependencies;

  const later = async (delivery: Delivery, reason: string): Promise<void> => {
    if (delivery.attempts >= maxAttempts) {
      await deliveries.finish(delivery, 'failed', clock.now(), { reason });
      observer.ended(delivery.kind, 'failed', reason);
    } else {
      await deliveries.retry(delivery, retryAt(clock.now(), delivery.attempts, retryFirstMs), reason);
      observer.ended(delivery.kind, 'retry', reason);
    }
  };

  const sendTo = async (delivery: Delivery, to: Extract<Addressed, { outcome: 'issued' }>): Promise<void> => {
    const mail = render(delivery.kind, { token: to.token, tenantName: to.tenantName, publicUrl });
    const result = await sendOnce(mailer, { ...mail, to: to.email, idempotencyKey: `${delivery.id}:${delivery.attempts}` });
    if (result.outcome !== 'sent') return later(delivery, `${result.outcome}: ${result.reason}`);
    await deliveries.finish(delivery, 'sent', clock.now(), { recipientMasked: to.emailMasked });
    observer.ended(delivery.kind, 'sent');
  };

  const send = async (delivery: Delivery): Promise<void> => {
    try {
      const addressed = await addressees.issue(delivery);
      if (addressed.outcome === 'issued') return await sendTo(delivery, addressed);
      await deliveries.finish(delivery, 'skipped', clock.now(), { reason: 'not needed any more' });
      observer.ended(delivery.kind, 'skipped');
    } catch (error) {
      await later(delivery, isAppError(error) ? error.code : 'unexpected failure');
    }
  };

  return async (): Promise<number> => {
    const now = clock.now();
    const due = await deliveries.claimDue(now, addMs(now, leaseMs), batch);
    await Promise.all(due.map(send));
    return due.length;
  };
};
