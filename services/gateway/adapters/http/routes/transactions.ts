import { Readable } from 'node:stream';
import { Type } from 'typebox';
import { appError } from '#platform/errors/index.ts';
import { type IdKind, isUuid, fromTypeId } from '#platform/ids/index.ts';
import { minuteMs } from '#platform/time/index.ts';
import type { Transaction as TransactionMessage, TransactionFilter } from '#proto/namaskah/billing/v1/billing.ts';
import { readAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions, pathId } from '../context.ts';
import { csvRow, csvText } from '../csv.ts';
import { exportGate, resume } from '../exports.ts';
import { edgeId, fromMoney, fromTime, orNull, page, toMoney, toPage, toTime } from '../mapping.ts';
import { edgeReference, rawReference } from '../references.ts';
import { Amount, closed, Currency, id, pageOf, PageQuery, problems, SignedAmount, type Static, Timestamp } from '../schemas.ts';
import { zonedTime } from '../zoned-time.ts';
import type { App } from './index.ts';

const types = [
  'payment',
  'promotion',
  'charge',
  'refund',
  'payment_refund',
  'dispute',
  'subscription',
  'usage',
  'adjustment',
  'expiry',
] as const;
const products = ['verification', 'campaign', 'rental', 'subscription', 'usage'] as const;

const Actor = Type.String({
  maxLength: 100,
  description: 'Id of the member (usr_…) or the API key (key_…) who caused it',
  examples: ['key_01kaj4p1ncf5sv5nh2e4t2x9wd'],
});
const Transaction = Type.Object(
  {
    id: id('txn'),
    type: Type.String({
      description:
        'payment, promotion (credit given), charge, refund (a charge given back), payment_refund (a payment given back), dispute, subscription, usage, adjustment (by hand), expiry (credit that lapsed)',
      examples: ['charge'],
    }),
    amount: SignedAmount,
    currency: Currency,
    balanceAfter: Type.String({ examples: ['12.05'] }),
    description: Type.String({ examples: ['Telegram code, Indonesia'] }),
    product: Type.Union([Type.String({ examples: ['verification'] }), Type.Null()], { description: 'What was bought, or given back' }),
    reference: Type.Union([Type.String({ examples: ['ver_01kaj4p1ncf5sv5nh2e4t2x9wd'] }), Type.Null()], {
      description: 'Id of the verification, rental, campaign, payment or adjustment',
    }),
    reverses: Type.Union([id('txn'), Type.Null()], { description: 'The transaction that this one gives back, whole or in part' }),
    actor: Type.Union([Actor, Type.Null()], {
      description: 'The member or the API key who caused it; of a refund, whoever caused what it gives back. null: nobody in particular',
    }),
    createdAt: Timestamp,
  },
  { ...closed, description: 'One entry of the wallet' },
);

const Filter = {
  type: Type.Optional(Type.Enum([...types])),
  product: Type.Optional(Type.Enum([...products])),
  from: Type.Optional(Type.String({ ...Timestamp, description: 'Not before; RFC 3339' })),
  to: Type.Optional(Type.String({ ...Timestamp, description: 'Before; RFC 3339' })),
  minAmount: Type.Optional(Type.String({ ...Amount, description: 'At least, without the sign' })),
  maxAmount: Type.Optional(Type.String({ ...Amount, description: 'At most, without the sign' })),
  reference: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 255,
      description: 'Id of the verification, rental, campaign, payment …: everything that was booked for it',
    }),
  ),
  actor: Type.Optional(Actor),
};
const FilterQuery = Type.Object(Filter, closed);

const referenceOf = ({ type, product, reference, reversesId }: TransactionMessage): string | null =>
  reversesId !== '' && reference === reversesId
    ? edgeId('transaction', reference)
    : edgeReference(product === 'verification' || product === 'campaign' ? product : type, reference);

/** Members and keys, by the names that principals have. */
const actorKinds = { user: 'user', key: 'apiKey' } as const satisfies Readonly<Record<string, IdKind>>;
const actorFromProto = (actor: string): string | null => {
  const [kind = '', raw = ''] = actor.split(':');
  const known = kind === 'user' || kind === 'key' ? actorKinds[kind] : undefined;
  return known === undefined || !isUuid(raw) ? null : edgeId(known, raw);
};
const actorToProto = (actor: string): string => {
  for (const [prefix, kind] of Object.entries(actorKinds)) {
    const raw = fromTypeId(kind, actor);
    if (raw !== undefined) return `${prefix}:${raw}`;
  }
  throw appError('request.invalid', { fields: [{ field: 'actor', reason: 'is the id of neither a member nor an API key' }] });
};

const transactionFromProto = (entry: TransactionMessage | undefined) => {
  if (!entry) throw new Error('the billing service answered without a transaction');
  return {
    id: edgeId('transaction', entry.id),
    type: entry.type,
    amount: fromMoney(entry.amount),
    currency: entry.amount?.currency ?? '',
    balanceAfter: fromMoney(entry.balanceAfter),
    description: entry.description,
    product: orNull(entry.product),
    reference: referenceOf(entry),
    reverses: entry.reversesId === '' ? null : edgeId('transaction', entry.reversesId),
    actor: actorFromProto(entry.actor),
    createdAt: fromTime(entry.createdAt) ?? '',
  };
};

const toFilter = (query: Static<typeof FilterQuery>): TransactionFilter => ({
  type: query.type ?? '',
  product: query.product ?? '',
  from: toTime(query.from),
  to: toTime(query.to),
  minAmount: query.minAmount === undefined ? undefined : toMoney('minAmount', query.minAmount),
  maxAmount: query.maxAmount === undefined ? undefined : toMoney('maxAmount', query.maxAmount),
  reference: rawReference(query.reference ?? ''),
  actor: query.actor === undefined ? '' : actorToProto(query.actor),
});

const columns = ['id', 'time', 'type', 'product', 'amount', 'currency', 'balance_after', 'description', 'reference', 'reverses', 'actor'];
const exportBudgetMs = 15 * minuteMs;

/** The header row with the first rows, then the others as they are taken. */
const csvOf = async function* csv(
  batches: AsyncIterable<{ readonly transactions: readonly TransactionMessage[] }>,
  timeOf: (at: Date) => string,
): AsyncGenerator<string, void> {
  let text = csvRow(columns);
  for await (const { transactions } of batches) {
    for (const message of transactions) {
      const row = transactionFromProto(message);
      const cells = [row.id, timeOf(message.createdAt ?? new Date(0)), row.type, row.product ?? '', row.amount, row.currency];
      text += csvRow([
        ...cells,
        row.balanceAfter,
        csvText(row.description),
        csvText(row.reference ?? ''),
        row.reverses ?? '',
        row.actor ?? '',
      ]);
    }
    yield text;
    text = '';
  }
  if (text !== '') yield text;
};

export const transactionRoutes = (app: App, { wallet }: Pick<Backends, 'wallet'>): void => {
  const tags = ['wallet'];
  const access = readAccess('transactions:read');
  const gate = exportGate();
  app.addHook('preClose', async () => gate.close());

  app.get(
    '/v2/transactions',
    {
      config: { access },
      schema: {
        tags,
        summary: 'Entries of the wallet, newest first',
        querystring: Type.Object({ ...PageQuery, ...Filter }, closed),
        response: { 200: pageOf(Transaction), ...problems(403, 422) },
      },
    },
    async (request) => {
      const filter = toFilter(request.query);
      const answer = await wallet.listTransactions(
        { page: toPage(request.query), type: '', from: undefined, to: undefined, filter },
        callOptions(request),
      );
      return page(answer.transactions, answer.nextCursor, transactionFromProto);
    },
  );
  app.get(
    '/v2/transactions/export.csv',
    {
      config: { access },
      schema: {
        tags,
        summary: 'Entries of the wallet as CSV, oldest first',
        description:
          'Streamed, however many there are, as the wallet stood at the request. First a row of column names; UTF-8, RFC 4180. ' +
          'Text that a spreadsheet would run as a formula gets an apostrophe in front. An answer that breaks off is incomplete: ask again.',
        querystring: Type.Object(
          {
            ...Filter,
            timeZone: Type.Optional(
              Type.String({ maxLength: 64, description: 'IANA zone of the times in the file; UTC by default', examples: ['Asia/Jakarta'] }),
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
      const signal = gate.begin(request, reply.raw);
      const deadline = new Date(Date.now() + exportBudgetMs);
      const batches = wallet.exportTransactions({ filter: toFilter(query) }, { ...callOptions(request), deadline, signal });
      const rows = csvOf(batches, timeOf);
      const first = await rows.next();
      void reply
        .type('text/csv; charset=utf-8; header=present')
        .header('cache-control', 'no-store')
        .header('content-disposition', `attachment; filename="transactions-${new Date().toISOString().slice(0, 10)}.csv"`);
      return reply.send(Readable.from(resume(first, rows), { objectMode: true, highWaterMark: 1 }) as never);
    },
  );
  app.get(
    '/v2/transactions/:id',
    {
      config: { access },
      schema: {
        tags,
        summary: 'One entry of the wallet',
        params: Type.Object({ id: Type.String() }),
        response: { 200: Transaction, ...problems(403, 404) },
      },
    },
    async (request) =>
      transactionFromProto(
        (await wallet.getTransaction({ id: pathId('transaction', request.params.id) }, callOptions(request))).transaction,
      ),
  );
};
