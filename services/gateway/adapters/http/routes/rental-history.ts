/** A tenant's rentals and the messages to them: pages for programs, CSV for people. */
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { appError } from '#platform/errors/index.ts';
import type { CallOptions } from '#platform/grpc/index.ts';
import { minuteMs } from '#platform/time/index.ts';
import type { Rental as RentalProto, RentalFilter, RentalMessage as MessageProto } from '#proto/namaskah/verification/v1/rentals.ts';
import { readAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions, pathId } from '../context.ts';
import { csvRow, csvText } from '../csv.ts';
import { exportGate, resume } from '../exports.ts';
import { page, toPage, toTime } from '../mapping.ts';
import { closed, pageOf, PageQuery, problems, type Static, Timestamp } from '../schemas.ts';
import { zonedTime } from '../zoned-time.ts';
import type { App } from './index.ts';
import { Rental, rentalFromProto, RentalMessage, rentalMessageFromProto, rentalStatuses } from './rentals.ts';

const one = `(?:${rentalStatuses.join('|')})`;
const Filter = {
  status: Type.Optional(
    Type.String({
      pattern: `^${one}(?:,${one}){0,5}$`,
      description: `One status, or several separated by commas: ${rentalStatuses.join(', ')}`,
      examples: ['active,releasing'],
    }),
  ),
  service: Type.Optional(Type.String({ maxLength: 64, examples: ['telegram'] })),
  country: Type.Optional(Type.String({ pattern: '^[A-Za-z]{2}$', description: 'ISO 3166-1 alpha-2', examples: ['ID'] })),
  createdFrom: Type.Optional(Type.String({ ...Timestamp, description: 'Not before; RFC 3339' })),
  createdTo: Type.Optional(Type.String({ ...Timestamp, description: 'Before; RFC 3339' })),
};
const FilterQuery = Type.Object(Filter, closed);
const Zone = {
  timeZone: Type.Optional(
    Type.String({ maxLength: 64, description: 'IANA time zone of the times; UTC by default', examples: ['Asia/Kolkata'] }),
  ),
};

const filterOf = (query: Static<typeof FilterQuery>): RentalFilter => ({
  statuses: query.status?.split(',') ?? [],
  service: query.service ?? '',
  country: (query.country ?? '').toUpperCase(),
  createdFrom: toTime(query.createdFrom),
  createdTo: toTime(query.createdTo),
});

const rentalColumns = [
  ...['id', 'created', 'status', 'service', 'country', 'phone_number', 'duration', 'auto_renew', 'started', 'ends'],
  ...['ended', 'charged', 'refunded', 'currency', 'reason'],
];
const messageColumns = ['id', 'received', 'sender', 'text'];
const exportBudgetMs = 15 * minuteMs;

type TimeOf = (at: Date | undefined) => string;

const rentalRow = (message: RentalProto, at: TimeOf): string => {
  const row = rentalFromProto(message);
  return csvRow([
    ...[row.id, at(message.createdAt), row.status, row.service, row.country, (row.phoneNumber ?? '').replace('+', '')],
    ...[row.duration, String(row.autoRenew), at(message.startedAt), at(message.endsAt), at(message.endedAt)],
    ...[row.charged, row.refunded, row.currency, row.reason ?? ''],
  ]);
};
const messageRow = (message: MessageProto, at: TimeOf): string => {
  const { id, sender, text } = rentalMessageFromProto(message);
  return csvRow([id, at(message.receivedAt), csvText(sender ?? ''), csvText(text)]);
};

/** The header row with the first rows, then the others as they are taken. */
const csvOf = async function* csv(columns: readonly string[], batches: AsyncIterable<readonly string[]>): AsyncGenerator<string, void> {
  let text = csvRow(columns);
  for await (const rows of batches) {
    yield text + rows.join('');
    text = '';
  }
  if (text !== '') yield text;
};

const rowsOf = async function* rows<B, T>(
  batches: AsyncIterable<B>,
  each: (batch: B) => readonly T[],
  rowOf: (row: T) => string,
): AsyncGenerator<readonly string[], void> {
  for await (const batch of batches) yield each(batch).map(rowOf);
};

const csvSchema = (columns: readonly string[]) => ({
  produces: ['text/csv'],
  response: {
    200: { description: 'The file', content: { 'text/csv': { schema: Type.String({ examples: [`${columns.join(',')}\r\n`] }) } } },
    ...problems(403, 404, 422),
  },
});
const about =
  'Streamed, however many there are; what comes after the request is left out. First a row of column names; UTF-8, RFC 4180. ' +
  'An answer that breaks off is incomplete: ask again.';

export const rentalHistoryRoutes = (app: App, { rentals }: Pick<Backends, 'rentals'>): void => {
  const tags = ['rentals'];
  const access = readAccess('verifications:read');
  const gate = exportGate();
  app.addHook('preClose', async () => gate.close());

  const send = async (
    request: FastifyRequest,
    reply: FastifyReply,
    file: { readonly name: string; readonly timeZone: string | undefined; readonly columns: readonly string[] },
    rows: (options: CallOptions, at: TimeOf) => AsyncIterable<readonly string[]>,
  ): Promise<FastifyReply> => {
    const timeOf = zonedTime(file.timeZone ?? 'UTC');
    if (timeOf === undefined) throw appError('request.invalid', { fields: [{ field: 'timeZone', reason: 'is no IANA time zone' }] });
    const signal = gate.begin(request, reply.raw);
    const options = { ...callOptions(request), deadline: new Date(Date.now() + exportBudgetMs), signal };
    const text = csvOf(
      file.columns,
      rows(options, (at) => (at === undefined ? '' : timeOf(at))),
    );
    // Taken before the answer begins, so that an error is an ordinary problem.
    const first = await text.next();
    void reply
      .type('text/csv; charset=utf-8; header=present')
      .header('cache-control', 'no-store')
      .header('content-disposition', `attachment; filename="${file.name}-${new Date().toISOString().slice(0, 10)}.csv"`);
    return reply.send(Readable.from(resume(first, text), { objectMode: true, highWaterMark: 1 }) as never);
  };

  app.get(
    '/v2/rentals',
    {
      config: { access },
      schema: {
        tags,
        summary: 'Rentals, newest first',
        querystring: Type.Object({ ...PageQuery, ...Filter }, closed),
        response: { 200: pageOf(Rental), ...problems(403, 422) },
      },
    },
    async (request) => {
      const asked = { page: toPage(request.query), status: '', service: '', country: '', filter: filterOf(request.query) };
      const answer = await rentals.listRentals(asked, callOptions(request));
      return page(answer.rentals, answer.nextCursor, rentalFromProto);
    },
  );
  app.get(
    '/v2/rentals/export.csv',
    {
      config: { access },
      schema: {
        tags,
        summary: 'Rentals as CSV, oldest first',
        description: `${about} Phone numbers are digits without the plus.`,
        querystring: Type.Object({ ...Filter, ...Zone }, closed),
        ...csvSchema(rentalColumns),
      },
    },
    async (request, reply) => {
      const { timeZone, ...query } = request.query;
      const filter = filterOf(query);
      return send(request, reply, { name: 'rentals', timeZone, columns: rentalColumns }, (options, at) =>
        rowsOf(
          rentals.exportRentals({ filter }, options),
          (batch) => batch.rentals,
          (row) => rentalRow(row, at),
        ),
      );
    },
  );
  app.get(
    '/v2/rentals/:id/messages',
    {
      config: { access },
      schema: {
        tags,
        summary: 'Messages to the number, newest first',
        params: Type.Object({ id: Type.String() }),
        querystring: Type.Object({ ...PageQuery }, closed),
        response: { 200: pageOf(RentalMessage), ...problems(403, 404, 422) },
      },
    },
    async (request) => {
      const wanted = { id: pathId('rental', request.params.id), page: toPage(request.query) };
      const answer = await rentals.listRentalMessages(wanted, callOptions(request));
      return page(answer.messages, answer.nextCursor, rentalMessageFromProto);
    },
  );
  app.get(
    '/v2/rentals/:id/messages/export.csv',
    {
      config: { access },
      schema: {
        tags,
        summary: 'Messages to the number as CSV, oldest first',
        description: about,
        params: Type.Object({ id: Type.String() }),
        querystring: Type.Object(Zone, closed),
        ...csvSchema(messageColumns),
      },
    },
    async (request, reply) => {
      const id = pathId('rental', request.params.id);
      const file = { name: 'rental-messages', timeZone: request.query.timeZone, columns: messageColumns };
      return send(request, reply, file, (options, at) =>
        rowsOf(
          rentals.exportRentalMessages({ id }, options),
          (batch) => batch.messages,
          (row) => messageRow(row, at),
        ),
      );
    },
  );
};
