import { type Static, Type } from 'typebox';
import { readAccess, writeAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions, idempotencyKeyOf, pathId } from '../context.ts';
import { edgeId, fromMoney, fromTime, orNull, toMoney } from '../mapping.ts';
import { Amount, closed, Currency, id, IdempotencyHeaders, problems, Timestamp } from '../schemas.ts';
import type { Rental as RentalProto, RentalMessage as MessageProto } from '#proto/namaskah/verification/v1/rentals.ts';
import type { App } from './index.ts';

export const rentalStatuses = ['ordering', 'active', 'releasing', 'released', 'expired', 'failed'] as const;
const Duration = Type.Enum(['1h', '4h', '12h', '1d', '3d', '7d', '14d', '30d', '90d', '180d', '365d'], { examples: ['30d'] });
const Service = Type.String({ minLength: 1, maxLength: 64, examples: ['telegram'] });
const Country = Type.String({ pattern: '^[A-Za-z]{2}$', description: 'ISO 3166-1 alpha-2', examples: ['ID'] });
const orNullOf = (at: typeof Timestamp, description: string) => Type.Union([at, Type.Null()], { description });

export const Rental = Type.Object(
  {
    id: id('rnt'),
    status: Type.Enum([...rentalStatuses]),
    service: Type.String({ examples: ['telegram'] }),
    country: Type.String({ examples: ['ID'] }),
    phoneNumber: Type.Union([Type.String({ examples: ['+6281234567890'] }), Type.Null()], {
      description: 'null while the provider still has to confirm',
    }),
    duration: Type.String({ description: 'Of the last order; a renewal is as long', examples: ['30d'] }),
    autoRenew: Type.Boolean({ description: 'Renewed an hour before its end' }),
    reason: Type.Union([Type.String(), Type.Null()], { description: 'Why it failed or ended' }),
    createdAt: Timestamp,
    startedAt: orNullOf(Timestamp, 'When the provider gave the number'),
    endsAt: orNullOf(Timestamp, 'Until then messages are received'),
    endedAt: orNullOf(Timestamp, 'When it was released, expired or failed'),
    charged: Type.String({ description: 'What the rental, its extensions and renewals cost together', examples: ['27.00'] }),
    refunded: Type.String({ description: 'What of it came back when it was released', examples: ['0.00'] }),
    currency: Currency,
  },
  closed,
);
export const RentalMessage = Type.Object(
  {
    id: id('msg'),
    sender: Type.Union([Type.String({ examples: ['Telegram'] }), Type.Null()]),
    text: Type.String({ examples: ['Your code is 48151'] }),
    receivedAt: Timestamp,
  },
  closed,
);
const Offer = Type.Object(
  { duration: Type.String({ examples: ['30d'] }), hours: Type.Integer({ examples: [720] }), price: Amount, currency: Currency },
  closed,
);

export const rentalFromProto = (rental: RentalProto | undefined): Static<typeof Rental> => {
  if (!rental) throw new Error('the verification service answered without a rental');
  return {
    id: edgeId('rental', rental.id),
    status: rental.status as (typeof rentalStatuses)[number],
    service: rental.service,
    country: rental.country,
    phoneNumber: orNull(rental.phoneNumber),
    duration: rental.duration,
    autoRenew: rental.autoRenew,
    reason: orNull(rental.reason),
    createdAt: fromTime(rental.createdAt) ?? '',
    startedAt: fromTime(rental.startedAt),
    endsAt: fromTime(rental.endsAt),
    endedAt: fromTime(rental.endedAt),
    charged: fromMoney(rental.charged),
    refunded: fromMoney(rental.refunded),
    currency: rental.charged?.currency ?? 'USD',
  };
};

export const rentalMessageFromProto = (message: MessageProto): Static<typeof RentalMessage> => ({
  id: edgeId('message', message.id),
  sender: orNull(message.sender),
  text: message.text,
  receivedAt: fromTime(message.receivedAt) ?? '',
});

const params = Type.Object({ id: Type.String() });
const read = { access: readAccess('verifications:read') };
const write = { access: writeAccess('verifications:write') };

export const rentalRoutes = (app: App, { rentals }: Backends): void => {
  const tags = ['rentals'];
  app.get(
    '/v2/rentals/offers',
    {
      config: read,
      schema: {
        tags,
        summary: 'Durations of a number and what each costs you',
        querystring: Type.Object({ service: Service, country: Country }, closed),
        response: { 200: Type.Object({ data: Type.Array(Offer) }, closed), ...problems(403, 422) },
      },
    },
    async (request) => {
      const { service, country } = request.query;
      const { offers } = await rentals.listRentalOffers({ service, country: country.toUpperCase() }, callOptions(request));
      return {
        data: offers.map(({ duration, hours, price }) => ({
          ...{ duration, hours, price: fromMoney(price), currency: price?.currency ?? 'USD' },
        })),
      };
    },
  );
  app.post(
    '/v2/rentals',
    {
      config: write,
      schema: {
        tags,
        summary: 'Rent a number for hours to a year',
        description: 'The price is held at once and charged when the provider has given the number.',
        headers: IdempotencyHeaders,
        body: Type.Object(
          {
            service: Service,
            country: Country,
            duration: Duration,
            autoRenew: Type.Optional(Type.Boolean({ default: false })),
            maxPrice: Type.Optional(Amount),
          },
          closed,
        ),
        response: { 201: Rental, ...problems(402, 403, 409, 422) },
      },
    },
    async (request, reply) => {
      const { service, country, duration, autoRenew = false, maxPrice } = request.body;
      const { rental } = await rentals.createRental(
        {
          ...{ idempotencyKey: idempotencyKeyOf(request), service, country: country.toUpperCase(), duration, autoRenew },
          maxPrice: maxPrice === undefined ? undefined : toMoney('maxPrice', maxPrice),
        },
        callOptions(request),
      );
      const body = rentalFromProto(rental);
      return reply.code(201).header('location', `/v2/rentals/${body.id}`).send(body);
    },
  );
  app.get(
    '/v2/rentals/:id',
    { config: read, schema: { tags, summary: 'One rental', params, response: { 200: Rental, ...problems(403, 404) } } },
    async (request) => rentalFromProto((await rentals.getRental({ id: pathId('rental', request.params.id) }, callOptions(request))).rental),
  );
  app.patch(
    '/v2/rentals/:id',
    {
      config: write,
      schema: {
        tags,
        summary: 'Turn the renewal on or off',
        params,
        body: Type.Object({ autoRenew: Type.Boolean({ examples: [true] }) }, closed),
        response: { 200: Rental, ...problems(403, 404, 409, 422) },
      },
    },
    async (request) => {
      const wanted = { id: pathId('rental', request.params.id), autoRenew: request.body.autoRenew };
      return rentalFromProto((await rentals.setAutoRenew(wanted, callOptions(request))).rental);
    },
  );
  app.post(
    '/v2/rentals/:id/extend',
    {
      config: write,
      schema: {
        tags,
        summary: 'Keep the number for longer',
        description: 'Charged like a rental of that duration. A repetition with the same Idempotency-Key extends once.',
        headers: IdempotencyHeaders,
        params,
        body: Type.Object({ duration: Duration, maxPrice: Type.Optional(Amount) }, closed),
        response: { 200: Rental, ...problems(402, 403, 404, 409, 422) },
      },
    },
    async (request) => {
      const { duration, maxPrice } = request.body;
      const { rental } = await rentals.extendRental(
        {
          ...{ idempotencyKey: idempotencyKeyOf(request), id: pathId('rental', request.params.id), duration },
          maxPrice: maxPrice === undefined ? undefined : toMoney('maxPrice', maxPrice),
        },
        callOptions(request),
      );
      return rentalFromProto(rental);
    },
  );
  app.post(
    '/v2/rentals/:id/release',
    {
      config: write,
      schema: {
        tags,
        summary: 'Give the number back before its end',
        description:
          'All of the price comes back where the provider returns its own; else half of the price of the whole hours that are left. The first hour counts as used.',
        params,
        body: Type.Optional(Type.Union([Type.Object({}, closed), Type.Null()])),
        response: { 200: Rental, ...problems(403, 404, 409) },
      },
    },
    async (request) =>
      rentalFromProto((await rentals.releaseRental({ id: pathId('rental', request.params.id) }, callOptions(request))).rental),
  );
};
