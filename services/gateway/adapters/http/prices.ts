/** Shapes of prices, quotes and explanations, from the messages of billing. */
import { Type } from 'typebox';
import { isUuid } from '#platform/ids/index.ts';
import type { ExplainChargeResponse, Price as PriceMessage, PriceItem, Quote as QuoteMessage } from '#proto/namaskah/billing/v1/prices.ts';
import { edgeId, fromMoney, fromTime, orNull } from './mapping.ts';
import { edgeReference } from './references.ts';
import { closed, Currency, id, type Static, Timestamp } from './schemas.ts';

const nothing = Type.Null();

export const Item = Type.Object(
  {
    product: Type.String({ examples: ['verification'] }),
    service: Type.Union([Type.String({ examples: ['telegram'] }), nothing]),
    country: Type.Union([Type.String({ examples: ['ID'] }), nothing]),
    capability: Type.Union([Type.String({ examples: ['sms'] }), nothing]),
    operator: Type.Union([Type.String(), nothing]),
    duration: Type.Union([Type.String({ examples: ['30d'] }), nothing]),
    segments: Type.Union([Type.Integer(), nothing]),
  },
  closed,
);
export const UnitPrice = Type.Object(
  {
    price: Type.String({ examples: ['0.30'] }),
    currency: Currency,
    lines: Type.Array(
      Type.Object(
        {
          kind: Type.Enum(['list', 'rule', 'plan_discount', 'volume_discount', 'promotion', 'cap', 'floor', 'rounding']),
          label: Type.String({ examples: ['20 % off by plan pro'] }),
          amount: Type.String({ description: 'Exact, up to 18 decimals', examples: ['-0.074'] }),
        },
        closed,
      ),
      { description: 'How it came about; the lines add up to the price, exactly' },
    ),
    book: Type.String({ description: 'The price book whose rule applied: default, of a plan, or your own', examples: ['default'] }),
    version: Type.Integer({ examples: [3] }),
  },
  closed,
);
export const Quote = Type.Object(
  {
    id: id('quo'),
    total: Type.String({ examples: ['0.30'] }),
    currency: Currency,
    plan: Type.String({ description: 'Your plan when it was made', examples: ['pro'] }),
    items: Type.Array(
      Type.Object({ item: Item, quantity: Type.Integer(), unit: UnitPrice, amount: Type.String({ examples: ['0.30'] }) }, closed),
    ),
    expiresAt: Timestamp,
    createdAt: Timestamp,
  },
  closed,
);
export const Explanation = Type.Object(
  {
    explanation: Type.String({ description: 'In words: what is known, and what is not' }),
    description: Type.String({ examples: ['Telegram code, Indonesia'] }),
    product: Type.String({ examples: ['verification'] }),
    reference: Type.Union([Type.String({ examples: ['ver_01kaj4p1ncf5sv5nh2e4t2x9wd'] }), nothing]),
    charges: Type.Array(Type.Object({ transactionId: id('txn'), type: Type.String(), amount: Type.String(), at: Timestamp }, closed)),
    held: Type.Union([Type.String(), nothing], { description: 'What was reserved for it' }),
    charged: Type.Union([Type.String(), nothing], { description: 'What of that was charged' }),
    currency: Type.Union([Currency, nothing]),
    quote: Type.Union([Quote, nothing], { description: 'The promise that it was bought by; null when it was bought without one' }),
  },
  closed,
);

export const fromItem = (item: PriceItem | undefined): Static<typeof Item> => ({
  product: item?.product ?? '',
  service: orNull(item?.service ?? ''),
  country: orNull(item?.country ?? ''),
  capability: orNull(item?.capability ?? ''),
  operator: orNull(item?.operator ?? ''),
  duration: orNull(item?.duration ?? ''),
  segments: item?.segments || null,
});

/** A tenant's book is shown by his edge id. */
const fromBookName = (name: string): string => {
  const [scope, owner = ''] = name.split(':');
  return scope === 'tenant' && isUuid(owner) ? `tenant:${edgeId('tenant', owner)}` : name;
};

type LineKind = Static<typeof UnitPrice>['lines'][number]['kind'];

export const fromUnitPrice = (unit: PriceMessage | undefined): Static<typeof UnitPrice> => ({
  price: fromMoney(unit?.price),
  currency: unit?.price?.currency ?? '',
  lines: (unit?.lines ?? []).map(({ kind, label, amount }) => ({ kind: kind as LineKind, label, amount })),
  book: fromBookName(unit?.book ?? ''),
  version: unit?.version ?? 0,
});

export const fromQuote = (quote: QuoteMessage | undefined): Static<typeof Quote> => {
  if (!quote) throw new Error('the billing service answered without a quote');
  return {
    id: edgeId('quote', quote.id),
    total: fromMoney(quote.total),
    currency: quote.total?.currency ?? '',
    plan: quote.plan,
    items: quote.items.map(({ item, quantity, unit, amount }) => ({
      item: fromItem(item),
      quantity: Number(quantity),
      unit: fromUnitPrice(unit),
      amount: fromMoney(amount),
    })),
    expiresAt: fromTime(quote.expiresAt) ?? '',
    createdAt: fromTime(quote.createdAt) ?? '',
  };
};

export const fromExplanation = (story: ExplainChargeResponse): Static<typeof Explanation> => {
  const { product, reference } = story;
  return {
    explanation: story.explanation,
    description: story.description,
    product,
    reference: edgeReference(product, reference),
    charges: story.charges.map(({ transactionId, type, amount, at }) => ({
      ...{ transactionId: edgeId('transaction', transactionId), type, amount: fromMoney(amount), at: fromTime(at) ?? '' },
    })),
    held: story.held ? fromMoney(story.held) : null,
    charged: story.captured ? fromMoney(story.captured) : null,
    currency: story.held?.currency ?? story.charges[0]?.amount?.currency ?? null,
    quote: story.quote ? fromQuote(story.quote) : null,
  };
};
