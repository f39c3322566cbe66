import { Type } from 'typebox';
import type { FastifyInstance } from 'fastify';
import { appError } from '#platform/errors/index.ts';
import { formatDecimal } from '#platform/money/index.ts';
import type { RentalBook, SimulatedRental } from '../../app/rental-book.ts';
import { bodyReader } from './check-body.ts';

const readMessage = bodyReader(
  Type.Object(
    { from: Type.String({ minLength: 1, maxLength: 20 }), text: Type.String({ minLength: 1, maxLength: 2_000 }) },
    { additionalProperties: false },
  ),
);

const record = ({ costMicros, startedAtMs, endsAtMs, ...rental }: SimulatedRental): object => ({
  ...{
    ...rental,
    cost: formatDecimal(costMicros),
    startedAt: new Date(startedAtMs).toISOString(),
    endsAt: new Date(endsAtMs).toISOString(),
  },
});

/** Levers over rentals: the lists, a message to one of the numbers, and an end before its time. */
export const registerRentalControl = (server: FastifyInstance, book: RentalBook): void => {
  const live = (request: { readonly params: unknown }): SimulatedRental => {
    const { phone } = request.params as { phone: string };
    const rental = book.live().find((row) => row.phone === phone.replace(/^\+/, ''));
    if (rental === undefined) throw appError('request.not_found');
    return rental;
  };
  server.get('/control/rentals', async () => ({
    data: [...book.of('handler_api'), ...book.of('textverified')].map(record),
  }));
  server.post('/control/rentals/:phone/message', async (request, reply) => {
    book.deliver(live(request), readMessage(request.body));
    return reply.code(204).send();
  });
  server.post('/control/rentals/:phone/end', async (request, reply) => {
    book.end(live(request));
    return reply.code(204).send();
  });
};
