import { formatDecimal } from '#platform/money/index.ts';
import type { BuyOutcome } from '../../app/buy-number.ts';
import type { ChangeOutcome } from '../../app/change-activation.ts';
import { isLive, lastCode, type Activation, type ReceivedCode } from '../../domain/activation.ts';
import { countryOf } from '../../domain/countries.ts';
import type { HandlerFault } from '../../domain/settings.ts';

/** An answer of the protocol: text is `200 text/plain`, an object is JSON. */
export interface Answer {
  readonly status: number;
  readonly body: string | object;
}

export const ok = (body: string | object): Answer => ({ status: 200, body });

/** ISO 4217 number of the US dollar, as the protocol names its currency. */
const usd = 840;

const timestamp = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}+00:00`;
const price = (micros: bigint): number => Number(formatDecimal(micros));

/** Refusals that are one word of the protocol. */
export const textFaults: Partial<Record<HandlerFault, string>> = {
  no_numbers: 'NO_NUMBERS',
  no_balance: 'NO_BALANCE',
  server_error: 'SERVER_ERROR',
  error_sql: 'ERROR_SQL',
  banned: "BANNED:'2027-01-01 00:00:00'",
  account_inactive: 'ACCOUNT_INACTIVE',
  channels_limit: 'CHANNELS_LIMIT',
  sim_offline: 'SIM_OFFLINE',
  bad_service: 'BAD_SERVICE',
  wrong_country: 'WRONG_COUNTRY',
  bad_key: 'BAD_KEY',
  no_activation: 'NO_ACTIVATION',
};

export const refusalOf = (outcome: Exclude<BuyOutcome, { kind: 'bought' }>): Answer => {
  switch (outcome.kind) {
    case 'bad_service':
      return ok('BAD_SERVICE');
    case 'wrong_country':
      return ok('WRONG_COUNTRY');
    case 'no_numbers':
      return ok('NO_NUMBERS');
    case 'no_balance':
      return ok('NO_BALANCE');
    case 'order_exists':
      return ok('ORDER_ALREADY_EXISTS');
    case 'wrong_max_price':
      return ok(`WRONG_MAX_PRICE:${formatDecimal(outcome.minMicros)}`);
  }
};

export const boughtV1 = (activation: Activation): Answer => ok(`ACCESS_NUMBER:${activation.id}:${activation.phone}`);

export const boughtV2 = (activation: Activation): Answer =>
  ok({
    activationId: activation.id,
    phoneNumber: activation.phone,
    activationCost: price(activation.costMicros),
    currency: usd,
    countryCode: activation.countryId,
    countryPhoneCode: Number(activation.dialCode),
    canGetAnotherSms: true,
    activationTime: timestamp(activation.createdAtMs),
    activationEndTime: timestamp(activation.endsAtMs),
    activationOperator: activation.operator,
  });

/** Newer clones of the family answer lifecycle conflicts as 409 JSON `{title, details, info}`. */
const conflict = (title: string, details: string, info: object): Answer => ({ status: 409, body: { title, details, info } });

const sms = (code: ReceivedCode): object => ({ dateTime: timestamp(code.receivedAtMs), code: code.code, text: code.text });

export const changeAnswer = (outcome: ChangeOutcome, style: 'hero' | 'classic'): Answer => {
  switch (outcome.kind) {
    case 'ready':
      return ok('ACCESS_READY');
    case 'retry':
      return ok('ACCESS_RETRY_GET');
    case 'finished':
      return ok('ACCESS_ACTIVATION');
    case 'cancelled':
      return ok('ACCESS_CANCEL');
    case 'bad_status':
      return ok('BAD_STATUS');
    case 'no_activation':
      return ok('NO_ACTIVATION');
    case 'early_cancel':
      return ok('EARLY_CANCEL_DENIED');
    case 'not_active':
      return style === 'classic' ? ok('BAD_STATUS') : conflict('ACTIVATION_NOT_ACTIVE', 'The activation has ended.', {});
    case 'code_received':
      return style === 'classic' ? ok('BAD_STATUS') : conflict('OTP_RECEIVED', 'A code has been received.', {});
    case 'new_code':
      return style === 'classic'
        ? ok('BAD_STATUS')
        : conflict('NEW_OTP_RECEIVED', 'A code has just been received.', { sms: sms(outcome.code) });
  }
};

export const statusV1 = (activation: Activation): Answer => {
  const code = lastCode(activation);
  if (activation.state === 'cancelled' || activation.state === 'expired') return ok('STATUS_CANCEL');
  if (code === undefined) return ok('STATUS_WAIT_CODE');
  return ok(activation.state === 'retry' ? `STATUS_WAIT_RETRY:${code.code}` : `STATUS_OK:${code.code}`);
};

export const statusV2 = (activation: Activation): Answer => {
  if (activation.state === 'cancelled' || activation.state === 'expired') return ok('STATUS_CANCEL');
  const code = lastCode(activation);
  return ok({ verificationType: 0, sms: code === undefined ? null : sms(code), call: null });
};

export const activeRow = (activation: Activation): object => {
  const code = lastCode(activation);
  return {
    activationId: activation.id,
    serviceCode: activation.service,
    phoneNumber: activation.phone,
    activationCost: price(activation.costMicros),
    activationStatus: activation.state === 'received' ? '2' : '4',
    smsCode: code?.code ?? null,
    smsText: code?.text ?? null,
    activationTime: timestamp(activation.createdAtMs),
    discount: '0.00',
    repeated: '0',
    countryCode: String(activation.countryId),
    countryName: countryOf(activation.countryId).name,
    canGetAnotherSms: '1',
    currency: String(usd),
  };
};

/** For people and tests: everything known about an activation. */
export const activationRecord = (activation: Activation): object => ({
  id: activation.id,
  service: activation.service,
  country: activation.countryId,
  phone: activation.phone,
  operator: activation.operator,
  cost: formatDecimal(activation.costMicros),
  orderId: activation.orderId ?? null,
  state: activation.state,
  live: isLive(activation),
  createdAt: new Date(activation.createdAtMs).toISOString(),
  endsAt: new Date(activation.endsAtMs).toISOString(),
  endedAt: activation.endedAtMs === undefined ? null : new Date(activation.endedAtMs).toISOString(),
  codes: activation.codes.map((code) => ({
    code: code.code,
    text: code.text,
    receivedAt: new Date(code.receivedAtMs).toISOString(),
    late: code.late,
  })),
});
