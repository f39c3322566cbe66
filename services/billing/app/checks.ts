import { appError, type FieldViolation } from '#platform/errors/index.ts';
import { isUuid } from '#platform/ids/index.ts';
import { formatDecimal, maxMicros, type Money } from '#platform/money/index.ts';
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
    : check(micros > 0n && micros <= maxMicros, 'amount.micros', `Must be greater than zero and at most ${formatDecimal(maxMicros)}.`);

/** Of what a quote promises for nothing, nothing is reserved: a promotion may take off all of a price. */
export const checkReserved = (amount: Money, quoteId: string): Check =>
  quoteId !== '' && amount.currency === walletCurrency && amount.micros === 0n ? undefined : checkAmount(amount);

/** Another tenant's id, an unknown id and something that is no id look the same from outside. */
export const requireId = (id: string): void => {
  if (!isUuid(id)) throw appError('request.not_found');
};

export const checkText = (value: string, field: string, max: number): Check =>
  check(value.length <= max, field, `At most ${max} characters.`);

/** user:<id> or key:<id>: members and keys of a tenant. What services do on their own account has no actor. */
const actorShape = /^(user|key):[\x21-\x7e]{1,100}$/;
export const isActor = (text: string): boolean => actorShape.test(text);
export const checkActor = (actor: string) => check(actor === '' || isActor(actor), 'actor', 'user:<id> or key:<id>.');

/** YYYY-MM-DD. */
export const isDay = (text: string): boolean =>
  /^\d{4}-\d{2}-\d{2}$/.test(text) &&
  new Date(`${text}T00:00:00Z`).toString() !== 'Invalid Date' &&
  new Date(`${text}T00:00:00Z`).toISOString().startsWith(text) &&
  text >= '0001';
