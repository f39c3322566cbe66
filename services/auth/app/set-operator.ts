import { appError } from '#platform/errors/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { normaliseEmail } from '../domain/email.ts';
import type { Transactions } from './ports.ts';

export interface SetOperatorInput {
  readonly email: string;
  readonly isOperator: boolean;
  /** Who decided: kept with the grant. */
  readonly by: string;
}

/**
 * Makes a person an operator of the platform, or ends that. A grant is in the next access token; an end also ends the
 * person's sessions, so that no token with the right outlives it.
 * @returns false when nothing had to change
 * @throws request.not_found when nobody has this address; request.invalid when it is not verified: it may be a stranger's
 */
export const setOperator =
  (deps: { readonly transactions: Transactions; readonly clock: Clock }) =>
  async ({ email, isOperator, by }: SetOperatorInput): Promise<boolean> => {
    const now = deps.clock.now();
    return await deps.transactions.run(async (unit) => {
      const account = await unit.lockAccount(normaliseEmail(email) ?? '');
      if (account === undefined) throw appError('request.not_found', { message: 'Nobody has this address.' });
      if (isOperator) {
        if (account.emailVerifiedAt === undefined)
          throw appError('request.invalid', { fields: [{ field: 'email', reason: 'is not verified' }] });
        return await unit.addOperator(account.userId, by, now);
      }
      const changed = await unit.removeOperator(account.userId);
      if (changed) await unit.endSessionsOf(account.userId, 'logout', now);
      return changed;
    });
  };
