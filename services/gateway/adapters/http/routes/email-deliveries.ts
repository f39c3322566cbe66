import { Type } from 'typebox';
import { readAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions } from '../context.ts';
import { edgeId, fromTime, orNull, page, toPage } from '../mapping.ts';
import { closed, id, pageOf, PageQuery, problems, Timestamp } from '../schemas.ts';
import type { App } from './index.ts';

const Delivery = Type.Object(
  {
    id: id('dlv'),
    kind: Type.String({ examples: ['email.invitation'] }),
    recipient: Type.Union([Type.String({ examples: ['a***@example.com'] }), Type.Null()], {
      description: 'Masked; null until it was sent',
    }),
    status: Type.String({ description: 'pending, sent, skipped or failed' }),
    attempts: Type.Integer(),
    createdAt: Timestamp,
    sentAt: Type.Union([Timestamp, Type.Null()]),
  },
  closed,
);

/** "Did my invitation go out?" */
export const emailDeliveryRoutes = (app: App, { notifications }: Backends): void => {
  app.get(
    '/v2/email-deliveries',
    {
      config: { access: readAccess('members:read') },
      schema: {
        tags: ['auth'],
        summary: 'Mails sent for this tenant, newest first',
        querystring: Type.Object(PageQuery, closed),
        response: { 200: pageOf(Delivery), ...problems(403, 422) },
      },
    },
    async (request) => {
      const answer = await notifications.listDeliveries({ page: toPage(request.query) }, callOptions(request));
      return page(answer.deliveries, answer.nextCursor, ({ id: uuid, kind, recipientMasked, status, attempts, createdAt, sentAt }) => ({
        id: edgeId('delivery', uuid),
        kind,
        recipient: orNull(recipientMasked),
        status,
        attempts,
        createdAt: fromTime(createdAt) ?? '',
        sentAt: fromTime(sentAt),
      }));
    },
  );
};
