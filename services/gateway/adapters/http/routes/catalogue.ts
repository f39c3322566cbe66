import { Type } from 'typebox';
import { optionalAccess, publicAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions } from '../context.ts';
import { fromMoney, page, toPage } from '../mapping.ts';
import { closed, pageOf, PageQuery, problems } from '../schemas.ts';
import type { App } from './index.ts';

const Service = Type.Object(
  {
    code: Type.String({ examples: ['telegram'] }),
    name: Type.String({ examples: ['Telegram'] }),
    category: Type.String({ examples: ['messaging'] }),
    icon: Type.String({ description: 'Of the brand at simpleicons.org, else category- and the category', examples: ['telegram'] }),
    policyClass: Type.String({ description: 'open, restricted or blocked under the acceptable-use policy' }),
    priceFrom: Type.String({ description: 'Lowest price over all countries', examples: ['0.35'] }),
    currency: Type.String(),
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
  },
  closed,
);
const Search = Type.Optional(Type.String({ maxLength: 100, description: 'Name, alias or code; small typing errors are forgiven' }));
const cache = 'public, max-age=300';

/** A visitor may read it before signing up; prices are the caller's own once he says who he is. */
export const catalogueRoutes = (app: App, { catalog, choices }: Backends): void => {
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
    async (request, reply) => {
      const answer = await catalog.listServices({ page: toPage(request.query), search: request.query.search ?? '' }, callOptions(request));
      void reply.header('cache-control', cache);
      return page(answer.services, answer.nextCursor, ({ code, name, category, icon, policyClass, priceFrom }) => ({
        code,
        name,
        category,
        icon,
        policyClass,
        priceFrom: fromMoney(priceFrom),
        currency: priceFrom?.currency ?? 'USD',
      }));
    },
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
    async (request, reply) => {
      const answer = await catalog.listCountries({ page: toPage(request.query), search: request.query.search ?? '' }, callOptions(request));
      void reply.header('cache-control', cache);
      return page(answer.countries, answer.nextCursor, ({ code, name, dialCode }) => ({ code, name, dialCode }));
    },
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
    async (request, reply) => {
      const { operators } = await choices.listOperators({ country: request.query.country }, callOptions(request));
      void reply.header('cache-control', cache);
      return { data: operators };
    },
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
    async (request, reply) => {
      const { areaCodes } = await choices.listAreaCodes({ country: request.query.country }, callOptions(request));
      void reply.header('cache-control', cache);
      return { data: areaCodes };
    },
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
          },
          closed,
        ),
        response: { 200: pageOf(Price), ...problems(404, 422) },
      },
    },
    async (request, reply) => {
      const country = (request.query.country ?? '').toUpperCase();
      const answer = await catalog.listPrices({ page: toPage(request.query), service: request.params.code, country }, callOptions(request));
      void reply.header('cache-control', request.caller ? 'private, max-age=60' : cache).header('vary', 'origin, authorization');
      return page(answer.prices, answer.nextCursor, ({ service, country: code, capability, price }) => ({
        service,
        country: code,
        capability,
        price: fromMoney(price),
        currency: price?.currency ?? 'USD',
      }));
    },
  );
};
