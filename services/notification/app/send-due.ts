/**
 * Sends what is due. The token is asked for at the last moment and kept nowhere, so no database and no event ever holds
 * one. Issuing a token ends the one before it, which decides how a lost answer is treated:
 * - within an attempt the very same mail is repeated under the same key: the mailer sends it once, its token works;
 * - a later attempt (the process died, the outcome could not be noted, or the mailer stayed silent) issues anew and uses
 *   a new key: at worst a second mail arrives, and the newest is the one that works.
 */
import { isAppError } from '#platform/errors/index.ts';
import { addMs, type Clock } from '#platform/time/index.ts';
import { isAccountKind, leaseMs, maxAttempts, retryAt, type Delivery } from '../domain/delivery.ts';
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

const addressFor = async (
  addressees: Addressees,
  delivery: Delivery,
): Promise<Addressed | { readonly outcome: 'unavailable'; readonly reason: string }> => {
  try {
    return await addressees.issue(delivery);
  } catch (error) {
    return { outcome: 'unavailable', reason: isAppError(error) ? error.code : 'unexpected failure' };
  }
};

/**
 * @returns how many were due
 * @throws AggregateError when the store is away; the mails concerned are due again when their lease ends
 */
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
    const mail = render(delivery.kind, { token: to.token, tenantName: to.tenantName, publicUrl, facts: delivery.facts });
    // Without a token every attempt says the same: one key for all of them, and whoever dies between sending and noting it sends no second mail.
    const idempotencyKey = isAccountKind(delivery.kind) ? delivery.id : `${delivery.id}:${delivery.attempts}`;
    const result = await sendOnce(mailer, { ...mail, to: to.email, idempotencyKey });
    if (result.outcome !== 'sent') return later(delivery, `${result.outcome}: ${result.reason}`);
    await deliveries.finish(delivery, 'sent', clock.now(), { recipientMasked: to.emailMasked });
    observer.ended(delivery.kind, 'sent');
  };

  const send = async (delivery: Delivery): Promise<void> => {
    const addressed = await addressFor(addressees, delivery);
    if (addressed.outcome === 'issued') return sendTo(delivery, addressed);
    if (addressed.outcome === 'unavailable') return later(delivery, addressed.reason);
    await deliveries.finish(delivery, 'skipped', clock.now(), { reason: 'not needed any more' });
    observer.ended(delivery.kind, 'skipped');
  };

  return async (): Promise<number> => {
    const now = clock.now();
    const due = await deliveries.claimDue(now, addMs(now, leaseMs), batch);
    // All are waited for, whatever one of them does: who closes the sender must not cut off a mail in the middle.
    const failed = (await Promise.allSettled(due.map(send))).filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    if (failed.length > 0)
      throw new AggregateError(
        failed.map(({ reason }): unknown => reason),
        'outcomes could not be noted; their mails are due again when the lease ends',
      );
    return due.length;
  };
};
