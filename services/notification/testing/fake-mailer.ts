import type { Mailer, OutgoingMail } from '../app/ports.ts';
import type { MailFault, MailWorld } from './mailer.contract.ts';

/** A mailer in memory, with faults on demand; passes the same contract as the mailbox. */
export const fakeMailer = (): MailWorld & { readonly mails: readonly OutgoingMail[] } => {
  const mails: OutgoingMail[] = [];
  const faults: MailFault[] = [];
  let away = false;
  const take = (mail: OutgoingMail): void => {
    if (!mails.some(({ idempotencyKey }) => idempotencyKey === mail.idempotencyKey)) mails.push(mail);
  };
  const mailer: Mailer = {
    send: async (mail) => {
      if (away) return { outcome: 'unknown', reason: 'away' };
      const fault = faults.shift();
      if (fault === 'refused') return { outcome: 'refused', reason: 'refused' };
      if (fault === 'silent') return { outcome: 'unknown', reason: 'silent' };
      take(mail);
      return fault === undefined ? { outcome: 'sent' } : { outcome: 'unknown', reason: fault };
    },
  };
  return {
    mailer,
    mails,
    next: async (...more) => void faults.push(...more),
    away: async (on) => void (away = on),
    received: async (to) => mails.filter((mail) => mail.to === to),
  };
};
