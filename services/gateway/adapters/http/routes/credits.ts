import { Type } from 'typebox';
import type { Grant as GrantMessage } from '#proto/namaskah/billing/v1/ledger.ts';
import { readAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions } from '../context.ts';
import { edgeId, fromMoney, fromTime, page, toPage } from '../mapping.ts';
import { closed, Currency, id, pageOf, PageQuery, problems, Timestamp } from '../schemas.ts';
import type { App } from './index.ts';

const Credit = Type.Object(
  {
    id: id('txn'),
    kind: Type.Union([Type.Literal('paid'), Type.Literal('promotional')]),
    priority: Type.Integer({ description: '1 is spent first, 100 last; among equals what expires first, then the oldest', examples: [20] }),
    amount: Type.String({ examples: ['5.00'] }),
    remaining: Type.String({ examples: ['1.25'] }),
    currency: Currency,
    expiresAt: Type.Union([Timestamp, Type.Null()], {
      description: 'What is held then by a running verification or campaign stays until that has ended',
    }),
    createdAt: Timestamp,
  },
  { ...closed, description: 'One credit to the wallet, by the id of its transaction, and what is left of it' },
);

const creditFromProto = (grant: GrantMessage) => ({
  id: edgeId('transaction', grant.id),
  kind: grant.kind as 'paid' | 'promotional',
  priority: grant.priority,
  amount: fromMoney(grant.amount),
  remaining: fromMoney(grant.remaining),
  currency: grant.amount?.currency ?? '',
  expiresAt: fromTime(grant.expiresAt),
  createdAt: fromTime(grant.createdAt) ?? '',
});

export const creditRoutes = (app: App, { credits }: Backends): void => {
  app.get(
    '/v2/wallet/credits',
    {
      config: { access: readAccess('wallet:read') },
      schema: {
        tags: ['wallet'],
        summary: 'What the balance is made of',
        description: 'Newest first; spent and expired credit, too. A refund goes back to the credit that it was taken from.',
        querystring: Type.Object(PageQuery, closed),
        response: { 200: pageOf(Credit), ...problems(403, 422) },
      },
    },
    async (request) => {
      const answer = await credits.listGrants({ page: toPage(request.query) }, callOptions(request));
      return page(answer.grants, answer.nextCursor, creditFromProto);
    },
  );
};
