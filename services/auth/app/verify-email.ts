import { appError } from '#platform/errors/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { emailVerified } from '../domain/facts.ts';
import type { Transactions, Vault } from './ports.ts';

/** Each token works once. @throws auth.invalid_token */
export const verifyEmail =
  (deps: { readonly transactions: Transactions; readonly vault: Vault; readonly clock: Clock }) =>
  async (token: string): Promise<void> => {
    const now = deps.clock.now();
    await deps.transactions.run(async (unit) => {
      const owner = await unit.takeEmailVerification(deps.vault.digest(token), now);
      if (owner === undefined)
        throw appError('auth.invalid_token', { fields: [{ field: 'token', reason: 'is unknown, was used, or has expired' }] });
      if (await unit.markEmailVerified(owner.userId, now)) {
        await unit.record(emailVerified({ tenantId: owner.tenantId, at: now, version: 2 }, owner.userId));
      }
    });
  };
