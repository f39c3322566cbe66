import type { FastifyRequest } from 'fastify';
import type { BuyOutcome } from '../../../app/buy-number.ts';
import { canReactivate } from '../../../app/reactivate-number.ts';
import { isLive, type Activation, type ReceivedCode } from '../../../domain/activation.ts';
import type { HandlerFault } from '../../../domain/settings.ts';
import { formatDecimal } from '#platform/money/index.ts';

/** `{errorCode, errorDescription}`, as the API's own description has it. */
export interface Refusal {
  readonly status: number;
  readonly errorCode: string;
  readonly errorDescription: string;
}

export const refusal = (status: number, errorCode: string, errorDescription: string): Refusal => ({ status, errorCode, errorDescription });

/** Links are absolute, as the API promises that nobody needs to build one. */
export interface Links {
  readonly base: string;
}
export type Answer = { readonly status: number; readonly body?: object; readonly location?: string } | Refusal;
export type Action = (request: FastifyRequest, links: Links, fault: HandlerFault | undefined) => Answer;

export const notFound = refusal(404, 'NotFound', 'There is no such resource.');
export const unauthorized = refusal(401, 'Unauthorized', 'The token is missing, wrong or has expired.');

const iso = (ms: number): string => new Date(ms).toISOString();
const cost = (activation: Activation): number => Number(formatDecimal(activation.costMicros));
/** Ten digits: every number is in the United States. */
export const nationalOf = (activation: Activation): string => activation.phone.replace(/^1/, '');

const stateOf = (activation: Activation): string => {
  switch (activation.state) {
    case 'waiting':
      return 'verificationPending';
    case 'received':
    case 'retry':
    case 'finished':
      return activation.successor === undefined ? 'verificationCompleted' : 'verificationReactivated';
    case 'cancelled':
      return 'verificationCanceled';
    case 'expired':
      return 'verificationTimedOut';
  }
};

const link = (method: string, href: string): object => ({ method, href });
const ownHref = ({ base }: Links, activation: Activation): string => `${base}/verifications/${activation.id}`;

export const createdLink = (links: Links, activation: Activation): { method: string; href: string } => ({
  method: 'GET',
  href: ownHref(links, activation),
});

export const compact = (links: Links, activation: Activation): object => ({
  id: activation.id,
  createdAt: iso(activation.createdAtMs),
  link: link('GET', ownHref(links, activation)),
  serviceName: activation.service,
  state: stateOf(activation),
  totalCost: cost(activation),
  number: nationalOf(activation),
  sms: link('GET', `${links.base}/sms?reservationId=${activation.id}`),
  calls: link('GET', `${links.base}/calls?reservationId=${activation.id}`),
});

export const expanded = (links: Links, activation: Activation): object => {
  const href = ownHref(links, activation);
  const open = activation.state === 'waiting';
  return {
    ...compact(links, activation),
    endsAt: iso(activation.endsAtMs),
    sale: link('GET', `${links.base}/sales/${activation.id}`),
    cancel: { canCancel: open, link: link('POST', `${href}/cancel`) },
    report: { canReport: isLive(activation), link: link('POST', `${href}/report`) },
    reuse: { link: link('POST', `${href}/reuse`), reusableUntil: null },
    reactivate: { canReactivate: canReactivate(activation), link: link('POST', `${href}/reactivate`) },
  };
};

export const smsOf = (activation: Activation, code: ReceivedCode, index: number): object => ({
  id: `${activation.id}-${index}`,
  from: '22395',
  to: nationalOf(activation),
  createdAt: iso(code.receivedAtMs),
  smsContent: code.text,
  parsedCode: code.code,
  encrypted: false,
});

const callFields = (links: Links, activation: Activation, code: ReceivedCode): object => ({
  from: '22395',
  to: nationalOf(activation),
  createdAt: iso(code.receivedAtMs),
  transcription: code.text,
  parsedCode: code.code,
  recordingUri: `${links.base}/calls/${activation.id}-${activation.codes.indexOf(code)}/recording`,
});

export const callOf = (links: Links, activation: Activation, code: ReceivedCode): object => ({
  id: `${activation.id}-${activation.codes.indexOf(code)}`,
  ...callFields(links, activation, code),
});

/** The body of the webhook `v2.call.received`. */
export const callEvent = (links: Links, activation: Activation, code: ReceivedCode): object => ({
  id: `evt-${activation.id}-${activation.codes.indexOf(code)}`,
  event: 'v2.call.received',
  attempt: 1,
  occurredAt: iso(code.receivedAtMs),
  data: { ...callFields(links, activation, code), reservationId: activation.id },
});

/** The body of the webhook `v2.sms.received`. */
export const smsEvent = (activation: Activation, code: ReceivedCode): object => ({
  id: `evt-${activation.id}-${activation.codes.indexOf(code)}`,
  event: 'v2.sms.received',
  attempt: 1,
  occurredAt: iso(code.receivedAtMs),
  data: {
    from: '22395',
    to: nationalOf(activation),
    createdAt: iso(code.receivedAtMs),
    smsContent: code.text,
    parsedCode: code.code,
    encrypted: false,
    reservationId: activation.id,
  },
});

export const refusalOfPurchase = (outcome: Exclude<BuyOutcome, { kind: 'bought' }>): Refusal => {
  switch (outcome.kind) {
    case 'bad_service':
      return refusal(400, 'InvalidServiceName', 'This service name is not known.');
    case 'wrong_max_price':
      return refusal(400, 'MaxPriceExceeded', 'The price is above maxPrice.');
    case 'no_balance':
      return refusal(400, 'InsufficientBalance', 'The balance is too low.');
    default:
      return refusal(400, 'OutOfStock', 'No number is available.');
  }
};

/** The faults that are an answer of this protocol. */
export const wordFaults: Partial<Record<HandlerFault, Refusal>> = {
  no_numbers: refusal(400, 'OutOfStock', 'No number is available.'),
  sim_offline: refusal(400, 'OutOfStock', 'No number is available.'),
  no_balance: refusal(400, 'InsufficientBalance', 'The balance is too low.'),
  wrong_max_price: refusal(400, 'MaxPriceExceeded', 'The price is above maxPrice.'),
  bad_service: refusal(400, 'InvalidServiceName', 'This service name is not known.'),
  wrong_country: refusal(400, 'BadRequest', 'Only numbers of the United States are offered.'),
  channels_limit: refusal(400, 'TooManyPendingVerifications', 'Too many verifications are pending.'),
  banned: refusal(403, 'AccountSuspended', 'The account is suspended.'),
  account_inactive: refusal(403, 'AccountSuspended', 'The account is suspended.'),
  server_error: refusal(500, 'InternalError', 'Something went wrong.'),
  error_sql: refusal(500, 'InternalError', 'Something went wrong.'),
  bad_key: unauthorized,
  no_activation: notFound,
};
