import type {
  AcquireOutcome,
  AnotherOutcome,
  CancelOutcome,
  FinishOutcome,
  ProviderMessage,
  Refusal,
  StatusOutcome,
} from '../../app/ports.ts';
import type { Answer } from './client.ts';
import { dateOf, messageOf, microsOf, record, textOf } from './fields.ts';

/**
 * What the answers of the family mean. Two columns matter for money: "refused" (the provider did not act) and "unknown"
 * (it may have). Whatever stands in no table is unknown.
 */
interface Read {
  readonly status: number;
  /** The protocol's word: NO_NUMBERS, STATUS_OK, or the title of a JSON error. Empty when there is none. */
  readonly word: string;
  /** What follows the word's colon. */
  readonly rest: string;
  readonly json: Readonly<Record<string, unknown>> | undefined;
}

const wordPattern = /^([A-Z][A-Z0-9_]{2,})(?::([\s\S]*))?$/;

const read = (answer: Extract<Answer, { kind: 'answered' }>): Read => {
  const body = answer.body.trim();
  const json = body.startsWith('{') ? record(body) : undefined;
  const match = wordPattern.exec(json ? textOf(json['title']) || textOf(json['error']) : body);
  return { status: answer.status, word: match?.[1] ?? '', rest: match?.[2] ?? '', json };
};

/** For logs: never the body, which may hold a code. */
const detailOf = ({ status, word }: Read): string => (word === '' ? `HTTP ${status} without a known answer` : `HTTP ${status} ${word}`);

const refusalWords: Readonly<Record<string, Refusal>> = {
  NO_NUMBERS: 'no_numbers',
  SIM_OFFLINE: 'no_numbers',
  OPERATORS_NOT_FOUND: 'no_numbers',
  NEW_ACTIVATION_IMPOSSIBLE: 'no_numbers',
  WRONG_MAX_PRICE: 'price',
  BAD_SERVICE: 'not_offered',
  WRONG_SERVICE: 'not_offered',
  WRONG_COUNTRY: 'not_offered',
  BAD_COUNTRY: 'not_offered',
  BAD_KEY: 'account',
  NO_KEY: 'account',
  BAD_ACTION: 'account',
  NO_BALANCE: 'account',
  NO_BALANCE_FORWARD: 'account',
  CHANNELS_LIMIT: 'account',
  BANNED: 'account',
  ACCOUNT_INACTIVE: 'account',
  WRONG_EXCEPTION_PHONE: 'account',
};

/**
 * We were not let in, or there is nothing at this address: nobody has acted. Any other status without a known word is unknown: pages
 * of 402, 403 and 429 have been seen where the number was bought (docs/adr/0064).
 */
const refusalStatuses: Readonly<Record<number, Refusal>> = {
  401: 'account',
  404: 'unreachable',
  405: 'unreachable',
};

const phonePattern = /^\+?(\d{7,15})$/;

const granted = (answer: Read): AcquireOutcome | undefined => {
  const json = answer.json;
  const [v1Id = '', v1Phone = ''] = answer.word === 'ACCESS_NUMBER' ? answer.rest.split(':') : [];
  const activationId = json ? textOf(json['activationId']) : v1Id;
  const phone = phonePattern.exec(json ? textOf(json['phoneNumber']) : v1Phone)?.[1];
  if (activationId === '' || phone === undefined || answer.status !== 200) return undefined;
  return {
    kind: 'granted',
    activationId,
    phoneNumber: `+${phone}`,
    costMicros: microsOf(json?.['activationCost']),
    expiresAt: dateOf(json?.['activationEndTime']),
  };
};

export const classifyAcquire = (answer: Answer): AcquireOutcome => {
  if (answer.kind === 'notSent') return { kind: 'refused', reason: 'unreachable', detail: answer.detail };
  if (answer.kind === 'lost') return { kind: 'unknown', detail: answer.detail };
  const got = read(answer);
  const grant = granted(got);
  if (grant) return grant;
  const reason = refusalWords[got.word] ?? (got.word === '' && got.json === undefined ? refusalStatuses[got.status] : undefined);
  return reason ? { kind: 'refused', reason, detail: detailOf(got) } : { kind: 'unknown', detail: detailOf(got) };
};

const noText = (code: string): ProviderMessage => ({ text: code, code, sender: '', receivedAt: undefined });

/** getStatus and getStatusV2: words or JSON. */
export const classifyStatus = (answer: Answer): StatusOutcome => {
  if (answer.kind !== 'answered') return { kind: 'unknown', detail: answer.detail };
  const got = read(answer);
  switch (got.word) {
    case 'STATUS_WAIT_CODE':
    case 'STATUS_WAIT_RESEND':
    // Carries the last code, which was told already: it waits for another one.
    case 'STATUS_WAIT_RETRY':
      return { kind: 'waiting' };
    case 'STATUS_OK':
      return got.rest === '' ? { kind: 'unknown', detail: detailOf(got) } : { kind: 'code', message: noText(got.rest) };
    case 'STATUS_CANCEL':
      return { kind: 'cancelled' };
    case 'ACTIVATION_NOT_ACTIVE':
      return { kind: 'finished' };
    case 'NO_ACTIVATION':
    case 'WRONG_ACTIVATION_ID':
      return { kind: 'absent' };
    default: {
      if (got.status !== 200 || got.json === undefined || !('sms' in got.json || 'verificationType' in got.json))
        return { kind: 'unknown', detail: detailOf(got) };
      const message = messageOf(got.json['sms']) ?? messageOf(got.json['call']);
      return message ? { kind: 'code', message } : { kind: 'waiting' };
    }
  }
};

/** `ask`: the answer says that something else happened before; the status says what. */
export const classifyCancel = (answer: Answer): CancelOutcome | { readonly kind: 'ask' } => {
  if (answer.kind !== 'answered') return { kind: 'unknown', detail: answer.detail };
  const got = read(answer);
  switch (got.word) {
    case 'ACCESS_CANCEL':
      return { kind: 'cancelled' };
    case 'EARLY_CANCEL_DENIED':
      return { kind: 'early', retryAfterMs: undefined };
    case 'OTP_RECEIVED':
    case 'NEW_OTP_RECEIVED':
      return { kind: 'code', message: messageOf(record(got.json?.['info'])?.['sms']) };
    case 'NO_ACTIVATION':
    case 'WRONG_ACTIVATION_ID':
      return { kind: 'absent' };
    // Classic clones say "bad status" for "has a code", "has ended" and "not yet".
    case 'BAD_STATUS':
    case 'ACTIVATION_NOT_ACTIVE':
      return { kind: 'ask' };
    default:
      return { kind: 'unknown', detail: detailOf(got) };
  }
};

export const classifyFinish = (answer: Answer): FinishOutcome => {
  if (answer.kind !== 'answered') return { kind: 'unknown', detail: answer.detail };
  const got = read(answer);
  switch (got.word) {
    case 'ACCESS_ACTIVATION':
    // It has ended already, one way or another.
    case 'ACTIVATION_NOT_ACTIVE':
    case 'BAD_STATUS':
    case 'NO_ACTIVATION':
    case 'WRONG_ACTIVATION_ID':
      return { kind: 'done' };
    case 'NEW_OTP_RECEIVED': {
      const message = messageOf(record(got.json?.['info'])?.['sms']);
      return message ? { kind: 'message', message } : { kind: 'unknown', detail: detailOf(got) };
    }
    default:
      return { kind: 'unknown', detail: detailOf(got) };
  }
};

/** `setStatus` 3. "Bad status" also says that it has had no message yet; that is nobody's question. */
export const classifyAnother = (answer: Answer): AnotherOutcome => {
  if (answer.kind !== 'answered') return { kind: 'unknown', detail: answer.detail };
  const got = read(answer);
  switch (got.word) {
    case 'ACCESS_RETRY_GET':
      return { kind: 'asked', activationId: undefined };
    case 'BAD_STATUS':
    case 'ACTIVATION_NOT_ACTIVE':
    case 'NO_ACTIVATION':
    case 'WRONG_ACTIVATION_ID':
    case 'NEW_ACTIVATION_IMPOSSIBLE':
      return { kind: 'refused', detail: detailOf(got) };
    case 'OTP_RECEIVED':
    case 'NEW_OTP_RECEIVED': {
      const message = messageOf(record(got.json?.['info'])?.['sms']);
      return message ? { kind: 'message', message } : { kind: 'unknown', detail: detailOf(got) };
    }
    default:
      return { kind: 'unknown', detail: detailOf(got) };
  }
};

/** The rows of getActiveActivations; undefined when this is no such list. "None" is an answer too. */
export const classifyActive = (answer: Answer): readonly Readonly<Record<string, unknown>>[] | undefined => {
  if (answer.kind !== 'answered' || answer.status !== 200) return undefined;
  const got = read(answer);
  if (got.word === 'NO_ACTIVATIONS' || got.word === 'NO_ACTIVATION') return [];
  const rows = got.json?.['data'] ?? got.json?.['activeActivations'];
  if (!Array.isArray(rows)) return undefined;
  const records = rows.map((row: unknown) => record(row));
  return records.every((row) => row !== undefined) ? records : undefined;
};
