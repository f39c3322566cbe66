import { formatDecimal } from '#platform/money/index.ts';
import type { BuyOutcome } from '../../../app/buy-number.ts';
import type { ChangeOutcome } from '../../../app/change-activation.ts';
import type { Activation, ReceivedCode } from '../../../domain/activation.ts';
import { countryOf } from '../../../domain/countries.ts';
import type { HandlerFault } from '../../../domain/settings.ts';
import { nameOfIso } from './country-names.ts';

/** 5sim answers refusals as plain text, whatever the status. */
export interface Refusal {
  readonly status: number;
  readonly text: string;
}

const timestamp = (ms: number): string => new Date(ms).toISOString();
export const priceOf = (micros: bigint): number => Number(formatDecimal(micros));

const statuses: Record<Activation['state'], string> = {
  waiting: 'PENDING',
  received: 'RECEIVED',
  retry: 'RECEIVED',
  finished: 'FINISHED',
  cancelled: 'CANCELED',
  expired: 'TIMEOUT',
};

const smsOf = (code: ReceivedCode): object => ({
  created_at: timestamp(code.receivedAtMs),
  date: timestamp(code.receivedAtMs),
  sender: 'INFO',
  text: code.text,
  code: code.code,
});

/** Late codes are never shown: the order had ended. */
export const shownCodes = (activation: Activation): object[] => activation.codes.filter((code) => !code.late).map(smsOf);

/** @param banned by its user: a state of this protocol only */
export const orderOf = (activation: Activation, banned: boolean): object => ({
  id: Number(activation.id),
  phone: `+${activation.phone}`,
  operator: activation.operator,
  product: activation.service,
  price: priceOf(activation.costMicros),
  status: banned ? 'BANNED' : statuses[activation.state],
  expires: timestamp(activation.endsAtMs),
  sms: shownCodes(activation),
  created_at: timestamp(activation.createdAtMs),
  forwarding: false,
  forwarding_number: '',
  country: nameOfIso.get(countryOf(activation.countryId).iso) ?? String(activation.countryId),
});

export const refusalOfPurchase = (outcome: Exclude<BuyOutcome, { kind: 'bought' }>): Refusal => {
  switch (outcome.kind) {
    case 'bad_service':
      return { status: 400, text: 'no product' };
    case 'wrong_country':
      return { status: 400, text: 'bad country' };
    case 'no_balance':
      return { status: 400, text: 'not enough user balance' };
    // Also when every price is above maxPrice: there is no number at that price.
    case 'no_numbers':
    case 'wrong_max_price':
    case 'order_exists':
      return { status: 200, text: 'no free phones' };
  }
};

/** Undefined: it was changed. */
export const refusalOfChange = (outcome: ChangeOutcome): Refusal | undefined => {
  switch (outcome.kind) {
    case 'no_activation':
      return { status: 404, text: 'order not found' };
    case 'not_active':
      return { status: 400, text: 'order expired' };
    case 'code_received':
    case 'new_code':
      return { status: 400, text: 'order has sms' };
    case 'bad_status':
      return { status: 400, text: 'order no sms' };
    // Not a word of the real service, which allows it at once; switched on by handlerApi.earlyCancelMs.
    case 'early_cancel':
      return { status: 400, text: 'too early to cancel' };
    default:
      return undefined;
  }
};

/** The faults that are an answer of this protocol. */
export const textFaults: Partial<Record<HandlerFault, Refusal>> = {
  no_numbers: { status: 200, text: 'no free phones' },
  sim_offline: { status: 200, text: 'no free phones' },
  wrong_max_price: { status: 200, text: 'no free phones' },
  no_balance: { status: 400, text: 'not enough user balance' },
  channels_limit: { status: 400, text: 'not enough rating' },
  banned: { status: 403, text: 'user is banned' },
  account_inactive: { status: 403, text: 'user is banned' },
  bad_service: { status: 400, text: 'no product' },
  wrong_country: { status: 400, text: 'bad country' },
  server_error: { status: 500, text: 'internal error' },
  error_sql: { status: 500, text: 'internal error' },
  bad_key: { status: 401, text: 'unauthorized' },
  no_activation: { status: 404, text: 'order not found' },
};
