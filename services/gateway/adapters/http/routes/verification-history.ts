/** A tenant's verifications: pages for programs, one CSV for people. */
import { Readable } from 'node:stream';
import { Type } from 'typebox';
import { appError } from '#platform/errors/index.ts';
import { minuteMs } from '#platform/time/index.ts';
import type { VerificationFilter } from '#proto/namaskah/verification/v1/lifecycle.ts';
import type { Verification as VerificationMessage } from '#proto/namaskah/verification/v1/verification.ts';
import { readAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions, pathId } from '../context.ts';
import { csvRow, csvText } from '../csv.ts';
import { exportGate, resume } from '../exports.ts';
import { page, toPage, toTime } from '../mapping.ts';
import { closed, id, pageOf, PageQuery, problems, type Static, Timestamp } from '../schemas.ts';
import { zonedTime } from '../zoned-time.ts';
import type { App } from './index.ts';
import { statuses, Verification, verificationFromProto } from './verifications.ts';

const one = `(?:${statuses.join('|')})`;
const Filter = {
  status: Type.Optional(
    Type.String({
      pattern: `^${one}(?:,${one}){0,5}$`,
      description: `One status, or several separated by commas: ${statuses.join(', ')}`,
      examples: ['received,completed'],
    }),
  ),
  service: Type.Optional(Type.String({ maxLength: 64, examples: ['telegram'] })),
  country: Type.Optional(Type.String({ pattern: '^[A-Za-z]{2}$', description: 'ISO 3166-1 alpha-2', examples: ['ID'] })),
  createdFrom: Type.Optional(Type.String({ ...Timestamp, description: 'Not before; RFC 3339' })),
  createdTo: Type.Optional(Type.String({ ...Timestamp, description: 'Before; RFC 3339' })),
  phoneNumber: Type.Optional(
    Type.String({
      pattern: '^[+]?[1-9][0-9]{6,14}$',
      description: 'The whole number; in a query, %2B is the plus',
      examples: ['+6281234567890'],
    }),
  ),
  retryOf: Type.Optional(Type.String({ ...id('ver'), description: 'Retries of this verification' })),
};
const FilterQuery = Type.Object(Filter, closed);

const filterOf = (query: Static<typeof FilterQuery>): VerificationFilter => ({
  statuses: query.status?.split(',') ?? [],
  service: query.service ?? '',
  country: (query.country ?? '').toUpperCase(),
  createdFrom: toTime(query.createdFrom),
  createdTo: toTime(query.createdTo),
  phoneNumber: query.phoneNumber === undefined ? '' : `+${query.phoneNumber.replace('+', '')}`,
  retryOf: query.retryOf === undefined ? '' : verificationId(query.retryOf),
});

const verificationId = (text: string): string => {
  try {
    return pathId('verification', text);
  } catch {
    throw appError('request.invalid', { fields: [{ field: 'retryOf', reason: 'must be the id of a verification' }] });
  }
};

const columns = [
  ...['id', 'created', 'status', 'service', 'country', 'phone_number', 'price', 'currency'],
  ...['code', 'ended', 'reason', 'retry_of', 'report_reason'],
];
const exportBudgetMs = 15 * minuteMs;

/** The header row with the first rows, then the others as they are taken. */
const csvOf = async function* csv(
  batches: AsyncIterable<{ readonly verifications: readonly VerificationMessage[] }>,
  timeOf: (at: Date) => string,
): AsyncGenerator<string, void> {
  let text = csvRow(columns);
  const at = (time: Date | undefined): string => (time === undefined ? '' : timeOf(time));
  for await (const { verifications } of batches) {
    for (const message of verifications) {
      const row = verificationFromProto(message);
      const cells = [row.id, at(message.createdAt), row.status, row.service, row.country, (row.phoneNumber ?? '').replace('+', '')];
      const end = [csvText(row.code ?? ''), at(message.endedAt), row.reason ?? '', row.retryOf ?? '', row.reportReason ?? ''];
      text += csvRow([...cells, row.price, row.currency, ...end]);
    }
    yield text;
    text = '';
  }
  if (text !== '') yield text;
};

export const verificationHistoryRoutes = (app: App, { lifeCycle }: Pick<Backends, 'lifeCycle'>): void => {
  const tags = ['verifications'];
  const access = readAccess('verifications:read');
  const gate = exportGate();
  app.addHook('preClose', async () => gate.close());

  app.get(
    '/v2/verifications',
    {
      config: { access },
      schema: {
        tags,
        summary: 'History, newest first',
        querystring: Type.Object({ ...PageQuery, ...Filter }, closed),
        response: { 200: pageOf(Verification), ...problems(403, 422) },
      },
    },
    async (request) => {
      const asked = { page: toPage(request.query), filter: filterOf(request.query) };
      const answer = await lifeCycle.searchVerifications(asked, callOptions(request));
      return page(answer.verifications, answer.nextCursor, verificationFromProto);
    },
  );
  app.get(
    '/v2/verifications/export.csv',
    {
      config: { access },
      schema: {
        tags,
        summary: 'History as CSV, oldest first',
        description:
          'Streamed, however many there are; what is bought after the request is left out. First a row of column names; UTF-8, RFC 4180. ' +
          'Phone numbers are digits without the plus. An answer that breaks off is incomplete: ask again.',
        querystring: Type.Object(
          {
            ...Filter,
            timeZone: Type.Optional(
              Type.String({ maxLength: 64, description: 'IANA time zone of the times; UTC by default', examples: ['Asia/Kolkata'] }),
            ),
          },
          closed,
        ),
        produces: ['text/csv'],
        response: {
          200: { description: 'The file', content: { 'text/csv': { schema: Type.String({ examples: [`${columns.join(',')}\r\n`] }) } } },
          ...problems(403, 422),
        },
      },
    },
    async (request, reply) => {
      const { timeZone = 'UTC', ...query } = request.query;
      const timeOf = zonedTime(timeZone);
      if (timeOf === undefined) throw appError('request.invalid', { fields: [{ field: 'timeZone', reason: 'is no IANA time zone' }] });
      const filter = filterOf(query);
      const signal = gate.begin(request, reply.raw);
      const deadline = new Date(Date.now() + exportBudgetMs);
      const rows = csvOf(lifeCycle.exportVerifications({ filter }, { ...callOptions(request), deadline, signal }), timeOf);
      // Taken before the answer begins, so that an error is an ordinary problem.
      const first = await rows.next();
      void reply
        .type('text/csv; charset=utf-8; header=present')
        .header('cache-control', 'no-store')
        .header('content-disposition', `attachment; filename="verifications-${new Date().toISOString().slice(0, 10)}.csv"`);
      return reply.send(Readable.from(resume(first, rows), { objectMode: true, highWaterMark: 1 }) as never);
    },
  );
};
