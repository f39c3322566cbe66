import { appError, type FieldViolation } from '#platform/errors/index.ts';
import { isUuid } from '#platform/ids/index.ts';
import { maxMicros, type Money } from '#platform/money/index.ts';
import { walletCurrency } from '../domain/ledger.ts';

type Check = FieldViolation | undefined;

/** @throws request.invalid with every field that is wrong */
export const refuseInvalid = (...checks: readonly Check[]): void => {
  const fields = checks.filter((check) => check !== undefined);
  if (fields.length > 0) throw appError('request.invalid', { fields });
};

export const check = (valid: boolean, field: string, reason: string): Check => (valid ? undefined : { field, reason });

export const checkKey = (key: string): Check => check(key.length >= 1 && key.length <= 255, 'idempotency_key', 'Send 1 to 255 characters.');

export const checkAmount = ({ currency, micros }: Money): Check =>
  currency !== walletCurrency
    ? { field: 'amount.currency', reason: `Only ${walletCurrency} for now.` }
    : check(micros > 0n && micros <= maxMicros, 'amount.micros', 'Must be greater than zero.');

/** Another tenant's id, an unknown id and something that is no id look the same from outside. */
export const requireId = (id: string): void => {
  if (!isUuid(id)) throw appError('request.not_found');
};

export const checkText = (value: string, field: string, max: number): Check =>
  check(value.length <= max, field, `At most ${max} characters.`);
