import { appError, type FieldViolation } from '#platform/errors/index.ts';
import { maxMicros, type Money } from '#platform/money/index.ts';
import { walletCurrency } from '../../domain/ledger.ts';
import { itemViolation } from '../../domain/prices/book.ts';
import { type Customer, type PriceAsk, priceOne, type UnitPrice } from '../../domain/prices/engine.ts';
import { normalItem } from '../../domain/prices/item.ts';

const moneyViolation = (amount: Money | undefined, field: string): FieldViolation | undefined => {
  if (amount === undefined) return undefined;
  if (amount.currency !== walletCurrency) return { field: `${field}.currency`, reason: `Only ${walletCurrency} for now.` };
  return amount.micros >= 0n && amount.micros <= maxMicros ? undefined : { field: `${field}.micros`, reason: 'Out of range.' };
};

/**
 * One unit's price for a customer.
 * @throws request.invalid with the fields · billing.no_price
 */
export const priceAsked = (ask: PriceAsk, customer: Customer, field: string): UnitPrice => {
  const item = normalItem(ask.item);
  const fields = [
    itemViolation(item, `${field}.item`),
    moneyViolation(ask.listPrice, `${field}.list_price`),
    moneyViolation(ask.floor, `${field}.floor`),
  ].filter((violation) => violation !== undefined);
  if (fields.length > 0) throw appError('request.invalid', { fields });
  const unit = priceOne({ ...ask, item }, customer, walletCurrency);
  if (unit === undefined) throw appError('billing.no_price');
  return unit;
};
