import { Type } from 'typebox';
import type { FastifyInstance } from 'fastify';
import { appError } from '#platform/errors/index.ts';
import { freeCancelMs, type RentalBook, type SimulatedRental } from '../../app/rental-book.ts';
import type { World } from '../../app/ports.ts';
import { isServiceCode } from '../../domain/services.ts';
import { bodyReader } from './check-body.ts';
import { ok, type Answer } from './handler-api-answers.ts';

type Parameters = Readonly<Record<string, string | undefined>>;
type Action = (parameters: Parameters) => Answer;

const timestamp = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}+00:00`;
const refused = (message: string): Answer => ok({ status: 'error', message });
const whole = (text: string | undefined): number | undefined => (text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) : undefined);
const hoursOf = (parameters: Parameters): number | undefined => whole(parameters['rent_time'] ?? parameters['duration'] ?? '4');

const phoneOf = ({ id, phone, endsAtMs }: SimulatedRental): object => ({ id, number: phone, endDate: timestamp(endsAtMs) });

/** The rental part of the family. Faults of the way are the same as for every other action. */
export const rentalActions = (world: World, book: RentalBook): readonly (readonly [string, Action])[] => {
  const ofRental =
    (answer: (rental: SimulatedRental, parameters: Parameters) => Answer): Action =>
    (parameters) => {
      const rental = book.get(parameters['id'] ?? '');
      return rental === undefined ? refused('NO_ID_RENT') : answer(rental, parameters);
    };
  const ended = ({ state }: SimulatedRental, cancelled: string, finished: string): Answer | undefined =>
    state === 'active' ? undefined : refused(state === 'cancelled' ? cancelled : finished);

  return [
    [
      'getRentServicesAndCountries',
      (parameters) => {
        const cost = book.costOf(hoursOf(parameters) ?? 4);
        const row = (name: string) => [name, { cost: Number(cost), quant: 1_000 }] as const;
        return ok({
          operators: { '0': 'any' },
          countries: { '0': 6, '1': 187 },
          services: Object.fromEntries(['tg', 'wa', 'go'].map(row)),
        });
      },
    ],
    [
      'getRentNumber',
      (parameters) => {
        const [hours, countryId] = [hoursOf(parameters), whole(parameters['country'] ?? '0')];
        if (hours === undefined || hours < 1) return refused('INVALID_TIME');
        if (countryId === undefined) return refused('WRONG_COUNTRY');
        const service = parameters['service'] ?? '';
        if (!isServiceCode(service)) return refused('BAD_SERVICE');
        const rental = book.rent({ service, countryId, hours });
        return rental === undefined ? refused('NO_NUMBERS') : ok({ status: 'success', phone: phoneOf(rental) });
      },
    ],
    [
      'getRentStatus',
      ofRental((rental, parameters) => {
        const over = ended(rental, 'STATUS_CANCEL', 'STATUS_FINISH');
        if (over !== undefined) return over;
        if (rental.messages.length === 0) return refused('STATUS_WAIT_CODE');
        const size = Math.min(whole(parameters['size']) ?? 10, 100);
        const from = ((whole(parameters['page']) ?? 1) - 1) * size;
        const rows = rental.messages.toReversed().slice(from, from + size);
        const values = rows.map(({ from: phoneFrom, text, atMs }) => ({ phoneFrom, text, service: rental.service, date: timestamp(atMs) }));
        return ok({ status: 'success', quantity: String(rental.messages.length), values: Object.fromEntries(values.entries()) });
      }),
    ],
    [
      'setRentStatus',
      ofRental((rental, { status }) => {
        const over = ended(rental, 'ALREADY_CANCEL', 'ALREADY_FINISH');
        if (over !== undefined) return over;
        if (status !== '1' && status !== '2') return refused('INCORECT_STATUS');
        const late = world.clock.now().getTime() > rental.startedAtMs + freeCancelMs;
        if (status === '2' && (late || rental.messages.length > 0)) return refused('CANT_CANCEL');
        rental.state = status === '2' ? 'cancelled' : 'finished';
        return ok({ status: 'success' });
      }),
    ],
    [
      'continueRentNumber',
      ofRental((rental, parameters) => {
        const hours = hoursOf(parameters);
        if (hours === undefined || hours < 1) return refused('INVALID_TIME');
        if (rental.state !== 'active') return refused('RENT_DIE');
        return book.extend(rental, hours) === undefined ? refused('MAX_HOURS_EXCEED') : ok({ status: 'success', phone: phoneOf(rental) });
      }),
    ],
    [
      'getRentList',
      () => {
        const rows = book.live();
        if (rows.length === 0) return refused('NO_NUMBERS');
        const values = rows.map(({ id, phone, service, countryId, endsAtMs }) => ({
          ...{ id, phone, service, country: countryId, endDate: timestamp(endsAtMs) },
        }));
        return ok({ status: 'success', values: Object.fromEntries(values.entries()) });
      },
    ],
  ];
};

const readMessage = bodyReader(
  Type.Object(
    { from: Type.String({ minLength: 1, maxLength: 20 }), text: Type.String({ minLength: 1, maxLength: 2_000 }) },
    { additionalProperties: false },
  ),
);

/** Levers over rentals: the list, and a message to one of the numbers. */
export const registerRentalControl = (server: FastifyInstance, book: RentalBook): void => {
  server.get('/control/rentals', async () => ({ data: book.live() }));
  server.post('/control/rentals/:phone/message', async (request, reply) => {
    const { phone } = request.params as { phone: string };
    const rental = book.live().find((row) => row.phone === phone.replace(/^\+/, ''));
    if (rental === undefined) throw appError('request.not_found');
    book.deliver(rental, readMessage(request.body));
    return reply.code(204).send();
  });
};
