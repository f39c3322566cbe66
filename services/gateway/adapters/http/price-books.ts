/** Shapes of price books and their way to and from the messages of billing. */
import { Type } from 'typebox';
import { appError } from '#platform/errors/index.ts';
import { parseDecimal } from '#platform/money/index.ts';
import type { PriceBook as BookMessage, PriceBookContent, PriceItem, PriceRule as RuleMessage } from '#proto/namaskah/billing/v1/prices.ts';
import { edgeId, fromMoney, fromTime, orNull, toMoney } from './mapping.ts';
import { Factor, factorFromPpm, factorToPpm, fromPpm, Percent, toPpm } from './rates.ts';
import { Amount, closed, id, type Static, Timestamp } from './schemas.ts';
import { fromItem, Item } from './prices.ts';

const nothing = Type.Null();
const text = (examples: string[]) => Type.Optional(Type.String({ minLength: 1, maxLength: 64, examples }));
const SignedMoney = Type.String({ pattern: String.raw`^-?(0|[1-9]\d{0,9})(\.\d{1,6})?$`, examples: ['-0.05'] });

export const Match = Type.Object(
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
export const content = {
  rules: Type.Array(Rule, { maxItems: 5_000 }),
  volume: Type.Optional(Volume),
  maxDiscount: Type.Optional(Type.String({ ...Percent, description: 'Of all discounts together' })),
  note: Type.Optional(Type.String({ maxLength: 500, examples: ['Autumn prices'] })),
};
export const Scope = Type.Enum(['default', 'plan', 'tenant']);
export const State = Type.Enum(['draft', 'proposed', 'published', 'rejected']);

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
export const BookSummary = Type.Object(summary, closed);
export const Book = Type.Object(
  {
    ...summary,
    rules: Type.Array(Type.Object({ match: Item, price: RulePrice, net: Type.Boolean(), rounding: Type.Enum(['minor', 'micro']) }, closed)),
    volume: Type.Union([Volume, nothing]),
    maxDiscount: Type.Union([Percent, nothing]),
  },
  closed,
);
export const Span = {
  effectiveFrom: Type.Optional(Type.String({ ...Timestamp, description: 'Now, if left out or past' })),
  effectiveTo: Type.Optional(
    Type.String({ ...Timestamp, description: 'Until it is replaced, if left out; then the version before it resumes' }),
  ),
};

export const toItem = (match: Static<typeof Match>): PriceItem => {
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
export const toContent = ({ rules, volume, maxDiscount }: ContentBody): PriceBookContent => ({
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

export const fromBook = (book: BookMessage): Static<typeof BookSummary> => ({
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

export const fromWholeBook = (book: BookMessage | undefined): Static<typeof Book> => {
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
