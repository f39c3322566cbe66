import { parseDecimal } from '#platform/money/index.ts';
import type { BalanceOutcome, MarketSource } from '../../app/routing/ports.ts';
import { fieldsOf, parsed } from './fields.ts';
import { textVerifiedName } from './provider.ts';
import { openSession, type SessionOptions } from './session.ts';

/** The balance at TextVerified (account/me). It shows prices one by one only, so it has no list to read: costs are learnt by buying. */
export const createTextVerifiedMarket = (options: Omit<SessionOptions, 'connections'>): MarketSource & { close(): Promise<void> } => {
  const session = openSession({ ...options, connections: 1 });
  return {
    name: textVerifiedName,
    balance: async (): Promise<BalanceOutcome> => {
      const answer = await session.call('account', { path: `${session.base}/account/me` });
      if (answer.kind !== 'answered') return { kind: 'unknown', detail: answer.detail };
      const value = answer.status === 200 ? fieldsOf(parsed(answer.body))?.['currentBalance'] : undefined;
      const micros = typeof value === 'number' && Number.isFinite(value) ? parseDecimal(value.toFixed(6)) : undefined;
      return micros === undefined ? { kind: 'unknown', detail: `HTTP ${answer.status} is no account` } : { kind: 'known', micros };
    },
    offers: undefined,
    close: () => session.close(),
  };
};
