import { Type } from 'typebox';
import type { Batch as BatchMessage, BatchItem as BatchItemMessage } from '#proto/namaskah/verification/v1/bulk.ts';
import { readAccess, writeAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions, idempotencyKeyOf, pathId } from '../context.ts';
import { edgeId, fromMoney, fromTime, orNull, page, toMoney, toPage, toRoutes } from '../mapping.ts';
import {
  Amount,
  AreaCode,
  Capability,
  closed,
  Currency,
  id,
  IdempotencyHeaders,
  Operator,
  pageOf,
  PageQuery,
  problems,
  Routes,
  Timestamp,
} from '../schemas.ts';
import type { App } from './index.ts';
import { Verification, verificationFromProto } from './verifications.ts';

const count = (description: string, example: number) => Type.Integer({ description, examples: [example] });
const Batch = Type.Object(
  {
    id: id('bat'),
    status: Type.Enum(['buying', 'waiting', 'completed', 'failed'], {
      description: 'waiting: everything is bought that could be, some numbers still wait for codes',
      examples: ['buying'],
    }),
    progress: Type.Object(
      {
        total: count('Numbers asked for', 20),
        pending: count('Not bought yet', 12),
        waiting: count('Bought; no code yet', 5),
        received: count('A code is there', 1),
        completed: count('A code is there, and the number was given back', 1),
        cancelled: count('Cancelled', 0),
        expired: count('No code came in time', 0),
        failed: count('Could not be sold or bought', 1),
      },
      closed,
    ),
    reserved: Type.String({ description: 'Held for all of it at the start', examples: ['5.60'] }),
    charged: Type.String({ description: 'What the codes that came cost, so far', examples: ['0.56'] }),
    currency: Currency,
    cancelAskedAt: Type.Union([Timestamp, Type.Null()]),
    createdAt: Timestamp,
    endedAt: Type.Union([Timestamp, Type.Null()]),
    reason: Type.Union([Type.String(), Type.Null()], { description: 'Error code of a failed batch', examples: [null] }),
  },
  closed,
);
const Item = Type.Object(
  {
    position: Type.Integer({ description: 'In the order of the request, from 1', examples: [1] }),
    service: Type.String({ examples: ['telegram'] }),
    country: Type.String({ examples: ['ID'] }),
    capability: Type.String({ examples: ['sms'] }),
    operator: Type.Union([Type.String(), Type.Null()], { examples: [null] }),
    areaCode: Type.Union([Type.String(), Type.Null()], { examples: [null] }),
    price: Type.Union([Type.String(), Type.Null()], { description: 'null when it could not be sold', examples: ['0.28'] }),
    status: Type.Enum(['pending', 'waiting', 'received', 'completed', 'cancelled', 'expired', 'failed'], { examples: ['received'] }),
    reason: Type.Union([Type.String(), Type.Null()], {
      description: 'Error code that it ended with before there was a number',
      examples: [null],
    }),
    verification: Type.Union([Verification, Type.Null()], { description: 'Without its messages; null until it is bought' }),
  },
  closed,
);
const NewBatch = Type.Object(
  {
    items: Type.Array(
      Type.Object(
        {
          service: Type.String({ minLength: 1, maxLength: 64, examples: ['telegram'] }),
          country: Type.String({ pattern: '^[A-Za-z]{2}$', description: 'ISO 3166-1 alpha-2', examples: ['ID'] }),
          capability: Type.Optional(Capability),
          operator: Type.Optional(Operator),
          areaCode: Type.Optional(AreaCode),
          ...Routes,
          count: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 1, description: 'Numbers of this kind' })),
          maxPrice: Type.Optional(Type.String({ ...Amount, description: 'Of one number: refuse to pay more' })),
        },
        closed,
      ),
      { minItems: 1, maxItems: 100 },
    ),
  },
  {
    ...closed,
    description: '1 to 100 numbers in all',
    examples: [
      {
        items: [
          { service: 'telegram', country: 'ID', count: 10, maxPrice: '0.50' },
          { service: 'whatsapp', country: 'IN' },
        ],
      },
    ],
  },
);

const batchFromProto = (batch: BatchMessage | undefined) => {
  if (batch?.progress === undefined) throw new Error('the verification service answered without a batch');
  return {
    id: edgeId('batch', batch.id),
    status: batch.status as 'buying',
    progress: { ...batch.progress },
    reserved: fromMoney(batch.reserved),
    charged: fromMoney(batch.charged),
    currency: batch.reserved?.currency ?? 'USD',
    cancelAskedAt: fromTime(batch.cancelAskedAt),
    createdAt: fromTime(batch.createdAt) ?? '',
    endedAt: fromTime(batch.endedAt),
    reason: orNull(batch.reason),
  };
};

const itemFromProto = (item: BatchItemMessage) => ({
  position: item.position,
  service: item.service,
  country: item.country,
  capability: item.capability,
  operator: orNull(item.operator),
  areaCode: orNull(item.areaCode),
  price: item.price ? fromMoney(item.price) : null,
  status: item.status as 'pending',
  reason: orNull(item.reason),
  verification: item.verification ? verificationFromProto(item.verification) : null,
});

export const bulkRoutes = (app: App, { bulk }: Backends): void => {
  const tags = ['bulk'];
  app.post(
    '/v2/verifications/bulk',
    {
      config: { access: writeAccess('verifications:write') },
      schema: {
        tags,
        summary: 'Rent many numbers in one order',
        description:
          'The sum of all prices is held first: without credit for it nothing is bought. Numbers are then bought in the background; each is charged when its code comes, and its part of the sum comes back when it ends without one. ' +
          'What cannot be sold is an item that has failed; the others are bought all the same. When every item has its end, the event verification.batch_completed tells it once. ' +
          'An order that could not be reserved in time answers as failed, with the reason platform.unavailable: nothing was bought; order again under a new key.',
        headers: IdempotencyHeaders,
        body: NewBatch,
        response: { 202: Batch, ...problems(402, 403, 409, 422) },
      },
    },
    async (request, reply) => {
      const items = request.body.items.map(
        ({ service, country, capability = 'sms', operator = '', areaCode = '', count = 1, maxPrice, ...wishes }, index) => ({
          ...{ service, country: country.toUpperCase(), capability, operator, areaCode, count },
          routes: toRoutes(wishes),
          maxPrice: maxPrice === undefined ? undefined : toMoney(`items.${index}.maxPrice`, maxPrice),
        }),
      );
      const answer = await bulk.createBatch({ idempotencyKey: idempotencyKeyOf(request), items }, callOptions(request));
      const body = batchFromProto(answer.batch);
      return reply.code(202).header('location', `/v2/verifications/bulk/${body.id}`).send(body);
    },
  );
  app.get(
    '/v2/verifications/bulk',
    {
      config: { access: readAccess('verifications:read') },
      schema: {
        tags,
        summary: 'Bulk orders, newest first',
        querystring: Type.Object(PageQuery, closed),
        response: { 200: pageOf(Batch), ...problems(403, 422) },
      },
    },
    async (request) => {
      const answer = await bulk.listBatches({ page: toPage(request.query) }, callOptions(request));
      return page(answer.batches, answer.nextCursor, batchFromProto);
    },
  );
  app.get(
    '/v2/verifications/bulk/:id',
    {
      config: { access: readAccess('verifications:read') },
      schema: {
        tags,
        summary: 'A bulk order: how far it is, and a page of its items',
        params: Type.Object({ id: Type.String() }),
        querystring: Type.Object(PageQuery, closed),
        response: { 200: Type.Object({ ...Batch.properties, items: pageOf(Item) }, closed), ...problems(403, 404, 422) },
      },
    },
    async (request) => {
      const wanted = { id: pathId('batch', request.params.id), page: toPage(request.query) };
      const answer = await bulk.getBatch(wanted, callOptions(request));
      return { ...batchFromProto(answer.batch), items: page(answer.items, answer.nextCursor, itemFromProto) };
    },
  );
  app.post(
    '/v2/verifications/bulk/:id/cancel',
    {
      config: { access: writeAccess('verifications:write') },
      schema: {
        tags,
        summary: 'Cancel what is left of a bulk order',
        description:
          'Nothing more is bought, and numbers that wait for a code are cancelled in the background; codes that come before that are kept and charged. Repeated, it answers how far it is. 409 once the order has ended.',
        params: Type.Object({ id: Type.String() }),
        body: Type.Optional(Type.Union([Type.Object({}, closed), Type.Null()])),
        response: { 202: Batch, ...problems(403, 404, 409) },
      },
    },
    async (request, reply) => {
      const answer = await bulk.cancelBatch({ id: pathId('batch', request.params.id) }, callOptions(request));
      return reply.code(202).send(batchFromProto(answer.batch));
    },
  );
};
