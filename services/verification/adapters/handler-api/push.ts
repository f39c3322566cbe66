import { createHash, timingSafeEqual } from 'node:crypto';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { appError } from '#platform/errors/index.ts';
import type { PushReader } from '../../app/ports.ts';
import { dateOf, record, textOf } from './fields.ts';
import { handlerApiName } from './provider.ts';

const scalar = Type.Union([Type.String({ maxLength: 4096 }), Type.Number()]);
const schema = Compile(
  Type.Object({
    activationId: Type.Union([Type.String({ pattern: '^[0-9A-Za-z_-]{1,64}$' }), Type.Integer({ minimum: 0 })]),
    text: Type.Optional(Type.Union([scalar, Type.Null()])),
    code: Type.Optional(Type.Union([scalar, Type.Null()])),
    from: Type.Optional(Type.Union([scalar, Type.Null()])),
    receivedAt: Type.Optional(Type.Union([scalar, Type.Null()])),
  }),
);
const maxBodyBytes = 64 * 1024;

/** Equal length whatever was sent, so the comparison tells nothing. */
const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Pushes of the family: `{activationId, service, text, code, country, receivedAt}`. */
export const createHandlerApiPush = (options: { secret: string }): PushReader => {
  const expected = digest(options.secret);
  return {
    ...{ provider: handlerApiName, address: handlerApiName, about: 'activations' },
    accepts: ({ secret }) => timingSafeEqual(digest(secret), expected),
    read: (body) => {
      const value = body.length > maxBodyBytes ? undefined : record(Buffer.from(body).toString('utf8'));
      if (value === undefined || !schema.Check(value)) throw appError('request.malformed');
      const text = textOf(value.text);
      const code = textOf(value.code);
      if (text === '' && code === '') throw appError('request.malformed');
      return {
        activationId: String(value.activationId),
        text: text || code,
        code: code === '' ? undefined : code,
        sender: textOf(value.from),
        receivedAt: dateOf(value.receivedAt),
      };
    },
  };
};

/** The part of the address that rentals are pushed to. */
export const rentalPushAddress = `${handlerApiName}-rentals`;

const id = Type.Union([Type.String({ pattern: '^[0-9A-Za-z_-]{1,64}$' }), Type.Integer({ minimum: 0 })]);
const rentalSchema = Compile(
  Type.Object({
    // Clones disagree on the name.
    rentId: Type.Optional(id),
    activationId: Type.Optional(id),
    id: Type.Optional(id),
    text: scalar,
    phoneFrom: Type.Optional(Type.Union([scalar, Type.Null()])),
    from: Type.Optional(Type.Union([scalar, Type.Null()])),
    date: Type.Optional(Type.Union([scalar, Type.Null()])),
    receivedAt: Type.Optional(Type.Union([scalar, Type.Null()])),
  }),
);

/**
 * Messages to rented numbers, pushed to the `url` of the purchase: `{rentId, phoneFrom, text, service, date}`, a row of getRentStatus. They
 * have an address of their own, because the family counts rentals and activations apart.
 */
export const createHandlerApiRentalPush = (options: { secret: string }): PushReader => {
  const expected = digest(options.secret);
  return {
    ...{ provider: handlerApiName, address: rentalPushAddress, about: 'rentals' },
    accepts: ({ secret }) => timingSafeEqual(digest(secret), expected),
    read: (body) => {
      const value = body.length > maxBodyBytes ? undefined : record(Buffer.from(body).toString('utf8'));
      if (value === undefined || !rentalSchema.Check(value)) throw appError('request.malformed');
      const activationId = value.rentId ?? value.activationId ?? value.id;
      const text = textOf(value.text);
      if (activationId === undefined || text === '') throw appError('request.malformed');
      const sender = textOf(value.phoneFrom) || textOf(value.from);
      return { activationId: String(activationId), text, code: undefined, sender, receivedAt: dateOf(value.date ?? value.receivedAt) };
    },
  };
};
