import { Type } from 'typebox';
import { appError } from '#platform/errors/index.ts';
import { readAccess, writeAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions, pathId } from '../context.ts';
import { fromMoney, page, toPage } from '../mapping.ts';
import { fromMarket, marketFields, noMarket } from '../market.ts';
import { Explanation, fromExplanation, fromQuote, Item, Quote } from '../prices.ts';
import { Capability, closed, Currency, Operator, pageOf, PageQuery, problems } from '../schemas.ts';
import type { App } from './index.ts';

const Country = Type.String({ pattern: '^[A-Za-z]{2}$', description: 'ISO 3166-1 alpha-2', examples: ['ID'] });
const Service = Type.String({ minLength: 1, maxLength: 64, description: 'Code of the catalogue', examples: ['telegram'] });
const idParams = Type.Object({ id: Type.String() });

export const priceRoutes = (app: App, { catalog, campaigns, prices }: Backends): void => {
  const tags = ['prices'];
  app.get(
    '/v2/prices',
    {
      config: { access: readAccess('catalog:read') },
      schema: {
        tags,
        summary: 'What things cost you',
        description:
          'Your own prices: by your own price book, that of your plan, or the default one, less your discounts. Not a promise: see quotes.',
        querystring: Type.Object(
          {
            ...PageQuery,
            product: Type.Optional(
              Type.Enum(['verification', 'campaign'], {
                description: 'verification, if left out; campaign (one segment of a message) needs a country',
              }),
            ),
            service: Type.Optional(Service),
            country: Type.Optional(Country),
          },
          closed,
        ),
        response: {
          200: pageOf(Type.Object({ item: Item, price: Type.String({ examples: ['0.30'] }), currency: Currency, ...marketFields }, closed)),
          ...problems(403, 422),
        },
      },
    },
    async (request) => {
      const { product = 'verification', service = '', country = '' } = request.query;
      if (product === 'campaign') {
        if (country === '') throw appError('request.invalid', { fields: [{ field: 'country', reason: 'is required for messages' }] });
        const { price, ...where } = await campaigns.getMessagePrice({ country: country.toUpperCase() }, callOptions(request));
        const item = { ...where, product, service: null, capability: 'sms', operator: null, duration: null, segments: null };
        return { data: [{ item, price: fromMoney(price), currency: price?.currency ?? '', ...noMarket }], nextCursor: null };
      }
      const query = { page: toPage(request.query), service, country: country.toUpperCase() };
      const answer = await catalog.listPrices(query, callOptions(request));
      return page(answer.prices, answer.nextCursor, ({ price, market, ...item }) => ({
        item: { ...item, product: 'verification', operator: null, duration: null, segments: null },
        price: fromMoney(price),
        currency: price?.currency ?? '',
        ...fromMarket(market),
      }));
    },
  );
  app.post(
    '/v2/quotes',
    {
      config: { access: writeAccess('verifications:write') },
      schema: {
        tags,
        summary: 'Ask for a promised price',
        description:
          'Name the quote when you buy (quoteId) and that is what you pay, whatever happens to prices meanwhile; as often as you like until it expires. While nothing changes, the same question gets the same quote with a later expiry.',
        body: Type.Object(
          {
            ...{
              product: Type.Literal('verification'),
              service: Service,
              country: Country,
              capability: Type.Optional(Capability),
            },
            operator: Type.Optional(Operator),
          },
          { ...closed, examples: [{ product: 'verification', service: 'telegram', country: 'ID' }] },
        ),
        response: { 201: Quote, ...problems(403, 422) },
      },
    },
    async (request, reply) => {
      const { service, country, capability = 'sms', operator = '' } = request.body;
      const options = callOptions(request);
      const { quoteId } = await catalog.quotePrice({ service, country: country.toUpperCase(), capability, operator }, options);
      const body = fromQuote((await prices.getQuote({ id: quoteId }, options)).quote);
      return reply.code(201).header('location', `/v2/quotes/${body.id}`).send(body);
    },
  );
  app.get(
    '/v2/quotes/:id',
    {
      config: { access: readAccess('verifications:read') },
      schema: { tags, summary: 'One quote, line by line', params: idParams, response: { 200: Quote, ...problems(403, 404) } },
    },
    async (request) => fromQuote((await prices.getQuote({ id: pathId('quote', request.params.id) }, callOptions(request))).quote),
  );
  app.get(
    '/v2/transactions/:id/explain',
    {
      config: { access: readAccess('transactions:read') },
      schema: {
        tags,
        summary: 'Why an entry of the wallet is what it is',
        description: 'The charge, what was reserved for it, the quote it was bought by, and that price line by line.',
        params: idParams,
        response: { 200: Explanation, ...problems(403, 404) },
      },
    },
    async (request) => {
      const charge = { $case: 'transactionId', value: pathId('transaction', request.params.id) } as const;
      return fromExplanation(await prices.explainCharge({ charge }, callOptions(request)));
    },
  );
  app.get(
    '/v2/verifications/:id/price',
    {
      config: { access: readAccess('transactions:read') },
      schema: {
        tags,
        summary: 'How the price of a verification came about',
        params: idParams,
        response: { 200: Explanation, ...problems(403, 404) },
      },
    },
    async (request) => {
      const charge = {
        $case: 'purchase',
        value: { product: 'verification', reference: pathId('verification', request.params.id) },
      } as const;
      return fromExplanation(await prices.explainCharge({ charge }, callOptions(request)));
    },
  );
};

/** The quote that a body names. A text that is no such id names nothing. */
export const quoteIdOf = (text: string | undefined): string | undefined => (text === undefined ? undefined : pathId('quote', text));
