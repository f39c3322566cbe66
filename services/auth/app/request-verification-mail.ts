import type { Clock } from '#platform/time/index.ts';
import { emailKey } from '../domain/email.ts';
import { emailVerificationRequested } from '../domain/facts.ts';
import { verificationMail } from '../domain/throttle.ts';
import type { Throttle, Transactions } from './ports.ts';

export interface RequestVerificationMailDeps {
  readonly transactions: Transactions;
  readonly throttle: Throttle;
  readonly clock: Clock;
}

/**
 * Asks for a new mail if the address belongs to an unverified account and none was asked for just now. Says nothing
 * about which of these was the case, and does the same counting for unknown addresses.
 */
export const requestVerificationMail =
  (deps: RequestVerificationMailDeps) =>
  async (email: string): Promise<void> => {
    const now = deps.clock.now();
    if ((await deps.throttle.claim([{ policy: verificationMail, subject: emailKey(email) }], now)) > 0) return;
    await deps.transactions.run(async (unit) => {
      const account = await unit.lockAccount(email);
      if (account === undefined || account.emailVerifiedAt !== undefined) return;
      // The token of the mail before dies here; the next is made when the mail is written.
      await unit.dropEmailVerification(account.userId);
      await unit.record(emailVerificationRequested({ tenantId: account.tenantId, at: now }, account.userId));
    });
  };
