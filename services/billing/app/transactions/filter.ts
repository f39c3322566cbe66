import type { Money } from '#platform/money/index.ts';
import { isProduct, isTransferType, products, transferTypes, walletCurrency } from '../../domain/ledger.ts';
import { check, checkActor, refuseInvalid } from '../checks.ts';
import type { EntryFilter } from '../ledger/ports.ts';

/** As it comes from outside: empty and absent fields let everything through. */
export interface TransactionFilter {
  readonly type: string;
  readonly product: string;
  readonly from: Date | undefined;
  readonly to: Date | undefined;
  readonly minAmount: Money | undefined;
  readonly maxAmount: Money | undefined;
  readonly reference: string;
  /** user:<id> or key:<id>; empty: whoever it was. */
  readonly actor: string;
}

const isSize = (amount: Money | undefined): boolean => amount === undefined || (amount.currency === walletCurrency && amount.micros >= 0n);

/** @throws request.invalid naming every field that is wrong */
export const entryFilter = ({ type, product, from, to, minAmount, maxAmount, reference, actor }: TransactionFilter): EntryFilter => {
  refuseInvalid(
    check(type === '' || isTransferType(type), 'type', `One of ${transferTypes.join(', ')}.`),
    check(product === '' || isProduct(product), 'product', `One of ${products.join(', ')}.`),
    check(from === undefined || to === undefined || from <= to, 'to', 'Must not be before from.'),
    check(isSize(minAmount), 'min_amount', `In ${walletCurrency}, not negative: the sign of the transaction does not count.`),
    check(isSize(maxAmount), 'max_amount', `In ${walletCurrency}, not negative: the sign of the transaction does not count.`),
    check(
      minAmount === undefined || maxAmount === undefined || minAmount.micros <= maxAmount.micros,
      'max_amount',
      'Must not be less than min_amount.',
    ),
    check(reference.length <= 255, 'reference', 'At most 255 characters.'),
    checkActor(actor),
  );
  return {
    ...(isTransferType(type) && { type }),
    ...(isProduct(product) && { product }),
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(minAmount !== undefined && { minMicros: minAmount.micros }),
    ...(maxAmount !== undefined && { maxMicros: maxAmount.micros }),
    ...(reference !== '' && { reference }),
    ...(actor !== '' && { actor }),
  };
};
