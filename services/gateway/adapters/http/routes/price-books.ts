import { Type } from 'typebox';
import { operatorAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions, fieldId, idempotencyKeyOf, pathId } from '../context.ts';
import { page, toMoney, toPage, toTime } from '../mapping.ts';
import { Book, BookSummary, content, fromBook, fromWholeBook, Match, Scope, Span, State, toContent, toItem } from '../price-books.ts';
import { fromUnitPrice, UnitPrice } from '../prices.ts';
import { Amount, closed, id, IdempotencyHeaders, pageOf, PageQuery, problems, Timestamp } from '../schemas.ts';
import type { App } from './index.ts';

const tags = ['operators'];
const config = { access: operatorAccess() };
const params = Type.Object({ id: Type.String() });
/** Thousands of rules. */
const bodyLimit = 2 << 20;

/** Price books, for those who run the platform. */
export const priceBookRoutes = (app: App, { priceBooks }: Backends): void => {
  app.get(
    '/v2/admin/price-books',
    {
      config,
      schema: {
        tags,
        summary: 'Versions of price books, newest first',
        description: 'The history of a book: filter by its scope, and plan or tenant.',
        querystring: Type.Object(
          {
            ...PageQuery,
            scope: Type.Optional(Scope),
            plan: Type.Optional(Type.String({ maxLength: 40 })),
            tenantId: Type.Optional(id('ten')),
            state: Type.Optional(State),
          },
          closed,
        ),
        response: { 200: pageOf(BookSummary), ...problems(403, 422) },
      },
    },
    async (request) => {
      const { scope = '', plan = '', state = '', tenantId } = request.query;
      const query = { page: toPage(request.query), scope, plan, state, tenantId: fieldId('tenant', 'tenantId', tenantId) };
      const answer = await priceBooks.listPriceBooks(query, callOptions(request));
      return page(answer.priceBooks, answer.nextCursor, fromBook);
    },
  );
  app.post(
    '/v2/admin/price-books',
    {
      config,
      bodyLimit,
      schema: {
        tags,
        summary: 'Draft the next version of a book',
        headers: IdempotencyHeaders,
        body: Type.Object(
          {
            scope: Scope,
            plan: Type.Optional(Type.String({ maxLength: 40, examples: ['pro'] })),
            tenantId: Type.Optional(id('ten')),
            ...content,
          },
          {
            ...closed,
            examples: [{ scope: 'default', rules: [{ match: { product: 'verification' }, price: { multiple: '1' } }], maxDiscount: '50' }],
          },
        ),
        response: { 201: Book, ...problems(403, 409, 422) },
      },
    },
    async (request, reply) => {
      const { scope, plan = '', tenantId, note = '' } = request.body;
      const call = {
        ...{ idempotencyKey: idempotencyKeyOf(request), scope, plan, note },
        ...{ tenantId: fieldId('tenant', 'tenantId', tenantId), content: toContent(request.body) },
      };
      return reply.code(201).send(fromWholeBook((await priceBooks.createPriceBook(call, callOptions(request))).priceBook));
    },
  );
  app.post(
    '/v2/admin/price-books/try',
    {
      config,
      schema: {
        tags,
        summary: 'What would a tenant pay?',
        description: 'At any time, perhaps by a draft in the place of its book. Changes nothing.',
        body: Type.Object(
          {
            tenantId: id('ten'),
            item: Match,
            listPrice: Type.Optional(Amount),
            floor: Type.Optional(Type.String({ ...Amount, description: 'What it costs us: discounts stop there' })),
            at: Type.Optional(Timestamp),
            draftId: Type.Optional(id('pbk')),
          },
          closed,
        ),
        response: { 200: Type.Object({ plan: Type.String({ examples: ['pro'] }), unit: UnitPrice }, closed), ...problems(403, 404, 422) },
      },
    },
    async (request) => {
      const { tenantId, item, listPrice, floor, at, draftId } = request.body;
      const ask = {
        item: toItem(item),
        listPrice: listPrice === undefined ? undefined : toMoney('listPrice', listPrice),
        floor: floor === undefined ? undefined : toMoney('floor', floor),
      };
      const trial = {
        tenantId: fieldId('tenant', 'tenantId', tenantId),
        draftId: fieldId('priceBook', 'draftId', draftId),
        ask,
        at: toTime(at),
      };
      const { unit, plan } = await priceBooks.tryPrice(trial, callOptions(request));
      return { plan, unit: fromUnitPrice(unit) };
    },
  );
  app.get(
    '/v2/admin/price-books/:id',
    { config, schema: { tags, summary: 'One version with its rules', params, response: { 200: Book, ...problems(403, 404) } } },
    async (request) =>
      fromWholeBook((await priceBooks.getPriceBook({ id: pathId('priceBook', request.params.id) }, callOptions(request))).priceBook),
  );
  app.put(
    '/v2/admin/price-books/:id',
    {
      config,
      bodyLimit,
      schema: {
        tags,
        summary: 'Replace the content of a draft',
        params,
        body: Type.Object({ revision: Type.Integer({ minimum: 1 }), ...content }, closed),
        response: { 200: Book, ...problems(403, 404, 409, 422) },
      },
    },
    async (request) => {
      const { revision, note = '' } = request.body;
      const change = { id: pathId('priceBook', request.params.id), revision, note, content: toContent(request.body) };
      return fromWholeBook((await priceBooks.changePriceBook(change, callOptions(request))).priceBook);
    },
  );
  priceBookDecisions(app, priceBooks);
};

const priceBookDecisions = (app: App, priceBooks: Backends['priceBooks']): void => {
  const span = (request: { params: { id: string }; body: { effectiveFrom?: string; effectiveTo?: string } }) => ({
    id: pathId('priceBook', request.params.id),
    effectiveFrom: toTime(request.body.effectiveFrom),
    effectiveTo: toTime(request.body.effectiveTo),
  });
  const answers = { 200: Book, ...problems(403, 404, 409, 422) };
  app.post(
    '/v2/admin/price-books/:id/publish',
    {
      config,
      schema: {
        tags,
        summary: 'Publish prices of everybody, or of a plan',
        description: 'Atomically: what was effective then ends there. Published prices never change.',
        params,
        body: Type.Object(Span, closed),
        response: answers,
      },
    },
    async (request) => fromWholeBook((await priceBooks.publishPriceBook(span(request), callOptions(request))).priceBook),
  );
  app.post(
    '/v2/admin/price-books/:id/propose',
    {
      config,
      schema: {
        tags,
        summary: "Ask another operator to approve a tenant's prices",
        params,
        body: Type.Object(Span, closed),
        response: answers,
      },
    },
    async (request) => fromWholeBook((await priceBooks.proposePriceBook(span(request), callOptions(request))).priceBook),
  );
  app.post(
    '/v2/admin/price-books/:id/decide',
    {
      config,
      schema: {
        tags,
        summary: 'Approve or reject a proposal',
        description: 'By anybody but who proposed it. Approving publishes it.',
        params,
        body: Type.Object({ approve: Type.Boolean() }, closed),
        response: answers,
      },
    },
    async (request) => {
      const decision = { id: pathId('priceBook', request.params.id), approve: request.body.approve };
      return fromWholeBook((await priceBooks.decidePriceBook(decision, callOptions(request))).priceBook);
    },
  );
  app.post(
    '/v2/admin/price-books/:id/end',
    {
      config,
      schema: {
        tags,
        summary: 'End published prices now',
        description: 'Or strike a version that has not begun. Then the next book on the way tenant, plan, default counts.',
        params,
        response: answers,
      },
    },
    async (request) =>
      fromWholeBook((await priceBooks.endPriceBook({ id: pathId('priceBook', request.params.id) }, callOptions(request))).priceBook),
  );
};
