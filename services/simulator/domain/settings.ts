/**
 * Every fault and delay of the simulated world, with its default. `PATCH /control/settings` merges into this (JSON merge
 * patch: `null` puts a key back to its default, a list replaces the list). Queues named `next…` are consumed from the
 * front, one entry a request (`none` lets one pass); a queue wins over the ratios. The README explains each key.
 */

/** What a handler_api request may meet. `…_after_buy`: the request takes its effect first, then the answer is spoilt. */
export const handlerFaults = [
  'none',
  'no_numbers',
  'no_balance',
  'server_error',
  'error_sql',
  'banned',
  'account_inactive',
  'channels_limit',
  'sim_offline',
  'bad_service',
  'wrong_country',
  'wrong_max_price',
  'bad_key',
  'no_activation',
  'http_402',
  'http_403',
  'http_429',
  'http_500',
  'http_503',
  'html',
  'garbled',
  'empty',
  'timeout',
  'reset',
  'timeout_after_buy',
  'reset_after_buy',
  'html_after_buy',
  'garbled_after_buy',
  'empty_after_buy',
  'http_402_after_buy',
  'http_403_after_buy',
  'http_429_after_buy',
  'http_502_after_buy',
  'code_during_cancel',
] as const;
export type HandlerFault = (typeof handlerFaults)[number];

/** What becomes of a purchase's code. */
export const codeFates = [
  'normal',
  'no_code',
  'two_codes',
  'late_code',
  'hyphenated',
  'duplicate_push',
  'reordered_push',
  'no_push',
] as const;
export type CodeFate = (typeof codeFates)[number];

/** What a submit_sm may meet. `disconnect` cuts the connection after accepting, `disconnect_before` before. */
export const submitFaults = [
  'none',
  'throttled',
  'queue_full',
  'invalid_destination',
  'invalid_source',
  'system_error',
  'submit_failed',
  'temporary_error',
  'permanent_error',
  'lost_response',
  'disconnect',
  'disconnect_before',
] as const;
export type SubmitFault = (typeof submitFaults)[number];

/** The final state of an accepted message. */
export const messageStates = ['delivered', 'expired', 'deleted', 'undelivered', 'accepted', 'unknown', 'rejected'] as const;
export type MessageState = (typeof messageStates)[number];

/** How the next receipt goes: a state, or a way of spoiling a normal one. */
export const receiptFates = [...messageStates, 'lost', 'duplicate', 'reordered', 'early'] as const;
export type ReceiptFate = (typeof receiptFates)[number];

/** By prefix of the destination: refused at submit, never receipted, or receipted with this state. */
export const destinationOutcomes = [...messageStates, 'invalid_destination', 'lost'] as const;
export type DestinationOutcome = (typeof destinationOutcomes)[number];

export const createFaults = [
  'none',
  'http_429',
  'http_500',
  'http_503',
  'timeout',
  'reset',
  'timeout_after_create',
  'reset_after_create',
  'http_500_after_create',
] as const;
export type CreateFault = (typeof createFaults)[number];

export const webhookFaults = [
  'none',
  'duplicate',
  'reordered',
  'declined_first',
  'lost',
  'wrong_amount',
  'wrong_currency',
  'bad_signature',
  'stale_signature',
] as const;
export type WebhookFault = (typeof webhookFaults)[number];

export const mailFaults = [
  'none',
  'http_429',
  'http_500',
  'http_503',
  'timeout',
  'reset',
  'timeout_after_accept',
  'reset_after_accept',
] as const;
export type MailFault = (typeof mailFaults)[number];

export const httpOutages = ['off', '503', 'reset'] as const;
export type HttpOutage = (typeof httpOutages)[number];

type Ratios<Key extends string> = Partial<Record<Key, number>>;

export interface HandlerApiSettings {
  outage: HttpOutage;
  errorStyle: 'hero' | 'classic';
  latencyMs: number;
  latencyJitterMs: number;
  hangMs: number;
  balance: string;
  cost: string;
  costs: Record<string, string>;
  stock: Record<string, number>;
  dialCodes: Record<string, string>;
  lifeMs: number;
  earlyCancelMs: number;
  rentalRefundMs: number;
  codeDelayMinMs: number;
  codeDelayMaxMs: number;
  secondCodeDelayMs: number;
  lateCodeDelayMs: number;
  pushDelayMs: number;
  pushReorderMs: number;
  noCodeRatio: number;
  twoCodesRatio: number;
  lateCodeRatio: number;
  hyphenatedRatio: number;
  duplicatePushRatio: number;
  reorderedPushRatio: number;
  noPushRatio: number;
  codeDuringCancelRatio: number;
  faultRatios: Ratios<HandlerFault>;
  faultRatiosOf: Record<string, Ratios<HandlerFault>>;
  nextFaults: HandlerFault[];
  nextFaultsOf: Record<string, HandlerFault[]>;
  nextCodes: CodeFate[];
}

export interface SmppSettings {
  outage: 'off' | 'bind_refused' | 'closed';
  idFormat: 'hex_then_decimal' | 'hex' | 'decimal';
  responseDelayMs: number;
  maxSubmitsPerSecond: number;
  maxWindow: number;
  receiptDelayMinMs: number;
  receiptDelayMaxMs: number;
  receiptTlvs: boolean;
  receiptText: boolean;
  receiptRouting: 'same' | 'any';
  intermediateReceipts: boolean;
  redeliverAfterMs: number;
  redeliverAttempts: number;
  enquireLinkMs: number;
  idleTimeoutMs: number;
  destinations: Record<string, DestinationOutcome>;
  faultRatios: Ratios<SubmitFault>;
  receiptRatios: Ratios<ReceiptFate>;
  nextFaults: SubmitFault[];
  nextReceipts: ReceiptFate[];
}

export interface PaymentSettings {
  outage: HttpOutage;
  latencyMs: number;
  hangMs: number;
  failureRatio: number;
  autoOutcome: 'none' | 'success' | 'failure';
  autoOutcomeDelayMs: number;
  webhookDelayMs: number;
  webhookReorderMs: number;
  createFaultRatios: Ratios<CreateFault>;
  webhookFaultRatios: Ratios<WebhookFault>;
  nextCreateFaults: CreateFault[];
  nextWebhookFaults: WebhookFault[];
  chargeOutcome: 'success' | 'failure';
  refundDelayMs: number;
  refundOutcome: 'succeeded' | 'failed';
}

export interface MailboxSettings {
  outage: HttpOutage;
  latencyMs: number;
  hangMs: number;
  failRatio: number;
  lostReplyRatio: number;
  faultRatios: Ratios<MailFault>;
  nextFaults: MailFault[];
}

export interface OutgoingSettings {
  timeoutMs: number;
  retryFirstMs: number;
  retryMaxMs: number;
  maxAttempts: number;
}

export interface Settings {
  handlerApi: HandlerApiSettings;
  smpp: SmppSettings;
  payments: PaymentSettings;
  mailbox: MailboxSettings;
  outgoing: OutgoingSettings;
}

/** A new object each time: the queues inside are consumed. */
export const defaultSettings = (): Settings => ({
  handlerApi: {
    outage: 'off',
    errorStyle: 'hero',
    latencyMs: 0,
    latencyJitterMs: 0,
    hangMs: 30_000,
    balance: '1000000.00',
    cost: '0.20',
    costs: {},
    stock: {},
    dialCodes: {},
    lifeMs: 1_200_000,
    earlyCancelMs: 0,
    rentalRefundMs: 1_200_000,
    codeDelayMinMs: 500,
    codeDelayMaxMs: 3_000,
    secondCodeDelayMs: 1_000,
    lateCodeDelayMs: 2_000,
    pushDelayMs: 0,
    pushReorderMs: 1_500,
    noCodeRatio: 0,
    twoCodesRatio: 0,
    lateCodeRatio: 0,
    hyphenatedRatio: 0,
    duplicatePushRatio: 0,
    reorderedPushRatio: 0,
    noPushRatio: 0,
    codeDuringCancelRatio: 0,
    faultRatios: {},
    faultRatiosOf: {},
    nextFaults: [],
    nextFaultsOf: {},
    nextCodes: [],
  },
  smpp: {
    outage: 'off',
    idFormat: 'hex_then_decimal',
    responseDelayMs: 0,
    maxSubmitsPerSecond: 0,
    maxWindow: 0,
    receiptDelayMinMs: 200,
    receiptDelayMaxMs: 1_500,
    receiptTlvs: true,
    receiptText: true,
    receiptRouting: 'same',
    intermediateReceipts: false,
    redeliverAfterMs: 5_000,
    redeliverAttempts: 50,
    enquireLinkMs: 0,
    idleTimeoutMs: 0,
    destinations: { '999': 'invalid_destination' },
    faultRatios: {},
    receiptRatios: {},
    nextFaults: [],
    nextReceipts: [],
  },
  payments: {
    outage: 'off',
    latencyMs: 0,
    hangMs: 30_000,
    failureRatio: 0,
    autoOutcome: 'none',
    autoOutcomeDelayMs: 500,
    webhookDelayMs: 0,
    webhookReorderMs: 1_500,
    createFaultRatios: {},
    webhookFaultRatios: {},
    nextCreateFaults: [],
    nextWebhookFaults: [],
    chargeOutcome: 'success',
    refundDelayMs: 0,
    refundOutcome: 'succeeded',
  },
  mailbox: {
    outage: 'off',
    latencyMs: 0,
    hangMs: 30_000,
    failRatio: 0,
    lostReplyRatio: 0,
    faultRatios: {},
    nextFaults: [],
  },
  outgoing: {
    timeoutMs: 5_000,
    retryFirstMs: 250,
    retryMaxMs: 60_000,
    maxAttempts: 40,
  },
});

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

const unsafeKeys: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** RFC 7396, except that `null` restores the default where there is one. Works in place: holders of `target` see the change. */
export const mergeSettings = (target: Record<string, unknown>, patch: Record<string, unknown>, defaults: Record<string, unknown>): void => {
  for (const [key, value] of Object.entries(patch)) {
    if (unsafeKeys.has(key)) continue;
    const fallback = defaults[key];
    if (value === null) {
      if (fallback === undefined) delete target[key];
      else target[key] = structuredClone(fallback);
      continue;
    }
    const current = target[key];
    if (isObject(value) && isObject(current)) mergeSettings(current, value, isObject(fallback) ? fallback : {});
    else target[key] = structuredClone(value);
  }
};
