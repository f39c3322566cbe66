import type { RawAnswer } from '#platform/json-http/index.ts';
import type { Refusal } from '../../app/ports.ts';
import { idPattern } from './answers.ts';
import { dateOf, fieldsOf, microsOf, parsed, textOf } from './fields.ts';

/** What TextVerified's answers about rentals mean (its OpenAPI description, v2). Whatever stands in no table is unknown. */
const states: Readonly<Record<string, 'active' | 'ended' | 'returned'>> = {
  renewableActive: 'active',
  // Not paid for in time, and still ours for a while.
  renewableOverdue: 'active',
  renewableExpired: 'ended',
  renewableRefunded: 'returned',
  nonrenewableActive: 'active',
  nonrenewableExpired: 'ended',
  nonrenewableRefunded: 'returned',
};

export interface RentalLine {
  readonly id: string;
  /** E.164: the API says ten digits, every number is in the United States. */
  readonly phoneNumber: string;
  readonly serviceName: string;
  readonly state: 'active' | 'ended' | 'returned';
  readonly createdAt: Date | undefined;
  /** Of a renewable one its billing cycle has the end. */
  readonly endsAt: Date | undefined;
  readonly billingCycleId: string | undefined;
  /** Where a refund is asked for; undefined: it is not refundable now. */
  readonly refundHref: string | undefined;
}

const phonePattern = /^\+?1?(\d{10})$/;
const hrefOf = (value: unknown): string | undefined => textOf(fieldsOf(value)?.['href']) || undefined;

export const rentalLineOf = (value: unknown): RentalLine | undefined => {
  const fields = fieldsOf(value);
  const [id, digits] = [textOf(fields?.['id']), phonePattern.exec(textOf(fields?.['number']))?.[1]];
  const state = states[textOf(fields?.['state'])];
  if (fields === undefined || !idPattern.test(id) || digits === undefined || state === undefined) return undefined;
  const refund = fieldsOf(fields['refund']);
  const billingCycleId = textOf(fields['billingCycleId']);
  return {
    ...{ id, state, phoneNumber: `+1${digits}`, serviceName: textOf(fields['serviceName']) },
    ...{ createdAt: dateOf(fields['createdAt']), endsAt: dateOf(fields['endsAt']) },
    billingCycleId: idPattern.test(billingCycleId) ? billingCycleId : undefined,
    refundHref: refund?.['canRefund'] === true ? hrefOf(refund['link']) : undefined,
  };
};

const refusalCodes: Readonly<Record<string, Refusal>> = {
  Unavailable: 'no_numbers',
  OutOfStock: 'no_numbers',
  NoNumbersAvailable: 'no_numbers',
  PricingFailure: 'price',
  MaxPriceExceeded: 'price',
  InvalidServiceName: 'not_offered',
  ServiceNotFound: 'not_offered',
  BadRequest: 'not_offered',
  NotFound: 'not_offered',
  ProcessingError: 'not_offered',
  InsufficientBalance: 'account',
  InsufficientCredits: 'account',
  TooManyPendingVerifications: 'account',
  TooManyUnfinishedVerifications: 'account',
  AccountSuspended: 'account',
  Unauthorized: 'account',
};
const gateStatuses: Readonly<Record<number, Refusal>> = { 401: 'account', 402: 'account', 403: 'account', 429: 'account' };

type Answered = Extract<RawAnswer, { kind: 'answered' }>;
type Refused = { readonly kind: 'refused'; readonly reason: Refusal; readonly detail: string };
type Unknown = { readonly kind: 'unknown'; readonly detail: string };

const codeOf = (answer: Answered): string => textOf(fieldsOf(parsed(answer.body))?.['errorCode']);

/**
 * Why nothing was bought: only what the service says in its own words counts. A page of whatever stands before it decides nothing, for
 * numbers were bought behind such pages, and a rental may cost what a thousand codes cost.
 */
export const refusalOfRental = (answer: RawAnswer): Refused | Unknown => {
  if (answer.kind === 'notSent') return { kind: 'refused', reason: 'unreachable', detail: answer.detail };
  if (answer.kind === 'lost') return { kind: 'unknown', detail: answer.detail };
  const code = codeOf(answer);
  const detail = `HTTP ${answer.status} ${code}`.trim();
  // A 400 is its validation, or an attempt that failed as a whole.
  const reason = refusalCodes[code] ?? (answer.status === 400 && code !== '' && code !== 'IdempotencyConflict' ? 'not_offered' : undefined);
  return reason && answer.status < 500 ? { kind: 'refused', reason, detail } : { kind: 'unknown', detail };
};

/** As `refusalOfRental`, of a question that buys nothing: there a page refuses, too. */
export const refusalOfQuestion = (answer: RawAnswer): Refused | Unknown => {
  const refusal = refusalOfRental(answer);
  const gate = answer.kind === 'answered' ? gateStatuses[answer.status] : undefined;
  return refusal.kind === 'unknown' && gate ? { kind: 'refused', reason: gate, detail: refusal.detail } : refusal;
};

/** A reservation's own link, whatever kind it is. */
export const linkOf = (answer: RawAnswer): string | undefined =>
  answer.kind === 'answered' && answer.status === 200 ? hrefOf(parsed(answer.body)) : undefined;

export interface Sale {
  readonly state: 'pending' | 'failed' | 'succeeded';
  readonly costMicros: bigint;
  /** Of the one reservation that it made. */
  readonly reservationHref: string | undefined;
}

export const saleOf = (answer: RawAnswer): Sale | undefined => {
  const fields = answer.kind === 'answered' && answer.status === 200 ? fieldsOf(parsed(answer.body)) : undefined;
  const state = textOf(fields?.['state']);
  const reservations = fields?.['reservations'];
  if (fields === undefined || !Array.isArray(reservations)) return undefined;
  const reservationHref = reservations.length === 1 ? hrefOf(fieldsOf(reservations[0])?.['link']) : undefined;
  const costMicros = microsOf(fields['total']);
  if (state === 'succeeded' || state === 'failed') return { state, costMicros, reservationHref };
  return state === 'created' || state === 'processing' ? { state: 'pending', costMicros, reservationHref } : undefined;
};

export const priceIn = (answer: RawAnswer): bigint =>
  answer.kind === 'answered' && answer.status === 200 ? microsOf(fieldsOf(parsed(answer.body))?.['price']) : 0n;

export const endOfCycle = (answer: RawAnswer): Date | undefined =>
  answer.kind === 'answered' && answer.status === 200 ? dateOf(fieldsOf(parsed(answer.body))?.['billingCycleEndsAt']) : undefined;
