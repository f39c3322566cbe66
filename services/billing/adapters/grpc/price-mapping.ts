import { appError } from '#platform/errors/index.ts';
import { money, type Money } from '#platform/money/index.ts';
import * as proto from '#proto/namaskah/billing/v1/prices.ts';
import type * as promotions from '#proto/namaskah/billing/v1/promotions.ts';
import type { Explanation } from '../../app/prices/explain-charge.ts';
import type { Redemption } from '../../app/prices/ports.ts';
import { walletCurrency } from '../../domain/ledger.ts';
import type { BookContent, PriceRule, RulePrice } from '../../domain/prices/book.ts';
import type { PriceAsk, UnitPrice } from '../../domain/prices/engine.ts';
import { formatAttos, type Rounding, roundings } from '../../domain/prices/exact.ts';
import type { PriceItem } from '../../domain/prices/item.ts';
import type { Promotion } from '../../domain/prices/promotion.ts';
import { amountOf, type Quote, type QuotedUnit, quotedUnit } from '../../domain/prices/quote.ts';
import type { PriceBook } from '../../domain/prices/version.ts';

const itemOf = (item: PriceItem | undefined): PriceItem => ({ ...proto.PriceItem.create(), ...item });

export const askOf = (ask: proto.PriceAsk | undefined): PriceAsk => ({
  item: itemOf(ask?.item),
  listPrice: ask?.listPrice,
  floor: ask?.floor,
});

const quotedPrice = ({ price, lines, bookVersionId, book, version }: QuotedUnit): proto.Price => ({
  price,
  lines: lines.map(({ kind, label, attos }) => ({ kind, label, amount: formatAttos(attos) })),
  bookVersionId,
  book,
  version,
});
export const priceMessage = (unit: UnitPrice): proto.Price => quotedPrice(quotedUnit(unit));

export const quoteMessage = (quote: Quote): proto.Quote => ({
  id: quote.id,
  tenantId: quote.tenantId,
  items: quote.items.map((item) => ({ item: item.item, quantity: item.quantity, unit: quotedPrice(item.unit), amount: amountOf(item) })),
  total: quote.total,
  plan: quote.plan,
  expiresAt: quote.expiresAt,
  createdAt: quote.createdAt,
});

export const explanationMessage = (story: Explanation): proto.ExplainChargeResponse => ({
  charges: story.charges.map((charge) => ({ ...charge })),
  description: story.description,
  product: story.product,
  reference: story.reference,
  holdId: story.hold?.id ?? '',
  held: story.hold?.amount,
  captured: story.hold?.captured,
  quote: story.quote && quoteMessage(story.quote),
  explanation: story.words,
});

const invalid = (field: string, reason: string): Error => appError('request.invalid', { fields: [{ field, reason }] });

const inWalletCurrency = (amount: Money, field: string): bigint => {
  if (amount.currency !== walletCurrency) throw invalid(`${field}.currency`, `Only ${walletCurrency} for now.`);
  return amount.micros;
};

const rulePriceOf = (price: proto.PriceRule['price'], field: string): RulePrice => {
  switch (price?.$case) {
    case 'fixed':
      return { kind: 'fixed', micros: inWalletCurrency(price.value, `${field}.fixed`) };
    case 'plus':
      return { kind: 'plus', micros: inWalletCurrency(price.value, `${field}.plus`) };
    case 'multiplePpm':
      return { kind: 'multiple', ppm: price.value };
    case undefined:
      throw invalid(field, 'Send one of fixed, multiple_ppm and plus.');
  }
};

const isRounding = (text: string): text is Rounding => (roundings as readonly string[]).includes(text);

const ruleOf = ({ match, price, net, rounding }: proto.PriceRule, index: number): PriceRule => {
  const field = `content.rules[${index}]`;
  if (!isRounding(rounding)) throw invalid(`${field}.rounding`, `One of ${roundings.join(', ')}.`);
  return { match: itemOf(match), price: rulePriceOf(price, field), net, rounding };
};

/** @throws request.invalid for what cannot be said in the domain's words; the rest is the use case's to judge */
export const contentOf = (content: proto.PriceBookContent | undefined): BookContent => {
  const { rules, volume, maxDiscountPpm } = content ?? proto.PriceBookContent.create();
  const measure = volume?.measure;
  if (measure !== undefined && measure !== 'spend' && measure !== 'purchases')
    throw invalid('content.volume.measure', 'One of spend, purchases.');
  return {
    rules: rules.map(ruleOf),
    volume:
      measure === undefined
        ? undefined
        : { measure, tiers: (volume?.tiers ?? []).map(({ from, discountPpm }) => ({ from, ppm: BigInt(discountPpm) })) },
    maxDiscountPpm: maxDiscountPpm === undefined ? undefined : BigInt(maxDiscountPpm),
  };
};

const rulePriceMessage = (price: RulePrice): NonNullable<proto.PriceRule['price']> =>
  price.kind === 'multiple'
    ? { $case: 'multiplePpm', value: price.ppm }
    : { $case: price.kind, value: money(walletCurrency, price.micros) };

const contentMessage = ({ rules, volume, maxDiscountPpm }: BookContent): proto.PriceBookContent => ({
  rules: rules.map(({ match, price, net, rounding }) => ({ match, price: rulePriceMessage(price), net, rounding })),
  volume: volume && { measure: volume.measure, tiers: volume.tiers.map(({ from, ppm }) => ({ from, discountPpm: Number(ppm) })) },
  maxDiscountPpm: maxDiscountPpm === undefined ? undefined : Number(maxDiscountPpm),
});

export const bookMessage = (book: Omit<PriceBook, 'content'> & Partial<Pick<PriceBook, 'content'>>): proto.PriceBook => ({
  id: book.id,
  ...book.key,
  version: book.version,
  state: book.state,
  content: book.content && contentMessage(book.content),
  note: book.note,
  effectiveFrom: book.effectiveFrom,
  effectiveTo: book.effectiveTo,
  revision: book.revision,
  createdBy: book.createdBy,
  createdAt: book.createdAt,
  proposedBy: book.proposedBy ?? '',
  decidedBy: book.decidedBy ?? '',
  decidedAt: book.decidedAt,
});

export const promotionMessage = (promotion: Promotion): promotions.Promotion => ({
  id: promotion.id,
  code: promotion.code,
  kind: promotion.kind,
  percentPpm: Number(promotion.percentPpm),
  amount: promotion.kind === 'percent' ? undefined : money(promotion.currency, promotion.amountMicros),
  products: [...promotion.products],
  minimum: money(promotion.currency, promotion.minimumMicros),
  firstPurchaseOnly: promotion.firstPurchaseOnly,
  startsAt: promotion.startsAt,
  endsAt: promotion.endsAt,
  totalLimit: promotion.totalLimit,
  tenantLimit: promotion.tenantLimit,
  benefitDays: promotion.benefitDays,
  redeemed: promotion.redeemed,
  createdBy: promotion.createdBy,
  createdAt: promotion.createdAt,
});

export const redemptionMessage = (redemption: Redemption): promotions.Redemption => ({
  id: redemption.id,
  promotionId: redemption.promotionId,
  code: redemption.code,
  kind: redemption.kind,
  percentPpm: Number(redemption.percentPpm),
  amount: redemption.kind === 'percent' ? undefined : money(redemption.currency, redemption.amountMicros),
  products: [...redemption.products],
  transactionId: redemption.transferId ?? '',
  benefitEndsAt: redemption.benefitEndsAt,
  createdAt: redemption.createdAt,
});
