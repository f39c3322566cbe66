import { Type } from 'typebox';
import { appError } from '#platform/errors/index.ts';
import { fromTypeId } from '#platform/ids/index.ts';
import { parseDecimal } from '#platform/money/index.ts';
import type { PriceBook as BookMessage, PriceBookContent, PriceItem, PriceRule as RuleMessage } from '#proto/namaskah/billing/v1/prices.ts';
import { operatorAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions, idempotencyKeyOf, pathId } from '../context.ts';
import { edgeId, fromMoney, fromTime, orNull, page, toMoney, toPage, toTime } from '../mapping.ts';
import { Factor, factorFromPpm, factorToPpm, fromPpm, Percent, toPpm } from '../rates.ts';
import { Amount, closed, id, IdempotencyHeaders, pageOf, PageQuery, problems, type Static, Timestamp } from '../schemas.ts';
import { fromItem, fromUnitPrice, Item, UnitPrice } from './prices.ts';
import type { App } from './index.ts';

const nothing = Type.Null();
const text = (examples: string[]) => Type.Optional(Type.String({ minLength: 1, maxLength: 64, examples }));
const SignedMoney = Type.String({ pattern: String.raw`^-?(0|[1-9]\d{0,9})(\.\d{1,6})?$`, examples: ['-0.05'] });

const Match = Type.Object(
  {
    product: Type.Enum(['verification', 'campaign', 'rental', 'subscription', 'usage']),
    service: text(['telegram']),
    country: Type.Optional(Type.String({ pattern: '^[A-Za-z]{2}$', examples: ['ID'] })),
    capability: text(['sms']),
    operator: text(['telkomsel']),
    duration: Type.Optional(Type.String({ pattern: '^[1-9][0-9]{0,3}[hd]$', examples: ['30d'] })),
    segments: Type.Optional(Type.Integer({ minimum: 1, maximum: 255 })),
  },
  {
    ...closed,
    description: 'Everything that is named must match; the rule that names the most wins, service before country before the rest',
  },
);
const RulePrice = Type.Union(
  [Type.Object({ fixed: Amount }, closed), Type.Object({ multiple: Factor }, closed), Type.Object({ plus: SignedMoney }, closed)],
  { description: 'A fixed price, a multiple of the list price, or the list price plus something', examples: [{ multiple: '0.9' }] },
);
const Rule = Type.Object(
  {
    match: Match,
    price: RulePrice,
    net: Type.Optional(Type.Boolean({ description: 'Takes no discount and no promotion' })),
    rounding: Type.Optional(
      Type.Enum(['minor', 'micro'], { description: 'To the smallest unit of the currency, or to a millionth; minor, if left out' }),
    ),
  },
  closed,
);
const Volume = Type.Object(
  {
    measure: Type.Enum(['spend', 'purchases']),
    tiers: Type.Array(Type.Object({ from: Type.String({ ...Amount, examples: ['100.00'] }), discount: Percent }, closed), {
      minItems: 1,
      maxItems: 20,
      description: 'From this much in the calendar month (UTC)',
    }),
  },
  closed,
);
const content = {
  rules: Type.Array(Rule, { maxItems: 5_000 }),
  volume: Type.Optional(Volume),
  maxDiscount: Type.Optional(Type.String({ ...Percent, description: 'Of all discounts together' })),
  note: Type.Optional(Type.String({ maxLength: 500, examples: ['Autumn prices'] })),
};
const Scope = Type.Enum(['default', 'plan', 'tenant']);
const State = Type.Enum(['draft', 'proposed', 'published', 'rejected']);

const summary = {
  id: id('pbk'),
  scope: Scope,
  plan: Type.Union([Type.String(), nothing]),
  tenantId: Type.Union([id('ten'), nothing]),
  version: Type.Union([Type.Integer(), nothing], { description: 'Number in its book; null until it is published' }),
  state: State,
  note: Type.String(),
  effectiveFrom: Type.Union([Timestamp, nothing]),
  effectiveTo: Type.Union([Timestamp, nothing]),
  revision: Type.Integer({ description: 'Send it back with a change' }),
  createdBy: Type.String({ examples: ['user:01890000-0000-7000-8000-000000000000'] }),
  createdAt: Timestamp,
  proposedBy: Type.Union([Type.String(), nothing]),
  decidedBy: Type.Union([Type.String(), nothing]),
  decidedAt: Type.Union([Timestamp, nothing]),
};
const BookSummary = Type.Object(summary, closed);
const Book = Type.Object(
  {
    ...summary,
    rules: Type.Array(Type.Object({ match: Item, price: RulePrice, net: Type.Boolean(), rounding: Type.Enum(['minor', 'micro']) }, closed)),
    volume: Type.Union([Volume, nothing]),
    maxDiscount: Type.Union([Percent, nothing]),
  },
  closed,
);
const Span = {
  effectiveFrom: Type.Optional(Type.String({ ...Timestamp, description: 'Now, if left out or past' })),
  effectiveTo: Type.Optional(
    Type.String({ ...Timestamp, description: 'Until it is replaced, if left out; then the version before it resumes' }),
  ),
};

const toItem = (match: Static<typeof Match>): PriceItem => {
  const { product, service = '', country = '', capability = '', operator = '', duration = '', segments = 0 } = match;
  return { product, service, country, capability, operator, duration, segments };
};

const toRulePrice = (price: Static<typeof RulePrice>, field: string): NonNullable<RuleMessage['price']> => {
  if ('fixed' in price) return { $case: 'fixed', value: toMoney(`${field}.fixed`, price.fixed) };
  if ('plus' in price) return { $case: 'plus', value: toMoney(`${field}.plus`, price.plus) };
  return { $case: 'multiplePpm', value: factorToPpm(`${field}.multiple`, price.multiple) };
};

/** Spend is an amount; purchases are whole. */
const toTierStart = (measure: Static<typeof Volume>['measure'], from: string, field: string): bigint => {
  const micros = parseDecimal(from) ?? 0n;
  if (measure === 'spend') return micros;
  if (micros % 1_000_000n !== 0n) throw appError('request.invalid', { fields: [{ field, reason: 'must be a whole number' }] });
  return micros / 1_000_000n;
};

interface ContentBody {
  readonly rules: Static<typeof Rule>[];
  readonly volume?: Static<typeof Volume>;
  readonly maxDiscount?: string;
}
const toContent = ({ rules, volume, maxDiscount }: ContentBody): PriceBookContent => ({
  rules: rules.map(({ match, price, net = false, rounding = 'minor' }, index) => ({
    ...{ match: toItem(match), price: toRulePrice(price, `rules[${index}].price`), net, rounding },
  })),
  volume: volume && {
    measure: volume.measure,
    tiers: volume.tiers.map(({ from, discount }, index) => ({
      from: toTierStart(volume.measure, from, `volume.tiers[${index}].from`),
      discountPpm: Number(toPpm(`volume.tiers[${index}].discount`, discount)),
    })),
  },
  ...(maxDiscount === undefined ? {} : { maxDiscountPpm: Number(toPpm('maxDiscount', maxDiscount)) }),
});

const fromRulePrice = (price: RuleMessage['price']): Static<typeof RulePrice> => {
  switch (price?.$case) {
    case 'fixed':
      return { fixed: fromMoney(price.value) };
    case 'plus':
      return { plus: fromMoney(price.value) };
    case 'multiplePpm':
      return { multiple: factorFromPpm(price.value) };
    case undefined:
      throw new Error('the billing service answered with a rule without a price');
  }
};

const fromBook = (book: BookMessage): Static<typeof BookSummary> => ({
  id: edgeId('priceBook', book.id),
  scope: book.scope as Static<typeof Scope>,
  plan: orNull(book.plan),
  tenantId: book.tenantId === '' ? null : edgeId('tenant', book.tenantId),
  version: book.version || null,
  state: book.state as Static<typeof State>,
  note: book.note,
  effectiveFrom: fromTime(book.effectiveFrom),
  effectiveTo: fromTime(book.effectiveTo),
  revision: book.revision,
  createdBy: book.createdBy,
  createdAt: fromTime(book.createdAt) ?? '',
  proposedBy: orNull(book.proposedBy),
  decidedBy: orNull(book.decidedBy),
  decidedAt: fromTime(book.decidedAt),
});

const fromVolume = ({ volume }: PriceBookContent): Static<typeof Volume> | null =>
  volume === undefined
    ? null
    : {
        measure: volume.measure as 'spend' | 'purchases',
        tiers: volume.tiers.map(({ from, discountPpm }) => ({
          from: volume.measure === 'spend' ? fromMoney({ currency: '', micros: from }) : String(from),
          discount: fromPpm(BigInt(discountPpm)),
        })),
      };

const fromWholeBook = (book: BookMessage | undefined): Static<typeof Book> => {
  if (!book?.content) throw new Error('the billing service answered without a price book');
  const { rules, maxDiscountPpm } = book.content;
  return {
    ...fromBook(book),
    rules: rules.map(({ match, price, net, rounding }) => ({
      ...{ match: fromItem(match), price: fromRulePrice(price), net, rounding: rounding as 'minor' | 'micro' },
    })),
    volume: fromVolume(book.content),
    maxDiscount: maxDiscountPpm === undefined ? null : fromPpm(BigInt(maxDiscountPpm)),
  };
};

/** An id in a query or a body. @throws request.invalid on that field */
const idOf = (kind: 'tenant' | 'priceBook', field: string, value: string | undefined): string => {
  if (value === undefined) return '';
  const uuid = fromTypeId(kind, value);
  if (uuid === undefined) throw appError('request.invalid', { fields: [{ field, reason: 'is not such an id' }] });
  return uuid;
};

const tags = ['operators'];
const config = { access: operatorAccess() };
const params = Type.Object({ id: Type.String() });
/** Thousands of rules. */
const bodyLimit = 2 << 20;

/** Price books, for those who run the platform. */
export const priceBookRoutes = (app: App, { priceBooks }: Backends): void => {
  app.get(
    '/v2/admin/price-books',
    {
      config,
      schema: {
        tags,
        summary: 'Versions of price books, newest first',
        description: 'The history of a book: filter by its scope, and plan or tenant.',
        querystring: Type.Object(
          {
            ...PageQuery,
            scope: Type.Optional(Scope),
            plan: Type.Optional(Type.String({ maxLength: 40 })),
            tenantId: Type.Optional(id('ten')),
            state: Type.Optional(State),
          },
          closed,
        ),
        response: { 200: pageOf(BookSummary), ...problems(403, 422) },
      },
    },
    async (request) => {
      const { scope = '', plan = '', state = '', tenantId } = request.query;
      const query = { page: toPage(request.query), scope, plan, state, tenantId: idOf('tenant', 'tenantId', tenantId) };
      const answer = await priceBooks.listPriceBooks(query, callOptions(request));
      return page(answer.priceBooks, answer.nextCursor, fromBook);
    },
  );
  app.post(
    '/v2/admin/price-books',
    {
      config,
      bodyLimit,
      schema: {
        tags,
        summary: 'Draft the next version of a book',
        headers: IdempotencyHeaders,
        body: Type.Object(
          {
            scope: Scope,
            plan: Type.Optional(Type.String({ maxLength: 40, examples: ['pro'] })),
            tenantId: Type.Optional(id('ten')),
            ...content,
          },
          {
            ...closed,
            examples: [{ scope: 'default', rules: [{ match: { product: 'verification' }, price: { multiple: '1' } }], maxDiscount: '50' }],
          },
        ),
        response: { 201: Book, ...problems(403, 409, 422) },
      },
    },
    async (request, reply) => {
      const { scope, plan = '', tenantId, note = '' } = request.body;
      const call = {
        ...{ idempotencyKey: idempotencyKeyOf(request), scope, plan, note },
        ...{ tenantId: idOf('tenant', 'tenantId', tenantId), content: toContent(request.body) },
      };
      return reply.code(201).send(fromWholeBook((await priceBooks.createPriceBook(call, callOptions(request))).priceBook));
    },
  );
  app.post(
    '/v2/admin/price-books/try',
    {
      config,
      schema: {
        tags,
        summary: 'What would a tenant pay?',
        description: 'At any time, perhaps by a draft in the place of its book. Changes nothing.',
        body: Type.Object(
          {
            tenantId: id('ten'),
            item: Match,
            listPrice: Type.Optional(Amount),
            floor: Type.Optional(Type.String({ ...Amount, description: 'What it costs us: discounts stop there' })),
            at: Type.Optional(Timestamp),
            draftId: Type.Optional(id('pbk')),
          },
          closed,
        ),
        response: { 200: Type.Object({ plan: Type.String(), unit: UnitPrice }, closed), ...problems(403, 404, 422) },
      },
    },
    async (request) => {
      const { tenantId, item, listPrice, floor, at, draftId } = request.body;
      const ask = {
        item: toItem(item),
        listPrice: listPrice === undefined ? undefined : toMoney('listPrice', listPrice),
        floor: floor === undefined ? undefined : toMoney('floor', floor),
      };
      const trial = { tenantId: idOf('tenant', 'tenantId', tenantId), draftId: idOf('priceBook', 'draftId', draftId), ask, at: toTime(at) };
      const { unit, plan } = await priceBooks.tryPrice(trial, callOptions(request));
      return { plan, unit: fromUnitPrice(unit) };
    },
  );
  app.get(
    '/v2/admin/price-books/:id',
    { config, schema: { tags, summary: 'One version with its rules', params, response: { 200: Book, ...problems(403, 404) } } },
    async (request) =>
      fromWholeBook((await priceBooks.getPriceBook({ id: pathId('priceBook', request.params.id) }, callOptions(request))).priceBook),
  );
  app.put(
    '/v2/admin/price-books/:id',
    {
      config,
      bodyLimit,
      schema: {
        tags,
        summary: 'Replace the content of a draft',
        params,
        body: Type.Object({ revision: Type.Integer({ minimum: 1 }), ...content }, closed),
        response: { 200: Book, ...problems(403, 404, 409, 422) },
      },
    },
    async (request) => {
      const { revision, note = '' } = request.body;
      const change = { id: pathId('priceBook', request.params.id), revision, note, content: toContent(request.body) };
      return fromWholeBook((await priceBooks.changePriceBook(change, callOptions(request))).priceBook);
    },
  );
  priceBookDecisions(app, priceBooks);
};

const priceBookDecisions = (app: App, priceBooks: Backends['priceBooks']): void => {
  const span = (request: { params: { id: string }; body: { effectiveFrom?: string; effectiveTo?: string } }) => ({
    id: pathId('priceBook', request.params.id),
    effectiveFrom: toTime(request.body.effectiveFrom),
    effectiveTo: toTime(request.body.effectiveTo),
  });
  const answers = { 200: Book, ...problems(403, 404, 409, 422) };
  app.post(
    '/v2/admin/price-books/:id/publish',
    {
      config,
      schema: {
        tags,
        summary: 'Publish prices of everybody, or of a plan',
        description: 'Atomically: what was effective then ends there. Published prices never change.',
        params,
        body: Type.Object(Span, closed),
        response: answers,
      },
    },
    async (request) => fromWholeBook((await priceBooks.publishPriceBook(span(request), callOptions(request))).priceBook),
  );
  app.post(
    '/v2/admin/price-books/:id/propose',
    {
      config,
      schema: {
        tags,
        summary: "Ask another operator to approve a tenant's prices",
        params,
        body: Type.Object(Span, closed),
        response: answers,
      },
    },
    async (request) => fromWholeBook((await priceBooks.proposePriceBook(span(request), callOptions(request))).priceBook),
  );
  app.post(
    '/v2/admin/price-books/:id/decide',
    {
      config,
      schema: {
        tags,
        summary: 'Approve or reject a proposal',
        description: 'By anybody but who proposed it. Approving publishes it.',
        params,
        body: Type.Object({ approve: Type.Boolean() }, closed),
        response: answers,
      },
    },
    async (request) => {
      const decision = { id: pathId('priceBook', request.params.id), approve: request.body.approve };
      return fromWholeBook((await priceBooks.decidePriceBook(decision, callOptions(request))).priceBook);
    },
  );
  app.post(
    '/v2/admin/price-books/:id/end',
    {
      config,
      schema: {
        tags,
        summary: 'End published prices now',
        description: 'Or strike a version that has not begun. Then the next book on the way tenant, plan, default counts.',
        params,
        response: answers,
      },
    },
    async (request) =>
      fromWholeBook((await priceBooks.endPriceBook({ id: pathId('priceBook', request.params.id) }, callOptions(request))).priceBook),
  );
};
