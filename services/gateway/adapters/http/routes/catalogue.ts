import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { optionalAccess, publicAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { type CatalogueCache, freshForMs, keep, type Kind, sendKept } from '../catalogue-cache.ts';
import { callOptions } from '../context.ts';
import { fromMoney, page, toPage } from '../mapping.ts';
import { fromMarket, marketFields } from '../market.ts';
import { Capability, closed, pageOf, PageQuery, problems } from '../schemas.ts';
import type { App } from './index.ts';

const Service = Type.Object(
  {
    code: Type.String({ examples: ['telegram'] }),
    name: Type.String({ examples: ['Telegram'] }),
    category: Type.String({ examples: ['messaging'] }),
    icon: Type.String({ description: 'Of the brand at simpleicons.org, else category- and the category', examples: ['telegram'] }),
    policyClass: Type.String({ description: 'open, restricted or blocked under the acceptable-use policy' }),
    priceFrom: Type.Union([Type.String({ examples: ['0.35'] }), Type.Null()], {
      description: 'Lowest price over all countries; null when nobody sells it, or it may not be rented',
    }),
    currency: Type.String(),
    ...marketFields,
  },
  closed,
);
const Country = Type.Object(
  { code: Type.String({ examples: ['ID'] }), name: Type.String(), dialCode: Type.String({ examples: ['+62'] }) },
  closed,
);
const Choice = Type.Object(
  { code: Type.String({ description: 'What a purchase names', examples: ['telkomsel'] }), name: Type.String({ examples: ['Telkomsel'] }) },
  closed,
);
const Choices = Type.Object({ data: Type.Array(Choice) }, closed);
const OfCountry = Type.Object(
  { country: Type.String({ pattern: '^[A-Za-z]{2}$', description: 'ISO 3166-1 alpha-2', examples: ['ID'] }) },
  closed,
);
const Price = Type.Object(
  {
    service: Type.String(),
    country: Type.String(),
    capability: Type.String(),
    price: Type.String({ examples: ['0.45'] }),
    currency: Type.String(),
    ...marketFields,
  },
  closed,
);
const Search = Type.Optional(Type.String({ maxLength: 100, description: 'Name, alias or code; small typing errors are forgiven' }));
const publicFor = (kind: Kind): string => `public, max-age=${freshForMs[kind] / 1_000}`;
/** With stock in it: nobody can tell a client that it has changed, so that it asks again soon, and mostly hears that it has not. */
const marketFor = (kind: Kind): string => `public, max-age=10, stale-if-error=${freshForMs[kind] / 1_000}`;

/** The same question in whatever order it is put. */
const keyOf = ({ routeOptions, params, query }: FastifyRequest): string =>
  JSON.stringify([routeOptions.url, params, Object.entries(query as object).toSorted(([a], [b]) => (a < b ? -1 : 1))]);

/** A visitor may read it before signing up; prices are the caller's own once he says who he is. */
export const catalogueRoutes = (app: App, { catalog, choices }: Backends, cache: CatalogueCache): void => {
  /** What everybody gets: from memory where it is, and not at all to who has it already. */
  const share = async (
    request: FastifyRequest,
    reply: FastifyReply,
    kind: Kind,
    make: () => Promise<object>,
    market?: string,
  ): Promise<void> => {
    const answer = await cache.shared(keyOf(request), kind, async () => reply.serialize(await make()) as string, market);
    sendKept(request, reply, answer, market === undefined ? publicFor(kind) : marketFor(kind));
  };
  const tags = ['catalogue'];
  const config = { access: publicAccess };
  app.get(
    '/v2/services',
    {
      config,
      schema: {
        tags,
        summary: 'List services',
        security: [],
        querystring: Type.Object({ ...PageQuery, search: Search }, closed),
        response: { 200: pageOf(Service), ...problems(422) },
      },
    },
    (request, reply) =>
      share(
        request,
        reply,
        'list',
        async () => {
          const wanted = { page: toPage(request.query), search: request.query.search ?? '' };
          const answer = await catalog.listServices(wanted, callOptions(request));
          return page(answer.services, answer.nextCursor, ({ code, name, category, icon, policyClass, priceFrom, market }) => ({
            code,
            name,
            category,
            icon,
            policyClass,
            priceFrom: priceFrom ? fromMoney(priceFrom) : null,
            currency: priceFrom?.currency ?? 'USD',
            ...fromMarket(market),
          }));
        },
        'all',
      ),
  );
  app.get(
    '/v2/countries',
    {
      config,
      schema: {
        tags,
        summary: 'List countries',
        security: [],
        querystring: Type.Object({ ...PageQuery, search: Search }, closed),
        response: { 200: pageOf(Country), ...problems(422) },
      },
    },
    (request, reply) =>
      share(request, reply, 'list', async () => {
        const wanted = { page: toPage(request.query), search: request.query.search ?? '' };
        const answer = await catalog.listCountries(wanted, callOptions(request));
        return page(answer.countries, answer.nextCursor, ({ code, name, dialCode }) => ({ code, name, dialCode }));
      }),
  );
  app.get(
    '/v2/operators',
    {
      config,
      schema: {
        tags,
        summary: 'Networks of a country that a purchase may insist on',
        security: [],
        querystring: OfCountry,
        response: { 200: Choices, ...problems(422) },
      },
    },
    (request, reply) =>
      share(request, reply, 'list', async () => {
        const { operators } = await choices.listOperators({ country: request.query.country }, callOptions(request));
        return { data: operators };
      }),
  );
  app.get(
    '/v2/area-codes',
    {
      config,
      schema: {
        tags,
        summary: 'Places of a country that a purchase may insist on',
        security: [],
        querystring: OfCountry,
        response: { 200: Choices, ...problems(422) },
      },
    },
    (request, reply) =>
      share(request, reply, 'list', async () => {
        const { areaCodes } = await choices.listAreaCodes({ country: request.query.country }, callOptions(request));
        return { data: areaCodes };
      }),
  );
  app.get(
    '/v2/services/:code/prices',
    {
      config: { access: optionalAccess },
      schema: {
        tags,
        summary: 'Prices of a service',
        description: 'List prices; with credentials your own.',
        security: [],
        params: Type.Object({ code: Type.String({ minLength: 1, maxLength: 64 }) }),
        querystring: Type.Object(
          {
            ...PageQuery,
            country: Type.Optional(Type.String({ pattern: '^[A-Za-z]{2}$', description: 'ISO 3166-1 alpha-2', examples: ['ID'] })),
            capability: Type.Optional(Capability),
          },
          closed,
        ),
        response: { 200: pageOf(Price), ...problems(404, 422) },
      },
    },
    async (request, reply) => {
      const country = (request.query.country ?? '').toUpperCase();
      const make = async () => {
        const answer = await catalog.listPrices(
          { page: toPage(request.query), service: request.params.code, country, capability: request.query.capability },
          callOptions(request),
        );
        return page(answer.prices, answer.nextCursor, ({ service, country: code, capability, price, market }) => ({
          service,
          country: code,
          capability,
          price: fromMoney(price),
          currency: price?.currency ?? 'USD',
          ...fromMarket(market),
        }));
      };
      void reply.header('vary', 'origin, authorization');
      if (!request.caller) return share(request, reply, 'price', make, request.params.code.toLowerCase());
      // His own: made for him, and as good as the quote behind it.
      sendKept(request, reply, keep(reply.serialize(await make()) as string), 'private, max-age=10');
    },
  );
};
