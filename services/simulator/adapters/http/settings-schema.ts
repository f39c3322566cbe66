import { Type, type Static, type TSchema } from 'typebox';
import {
  codeFates,
  createFaults,
  defaultSettings,
  destinationOutcomes,
  handlerFaults,
  httpOutages,
  mailFaults,
  receiptFates,
  submitFaults,
  webhookFaults,
} from '../../domain/settings.ts';
import { bodyReader } from './check-body.ts';
import { invalid } from './problem.ts';

const maxQueue = 10_000;
const strict = { additionalProperties: false } as const;

const ratio = Type.Optional(Type.Number({ minimum: 0, maximum: 1 }));
const ms = (maximum = 3_600_000) => Type.Optional(Type.Integer({ minimum: 0, maximum }));
const count = (minimum = 0, maximum = 1_000_000) => Type.Optional(Type.Integer({ minimum, maximum }));
const flag = Type.Optional(Type.Boolean());
const choice = <const Values extends readonly string[]>(values: Values) => Type.Optional(Type.Enum([...values]));
const queue = <const Values extends readonly string[]>(values: Values) =>
  Type.Optional(Type.Array(Type.Enum([...values]), { maxItems: maxQueue }));
const ratios = <const Values extends readonly string[]>(values: Values) =>
  Type.Optional(Type.Object(Object.fromEntries(values.map((value) => [value, ratio])) as Record<Values[number], typeof ratio>, strict));
const table = <Value extends TSchema>(keyPattern: string, value: Value) =>
  Type.Optional(Type.Record(Type.String({ pattern: keyPattern }), value, strict));

const decimal = Type.String({ pattern: '^(0|[1-9][0-9]{0,8})([.][0-9]{1,6})?$' });
const quoteKey = '^([a-z0-9_]{2,40}(/[0-9]{1,9})?|[*]/[0-9]{1,9})$';
const actionKey = '^[A-Za-z0-9]{3,40}$';

const handlerApi = Type.Object(
  {
    outage: choice(httpOutages),
    errorStyle: choice(['hero', 'classic']),
    latencyMs: ms(),
    latencyJitterMs: ms(),
    hangMs: ms(),
    balance: Type.Optional(decimal),
    cost: Type.Optional(decimal),
    costs: table(quoteKey, decimal),
    stock: table(quoteKey, Type.Integer({ minimum: 0 })),
    dialCodes: table('^[0-9]{1,9}$', Type.String({ pattern: '^[1-9][0-9]{0,3}$' })),
    lifeMs: ms(86_400_000),
    earlyCancelMs: ms(),
    rentalRefundMs: ms(),
    codeDelayMinMs: ms(),
    codeDelayMaxMs: ms(),
    secondCodeDelayMs: ms(),
    lateCodeDelayMs: ms(),
    pushDelayMs: ms(),
    pushReorderMs: ms(),
    noCodeRatio: ratio,
    twoCodesRatio: ratio,
    lateCodeRatio: ratio,
    hyphenatedRatio: ratio,
    duplicatePushRatio: ratio,
    reorderedPushRatio: ratio,
    noPushRatio: ratio,
    codeDuringCancelRatio: ratio,
    faultRatios: ratios(handlerFaults),
    faultRatiosOf: table(actionKey, Type.Object(Object.fromEntries(handlerFaults.map((fault) => [fault, ratio])), strict)),
    nextFaults: queue(handlerFaults),
    nextFaultsOf: table(actionKey, Type.Array(Type.Enum([...handlerFaults]), { maxItems: maxQueue })),
    nextCodes: queue(codeFates),
  },
  strict,
);

const smpp = Type.Object(
  {
    outage: choice(['off', 'bind_refused', 'closed']),
    idFormat: choice(['hex_then_decimal', 'hex', 'decimal']),
    responseDelayMs: ms(),
    maxSubmitsPerSecond: count(),
    maxWindow: count(),
    receiptDelayMinMs: ms(),
    receiptDelayMaxMs: ms(),
    receiptTlvs: flag,
    receiptText: flag,
    receiptRouting: choice(['same', 'any']),
    intermediateReceipts: flag,
    redeliverAfterMs: Type.Optional(Type.Integer({ minimum: 10, maximum: 3_600_000 })),
    redeliverAttempts: count(1),
    enquireLinkMs: ms(),
    idleTimeoutMs: ms(),
    destinations: table('^[0-9]{1,15}$', Type.Enum([...destinationOutcomes])),
    faultRatios: ratios(submitFaults),
    receiptRatios: ratios(receiptFates),
    nextFaults: queue(submitFaults),
    nextReceipts: queue(receiptFates),
  },
  strict,
);

const payments = Type.Object(
  {
    outage: choice(httpOutages),
    latencyMs: ms(),
    hangMs: ms(),
    failureRatio: ratio,
    autoOutcome: choice(['none', 'success', 'failure']),
    autoOutcomeDelayMs: ms(),
    webhookDelayMs: ms(),
    webhookReorderMs: ms(),
    createFaultRatios: ratios(createFaults),
    webhookFaultRatios: ratios(webhookFaults),
    nextCreateFaults: queue(createFaults),
    nextWebhookFaults: queue(webhookFaults),
    chargeOutcome: choice(['success', 'failure']),
    refundDelayMs: ms(),
    refundOutcome: choice(['succeeded', 'failed']),
  },
  strict,
);

const mailbox = Type.Object(
  {
    outage: choice(httpOutages),
    latencyMs: ms(),
    hangMs: ms(),
    failRatio: ratio,
    lostReplyRatio: ratio,
    faultRatios: ratios(mailFaults),
    nextFaults: queue(mailFaults),
  },
  strict,
);

const outgoing = Type.Object(
  {
    timeoutMs: Type.Optional(Type.Integer({ minimum: 10, maximum: 120_000 })),
    retryFirstMs: Type.Optional(Type.Integer({ minimum: 1, maximum: 3_600_000 })),
    retryMaxMs: Type.Optional(Type.Integer({ minimum: 1, maximum: 3_600_000 })),
    maxAttempts: count(1, 1_000),
  },
  strict,
);

/** Any part of the settings; the README explains every key. */
export const settingsPatchSchema = Type.Object(
  {
    handlerApi: Type.Optional(handlerApi),
    smpp: Type.Optional(smpp),
    payments: Type.Optional(payments),
    mailbox: Type.Optional(mailbox),
    outgoing: Type.Optional(outgoing),
  },
  strict,
);
export type SettingsPatch = Static<typeof settingsPatchSchema>;

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Sections and their keys are fixed; below them `null` takes an entry out of a table. */
const fixedLevels = 2;

/** `null` means "back to the default", so it is legal for every key that exists; what remains is checked by the schema. */
const withoutNulls = (patch: Record<string, unknown>, defaults: Record<string, unknown>, level = 0): Record<string, unknown> => {
  const kept: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(patch)) {
    // JSON.parse makes it an own key; assigning it would set the prototype instead.
    if (key === '__proto__') throw invalid([{ field: key, reason: 'is not a known key' }]);
    if (value === null && (level >= fixedLevels || Object.hasOwn(defaults, key))) continue;
    const below = defaults[key];
    kept[key] = isObject(value) ? withoutNulls(value, isObject(below) ? below : {}, level + 1) : value;
  }
  return kept;
};

const read = bodyReader(settingsPatchSchema);

/**
 * @returns the patch itself, nulls included
 * @throws request.invalid naming every unknown key and wrong value
 */
export const readSettingsPatch = (body: unknown): Record<string, unknown> => {
  if (!isObject(body)) {
    read(body);
    return {};
  }
  read(withoutNulls(body, defaultSettings() as unknown as Record<string, unknown>));
  return body;
};
