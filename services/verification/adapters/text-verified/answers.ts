import type { RawAnswer } from '#platform/json-http/index.ts';
import type { ProviderMessage, Refusal } from '../../app/ports.ts';
import { dateOf, type Fields, fieldsOf, microsOf, parsed, textOf } from './fields.ts';

/** What TextVerified's answers mean (its OpenAPI description, v2). Whatever stands in no table is unknown. */
const liveStates = new Set(['verificationPending', 'verificationCompleted', 'verificationReused', 'verificationReactivated']);
const endedStates = new Set(['verificationCanceled', 'verificationTimedOut', 'verificationReported', 'verificationRefunded']);

export interface Line {
  readonly id: string;
  /** E.164: the API says ten digits, every number is in the United States. */
  readonly phoneNumber: string;
  readonly serviceName: string;
  readonly state: 'pending' | 'completed' | 'ended';
  /** It goes on under another id. */
  readonly succeeded: boolean;
  readonly canReactivate: boolean;
  readonly costMicros: bigint;
  readonly createdAt: Date | undefined;
  readonly endsAt: Date | undefined;
}

const phonePattern = /^\+?1?(\d{10})$/;

export const lineOf = (value: unknown): Line | undefined => {
  const fields = fieldsOf(value);
  const id = textOf(fields?.['id']);
  const digits = phonePattern.exec(textOf(fields?.['number']))?.[1];
  const state = textOf(fields?.['state']);
  if (fields === undefined || !idPattern.test(id) || digits === undefined) return undefined;
  if (!liveStates.has(state) && !endedStates.has(state)) return undefined;
  return {
    id,
    phoneNumber: `+1${digits}`,
    serviceName: textOf(fields['serviceName']),
    state: endedStates.has(state) ? 'ended' : state === 'verificationPending' ? 'pending' : 'completed',
    succeeded: state === 'verificationReactivated' || state === 'verificationReused',
    canReactivate: fieldsOf(fields['reactivate'])?.['canReactivate'] === true,
    costMicros: microsOf(fields['totalCost']),
    createdAt: dateOf(fields['createdAt']),
    endsAt: dateOf(fields['endsAt']),
  };
};

/** An id that is none of theirs never becomes part of a path. */
export const idPattern = /^[A-Za-z0-9_-]{1,64}$/;

const refusalCodes: Readonly<Record<string, Refusal>> = {
  OutOfStock: 'no_numbers',
  NoNumbersAvailable: 'no_numbers',
  Unavailable: 'no_numbers',
  MaxPriceExceeded: 'price',
  InvalidServiceName: 'not_offered',
  ServiceNotFound: 'not_offered',
  InsufficientBalance: 'account',
  InsufficientCredits: 'account',
  TooManyPendingVerifications: 'account',
  AccountSuspended: 'account',
  Unauthorized: 'account',
};

/** Refusals of the service itself, which always name an `errorCode`. A 400 is its validation, which comes before any purchase. */
const spokenStatuses: Readonly<Record<number, Refusal>> = { 400: 'not_offered', 402: 'account', 403: 'account', 429: 'account' };
/** We were not let in, or there is nothing at this address: nobody has acted. Behind any other page there may be a number (docs/adr/0064). */
const refusalStatuses: Readonly<Record<number, Refusal>> = { 401: 'account', 404: 'unreachable', 405: 'unreachable' };

const errorCodeOf = (answer: Extract<RawAnswer, { kind: 'answered' }>): string => textOf(fieldsOf(parsed(answer.body))?.['errorCode']);

/** Why nothing was bought; undefined when that is not certain. */
export const purchaseRefusal = (answer: RawAnswer): { readonly reason: Refusal; readonly detail: string } | undefined => {
  if (answer.kind === 'notSent') return { reason: 'unreachable', detail: answer.detail };
  if (answer.kind === 'lost') return undefined;
  const code = errorCodeOf(answer);
  // The first request under this key is still running: it may buy.
  if (code === 'IdempotencyConflict') return undefined;
  const reason = refusalCodes[code] ?? refusalStatuses[answer.status] ?? (code === '' ? undefined : spokenStatuses[answer.status]);
  return reason && { reason, detail: `HTTP ${answer.status} ${code}`.trim() };
};

/** The verification, that there is none, or that nobody knows. */
export type Looked =
  | { readonly kind: 'line'; readonly line: Line }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown'; readonly detail: string };

export const looked = (answer: RawAnswer): Looked => {
  if (answer.kind !== 'answered') return { kind: 'unknown', detail: answer.detail };
  if (answer.status === 404 && errorCodeOf(answer) !== '') return { kind: 'absent' };
  const line = answer.status === 200 ? lineOf(parsed(answer.body)) : undefined;
  return line ? { kind: 'line', line } : { kind: 'unknown', detail: `HTTP ${answer.status} without a readable verification` };
};

const longestUrl = 2_048;

/** A link that a browser may follow; anything else is left out. */
const audioOf = (value: unknown): string | undefined => {
  const url = textOf(value);
  return url.length <= longestUrl && /^https?:\/\/[^\s]+$/.test(url) ? url : undefined;
};

/** A text, or a call: then the transcription is the text. */
export const messageOf = (value: unknown): ProviderMessage | undefined => {
  const fields: Fields = fieldsOf(value) ?? {};
  const [text, code] = [textOf(fields['smsContent']) || textOf(fields['transcription']), textOf(fields['parsedCode'])];
  if (text === '' && code === '') return undefined;
  const audioUrl = audioOf(fields['recordingUri']);
  const received = { sender: textOf(fields['from']), receivedAt: dateOf(fields['createdAt']) };
  return { text: text || code, code: code === '' ? undefined : code, ...received, ...(audioUrl !== undefined && { audioUrl }) };
};

export interface Page {
  readonly rows: readonly unknown[];
  /** Where the next page is; undefined after the last. */
  readonly next: string | undefined;
}

/** undefined: this is no page. */
export const pageOf = (answer: RawAnswer): Page | undefined => {
  if (answer.kind !== 'answered' || answer.status !== 200) return undefined;
  const fields = fieldsOf(parsed(answer.body));
  const rows = fields?.['data'];
  if (fields === undefined || !Array.isArray(rows) || typeof fields['hasNext'] !== 'boolean') return undefined;
  const next = textOf(fieldsOf(fieldsOf(fields['links'])?.['next'])?.['href']);
  if (fields['hasNext'] && next === '') return undefined;
  return { rows, next: fields['hasNext'] ? next : undefined };
};
