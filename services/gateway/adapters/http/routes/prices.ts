import { Type } from 'typebox';
import { appError } from '#platform/errors/index.ts';
import { isUuid } from '#platform/ids/index.ts';
import type { ExplainChargeResponse, Price as PriceMessage, PriceItem, Quote as QuoteMessage } from '#proto/namaskah/billing/v1/prices.ts';
import { readAccess, writeAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions, pathId } from '../context.ts';
import { edgeId, fromMoney, fromTime, orNull, page, toPage } from '../mapping.ts';
import { closed, Currency, id, pageOf, PageQuery, problems, type Static, Timestamp } from '../schemas.ts';
import type { App } from './index.ts';

const Country = Type.String({ pattern: '^[A-Za-z]{2}$', description: 'ISO 3166-1 alpha-2', examples: ['ID'] });
const Service = Type.String({ minLength: 1, maxLength: 64, description: 'Code of the catalogue', examples: ['telegram'] });
const nothing = Type.Null();

export const Item = Type.Object(
  {
    product: Type.String({ examples: ['verification'] }),
    service: Type.Union([Type.String({ examples: ['telegram'] }), nothing]),
    country: Type.Union([Type.String({ examples: ['ID'] }), nothing]),
    capability: Type.Union([Type.String({ examples: ['sms'] }), nothing]),
    operator: Type.Union([Type.String(), nothing]),
    duration: Type.Union([Type.String({ examples: ['30d'] }), nothing]),
    segments: Type.Union([Type.Integer(), nothing]),
  },
  closed,
);
export const UnitPrice = Type.Object(
  {
    price: Type.String({ examples: ['0.30'] }),
    currency: Currency,
    lines: Type.Array(
      Type.Object(
        {
          kind: Type.Enum(['list', 'rule', 'plan_discount', 'volume_discount', 'promotion', 'cap', 'floor', 'rounding']),
          label: Type.String({ examples: ['20 % off by plan pro'] }),
          amount: Type.String({ description: 'Exact, up to 18 decimals', examples: ['-0.074'] }),
        },
        closed,
      ),
      { description: 'How it came about; the lines add up to the price, exactly' },
    ),
    book: Type.String({ description: 'The price book whose rule applied: default, of a plan, or your own', examples: ['default'] }),
    version: Type.Integer({ examples: [3] }),
  },
  closed,
);
const Quote = Type.Object(
  {
    id: id('quo'),
    total: Type.String({ examples: ['0.30'] }),
    currency: Currency,
    plan: Type.String({ description: 'Your plan when it was made', examples: ['pro'] }),
    items: Type.Array(
      Type.Object({ item: Item, quantity: Type.Integer(), unit: UnitPrice, amount: Type.String({ examples: ['0.30'] }) }, closed),
    ),
    expiresAt: Timestamp,
    createdAt: Timestamp,
  },
  closed,
);
const Explanation = Type.Object(
  {
    explanation: Type.String({ description: 'In words: what is known, and what is not' }),
    description: Type.String({ examples: ['Telegram code, Indonesia'] }),
    product: Type.String({ examples: ['verification'] }),
    reference: Type.Union([Type.String({ examples: ['ver_01kaj4p1ncf5sv5nh2e4t2x9wd'] }), nothing]),
    charges: Type.Array(Type.Object({ transactionId: id('txn'), type: Type.String(), amount: Type.String(), at: Timestamp }, closed)),
    held: Type.Union([Type.String(), nothing], { description: 'What was reserved for it' }),
    charged: Type.Union([Type.String(), nothing], { description: 'What of that was charged' }),
    currency: Type.Union([Currency, nothing]),
    quote: Type.Union([Quote, nothing], { description: 'The promise that it was bought by; null when it was bought without one' }),
  },
  closed,
);

export const fromItem = (item: PriceItem | undefined): Static<typeof Item> => ({
  product: item?.product ?? '',
  service: orNull(item?.service ?? ''),
  country: orNull(item?.country ?? ''),
  capability: orNull(item?.capability ?? ''),
  operator: orNull(item?.operator ?? ''),
  duration: orNull(item?.duration ?? ''),
  segments: item?.segments || null,
});

/** A tenant's book is shown by his edge id. */
export const fromBookName = (name: string): string => {
  const [scope, owner = ''] = name.split(':');
  return scope === 'tenant' && isUuid(owner) ? `tenant:${edgeId('tenant', owner)}` : name;
};

type LineKind = Static<typeof UnitPrice>['lines'][number]['kind'];

export const fromUnitPrice = (unit: PriceMessage | undefined): Static<typeof UnitPrice> => ({
  price: fromMoney(unit?.price),
  currency: unit?.price?.currency ?? '',
  lines: (unit?.lines ?? []).map(({ kind, label, amount }) => ({ kind: kind as LineKind, label, amount })),
  book: fromBookName(unit?.book ?? ''),
  version: unit?.version ?? 0,
});

const fromQuote = (quote: QuoteMessage | undefined): Static<typeof Quote> => {
  if (!quote) throw new Error('the billing service answered without a quote');
  return {
    id: edgeId('quote', quote.id),
    total: fromMoney(quote.total),
    currency: quote.total?.currency ?? '',
    plan: quote.plan,
    items: quote.items.map(({ item, quantity, unit, amount }) => ({
      item: fromItem(item),
      quantity: Number(quantity),
      unit: fromUnitPrice(unit),
      amount: fromMoney(amount),
    })),
    expiresAt: fromTime(quote.expiresAt) ?? '',
    createdAt: fromTime(quote.createdAt) ?? '',
  };
};

const fromExplanation = (story: ExplainChargeResponse): Static<typeof Explanation> => {
  const { product, reference } = story;
  const kind = product === 'verification' || product === 'campaign' ? product : undefined;
  return {
    explanation: story.explanation,
    description: story.description,
    product,
    reference: kind !== undefined && isUuid(reference) ? edgeId(kind, reference) : orNull(reference),
    charges: story.charges.map(({ transactionId, type, amount, at }) => ({
      ...{ transactionId: edgeId('transaction', transactionId), type, amount: fromMoney(amount), at: fromTime(at) ?? '' },
    })),
    held: story.held ? fromMoney(story.held) : null,
    charged: story.captured ? fromMoney(story.captured) : null,
    currency: story.held?.currency ?? story.charges[0]?.amount?.currency ?? null,
    quote: story.quote ? fromQuote(story.quote) : null,
  };
};

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
          200: pageOf(Type.Object({ item: Item, price: Type.String({ examples: ['0.30'] }), currency: Currency }, closed)),
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
        return { data: [{ item, price: fromMoney(price), currency: price?.currency ?? '' }], nextCursor: null };
      }
      const query = { page: toPage(request.query), service, country: country.toUpperCase() };
      const answer = await catalog.listPrices(query, callOptions(request));
      return page(answer.prices, answer.nextCursor, ({ price, ...item }) => ({
        item: { ...item, product: 'verification', operator: null, duration: null, segments: null },
        price: fromMoney(price),
        currency: price?.currency ?? '',
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
          { product: Type.Literal('verification'), service: Service, country: Country, capability: Type.Optional(Type.Literal('sms')) },
          { ...closed, examples: [{ product: 'verification', service: 'telegram', country: 'ID' }] },
        ),
        response: { 201: Quote, ...problems(403, 422) },
      },
    },
    async (request, reply) => {
      const { service, country, capability = 'sms' } = request.body;
      const options = callOptions(request);
      const { quoteId } = await catalog.quotePrice({ service, country: country.toUpperCase(), capability }, options);
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
