import { Type } from 'typebox';
import { readAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions } from '../context.ts';
import { fromMoney, fromTime } from '../mapping.ts';
import { closed, Currency, problems, SignedAmount, Timestamp } from '../schemas.ts';
import type { App } from './index.ts';

const Wallet = Type.Object(
  {
    currency: Currency,
    balance: SignedAmount,
    held: Type.String({ description: 'Promised to running verifications and campaigns' }),
    available: Type.String({ description: 'balance minus held: what can be spent' }),
    paid: Type.String({ description: 'The part of the balance that was paid for', examples: ['12.05'] }),
    promotional: Type.String({ description: 'The part of the balance that was given; it is spent first', examples: ['0.50'] }),
    nextExpiry: Type.Union([Type.Object({ at: Timestamp, amount: Type.String({ examples: ['0.50'] }) }, closed), Type.Null()], {
      description: 'What expires next, unless it is spent before',
    }),
  },
  closed,
);
export const walletRoutes = (app: App, { wallet }: Pick<Backends, 'wallet'>): void => {
  const tags = ['wallet'];
  app.get(
    '/v2/wallet',
    { config: { access: readAccess('wallet:read') }, schema: { tags, summary: 'Balance', response: { 200: Wallet, ...problems(403) } } },
    async (request) => {
      const answer = await wallet.getWallet({}, callOptions(request));
      return {
        currency: answer.currency,
        balance: fromMoney(answer.balance),
        held: fromMoney(answer.held),
        available: fromMoney(answer.available),
        paid: fromMoney(answer.paid),
        promotional: fromMoney(answer.promotional),
        nextExpiry: answer.nextExpiry ? { at: fromTime(answer.nextExpiry.at) ?? '', amount: fromMoney(answer.nextExpiry.amount) } : null,
      };
    },
  );
};
