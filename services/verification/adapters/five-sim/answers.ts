import type { RawAnswer } from '#platform/json-http/index.ts';
import { parseDecimal } from '#platform/money/index.ts';
import type {
  AcquireOutcome,
  AnotherOutcome,
  CancelOutcome,
  FinishOutcome,
  ProviderMessage,
  Refusal,
  StatusOutcome,
} from '../../app/ports.ts';

/**
 * What 5sim's answers mean (5sim.net/docs). An order is JSON; a refusal is a plain text, whatever its status: "no free
 * phones" comes with 200. Whatever stands in no table here is unknown: the provider may have acted.
 */
type Fields = Readonly<Record<string, unknown>>;

const fieldsOf = (value: unknown): Fields | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : typeof value === 'number' && Number.isFinite(value) ? String(value) : '';

const dateOf = (value: unknown): Date | undefined => {
  const date = new Date(textOf(value));
  return Number.isNaN(date.getTime()) ? undefined : date;
};

/** A price of the provider; 0 when it cannot be read: it is only compared, never charged. */
const microsOf = (value: unknown): bigint => parseDecimal(textOf(value).replace(/^(-?\d+\.\d{6})\d+$/, '$1')) ?? 0n;

const statuses = ['PENDING', 'RECEIVED', 'CANCELED', 'TIMEOUT', 'FINISHED', 'BANNED'] as const;
type Status = (typeof statuses)[number];

export interface Order {
  readonly id: string;
  readonly phoneNumber: string;
  readonly product: string;
  readonly country: string;
  readonly costMicros: bigint;
  readonly status: Status;
  readonly createdAt: Date | undefined;
  readonly expiresAt: Date | undefined;
  /** Oldest first. */
  readonly messages: readonly ProviderMessage[];
}

const phonePattern = /^\+?(\d{7,15})$/;

const messageOf = (value: unknown): ProviderMessage[] => {
  const fields = fieldsOf(value) ?? {};
  const [text, code] = [textOf(fields['text']), textOf(fields['code'])];
  if (text === '' && code === '') return [];
  const receivedAt = dateOf(fields['created_at']) ?? dateOf(fields['date']);
  return [{ text: text || code, code: code === '' ? undefined : code, sender: textOf(fields['sender']), receivedAt }];
};

/** @returns undefined when this is no order that can be worked with */
const orderOf = (value: unknown): Order | undefined => {
  const fields = fieldsOf(value);
  const id = textOf(fields?.['id']);
  const phone = phonePattern.exec(textOf(fields?.['phone']))?.[1];
  const status = statuses.find((known) => known === fields?.['status']);
  if (fields === undefined || !/^\d{1,20}$/.test(id) || phone === undefined || status === undefined) return undefined;
  return {
    id,
    phoneNumber: `+${phone}`,
    product: textOf(fields['product']),
    country: textOf(fields['country']),
    costMicros: microsOf(fields['price']),
    status,
    createdAt: dateOf(fields['created_at']),
    expiresAt: dateOf(fields['expires']),
    messages: Array.isArray(fields['sms']) ? fields['sms'].flatMap(messageOf) : [],
  };
};

type Read =
  | { readonly kind: 'order'; readonly order: Order }
  | { readonly kind: 'text'; readonly status: number; readonly text: string }
  | { readonly kind: 'unknown'; readonly detail: string };

const longestText = 60;

const read = (answer: Extract<RawAnswer, { kind: 'answered' }>): Read => {
  const body = answer.body.trim();
  if (answer.status === 200 && body.startsWith('{')) {
    const order = orderOf(parsed(body));
    return order ? { kind: 'order', order } : { kind: 'unknown', detail: 'HTTP 200 without a readable order' };
  }
  return body !== '' && body.length <= longestText && !/[<{]/.test(body)
    ? { kind: 'text', status: answer.status, text: body.toLowerCase().replace(/\.$/, '') }
    : { kind: 'unknown', detail: `HTTP ${answer.status} without a known answer` };
};

const refusalTexts: Readonly<Record<string, Refusal>> = {
  'no free phones': 'no_numbers',
  'server offline': 'no_numbers',
  'not enough user balance': 'account',
  'not enough rating': 'account',
  'user is banned': 'account',
  unauthorized: 'account',
  'select country': 'not_offered',
  'select operator': 'not_offered',
  'bad country': 'not_offered',
  'bad operator': 'not_offered',
  'no product': 'not_offered',
  'bad maxprice': 'price',
};

/** We were not let in, or there is nothing at this address: nobody has acted. Behind any other page there may be a number (docs/adr/0064). */
const refusalStatuses: Readonly<Record<number, Refusal>> = {
  401: 'account',
  404: 'unreachable',
  405: 'unreachable',
};

export const acquireOutcome = (answer: RawAnswer): AcquireOutcome => {
  if (answer.kind === 'notSent') return { kind: 'refused', reason: 'unreachable', detail: answer.detail };
  if (answer.kind === 'lost') return { kind: 'unknown', detail: answer.detail };
  const got = read(answer);
  if (got.kind === 'order') {
    const { id, phoneNumber, costMicros, expiresAt } = got.order;
    return { kind: 'granted', activationId: id, phoneNumber, costMicros, expiresAt };
  }
  const reason = (got.kind === 'text' ? refusalTexts[got.text] : undefined) ?? refusalStatuses[answer.status];
  const detail = got.kind === 'text' ? `HTTP ${got.status} ${got.text}` : got.detail;
  return reason ? { kind: 'refused', reason, detail } : { kind: 'unknown', detail };
};

/** The order, that there is none, or that nobody knows. */
export type Looked =
  | { readonly kind: 'order'; readonly order: Order }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown'; readonly detail: string };

const looked = (answer: RawAnswer): Looked => {
  if (answer.kind !== 'answered') return { kind: 'unknown', detail: answer.detail };
  const got = read(answer);
  if (got.kind === 'order') return got;
  if (got.kind === 'text' && got.text === 'order not found') return { kind: 'absent' };
  return { kind: 'unknown', detail: got.kind === 'text' ? `HTTP ${got.status} ${got.text}` : got.detail };
};

export const statusOutcome = (answer: RawAnswer): StatusOutcome => {
  const found = looked(answer);
  if (found.kind !== 'order') return found;
  const { status, messages } = found.order;
  const message = messages.at(-1);
  if (status === 'CANCELED' || status === 'TIMEOUT' || status === 'BANNED') return { kind: 'cancelled' };
  if (message !== undefined) return { kind: 'code', message };
  return { kind: status === 'FINISHED' ? 'finished' : 'waiting' };
};

/** `ask`: something else happened before; the order says what. */
export const cancelOutcome = (answer: RawAnswer): CancelOutcome | { readonly kind: 'ask' } => {
  const found = looked(answer);
  if (found.kind === 'order') return { kind: 'cancelled' };
  if (found.kind === 'absent') return found;
  if (answer.kind !== 'answered') return found;
  const got = read(answer);
  if (got.kind !== 'text') return found;
  if (got.text === 'order has sms' || got.text === 'order expired') return { kind: 'ask' };
  return got.text === 'too early to cancel' ? { kind: 'early', retryAfterMs: undefined } : found;
};

export const finishOutcome = (answer: RawAnswer): FinishOutcome => {
  const found = looked(answer);
  if (found.kind === 'order' || found.kind === 'absent') return { kind: 'done' };
  const got = answer.kind === 'answered' ? read(answer) : undefined;
  // It has ended already, one way or another.
  if (got?.kind === 'text' && (got.text === 'order expired' || got.text === 'order no sms')) return { kind: 'done' };
  return found;
};

/** Nothing to ask for: an order takes further messages until it is finished. */
export const anotherOutcome = (answer: RawAnswer): AnotherOutcome => {
  const found = looked(answer);
  if (found.kind === 'unknown') return found;
  if (found.kind === 'absent') return { kind: 'refused', detail: 'there is no such order' };
  const { status } = found.order;
  return status === 'PENDING' || status === 'RECEIVED'
    ? { kind: 'asked', activationId: undefined }
    : { kind: 'refused', detail: `the order is ${status}` };
};

export interface OrderPage {
  readonly orders: readonly Order[];
  readonly rows: number;
}

/** A page of the history; undefined when this is none, or holds a row that cannot be read: it proves nothing then. */
export const orderPage = (answer: RawAnswer): OrderPage | undefined => {
  if (answer.kind !== 'answered' || answer.status !== 200) return undefined;
  const rows = fieldsOf(parsed(answer.body))?.['Data'];
  if (!Array.isArray(rows)) return undefined;
  const orders = rows.map((row: unknown) => orderOf(row));
  return orders.every((order) => order !== undefined) ? { orders, rows: rows.length } : undefined;
};
