/**
 * What each fault of the outside world may do to a customer: one row a fault, one column a step of a number's life, and where the protocols
 * differ one entry a provider. Everything else follows from the end: who pays, what the provider keeps, what a repetition is answered.
 */
import type { ErrorCode } from '#platform/errors/index.ts';
import { codeFates, handlerFaults, httpOutages } from '../../../services/simulator/domain/settings.ts';

export const adapters = ['handler-api', '5sim', 'textverified'] as const;
export type Adapter = (typeof adapters)[number];

/**
 * purchase: the request for a number meets the fault. second provider: the same, with another one standing by. find: the answer to
 * the purchase is lost, and the list that should tell meets the fault. poll: a code is there, the question meets the fault. cancel: the
 * customer's cancellation meets it.
 */
export const paths = ['purchase', 'second provider', 'find', 'poll', 'cancel'] as const;
export type Path = (typeof paths)[number];

/** number: waiting, with a number. waiting: without one, or still. The rest are statuses and problem codes. */
export type Answer = 'number' | 'waiting' | 'received' | 'cancelled' | ErrorCode;
export type End = 'completed' | 'cancelled' | 'expired' | 'failed';
/** What the customer is told at once, and how it ends when the world is well again. */
export type Outcome = readonly [at: Answer, end: End];
type Cell = Outcome | Readonly<Record<Adapter, Outcome>>;
export interface Row extends Readonly<Record<Exclude<Path, 'second provider'>, Cell>> {
  /** Left out: a refusal leads to the second provider, anything else is as without one. */
  readonly 'second provider'?: Cell;
}

const bought: Outcome = ['number', 'completed'];
const parked: Outcome = ['waiting', 'failed'];
const later: Outcome = ['waiting', 'completed'];
const seen: Outcome = ['received', 'completed'];
const cancelled: Outcome = ['cancelled', 'cancelled'];
const cancelledLater: Outcome = ['waiting', 'cancelled'];
const tooEarly: Outcome = ['verification.early_cancel', 'completed'];
const codeWins: Outcome = ['verification.code_already_received', 'completed'];
const refused = (code: ErrorCode): Outcome => [code, 'failed'];
const noNumbers = refused('verification.no_numbers');
const providerAway = refused('verification.provider_unavailable');

/** The fault hits nothing at this step. */
const harmless: Row = { purchase: bought, find: bought, poll: seen, cancel: cancelled };
/** An answer that says nothing, to a request that did nothing. */
const silent: Row = { purchase: parked, find: later, poll: later, cancel: cancelledLater };
/** The request did what it should, its answer is lost. */
const lost: Row = { purchase: bought, find: later, poll: later, cancel: cancelledLater };
/** A refusal of a purchase; to other questions it is no answer. */
const word = (purchase: Outcome): Row => ({ purchase, find: later, poll: later, cancel: cancelledLater });
/** To TextVerified's cancellation every 400 means "not now": the number stays. */
const wordOf400 = (purchase: Outcome): Row => ({
  ...word(purchase),
  cancel: { 'handler-api': cancelledLater, '5sim': cancelledLater, textverified: tooEarly },
});

const faults: Readonly<Record<Exclude<(typeof handlerFaults)[number], 'none'>, Row>> = {
  no_numbers: wordOf400(noNumbers),
  no_balance: wordOf400(providerAway),
  server_error: silent,
  error_sql: silent,
  banned: word(providerAway),
  account_inactive: word(providerAway),
  channels_limit: wordOf400(providerAway),
  sim_offline: wordOf400(noNumbers),
  bad_service: wordOf400(refused('verification.not_offered')),
  wrong_country: wordOf400(refused('verification.not_offered')),
  wrong_max_price: wordOf400(noNumbers),
  // TextVerified's tokens end: one more sign-in, and the call is made again.
  bad_key: {
    purchase: { 'handler-api': providerAway, '5sim': providerAway, textverified: bought },
    'second provider': bought,
    find: { 'handler-api': later, '5sim': later, textverified: bought },
    poll: { 'handler-api': later, '5sim': later, textverified: seen },
    cancel: { 'handler-api': cancelledLater, '5sim': cancelledLater, textverified: cancelled },
  },
  // A provider that denies what it has: the customer's money goes back at once, ours when the claim finds the number alive.
  no_activation: {
    purchase: { 'handler-api': parked, '5sim': providerAway, textverified: providerAway },
    find: later,
    poll: later,
    cancel: { 'handler-api': cancelled, '5sim': cancelled, textverified: tooEarly },
  },
  http_402: silent,
  http_403: silent,
  http_429: silent,
  http_500: silent,
  http_503: silent,
  html: silent,
  garbled: silent,
  // TextVerified confirms a cancellation by an empty 200: that it was none is found out by the claim.
  empty: { ...silent, cancel: { 'handler-api': cancelledLater, '5sim': cancelledLater, textverified: cancelled } },
  timeout: silent,
  reset: silent,
  timeout_after_buy: lost,
  reset_after_buy: lost,
  html_after_buy: lost,
  garbled_after_buy: lost,
  empty_after_buy: { ...lost, cancel: { 'handler-api': cancelledLater, '5sim': cancelledLater, textverified: cancelled } },
  http_402_after_buy: lost,
  http_403_after_buy: lost,
  http_429_after_buy: lost,
  http_502_after_buy: lost,
  code_during_cancel: { ...harmless, cancel: codeWins },
};

const comes: Row = { purchase: bought, find: bought, poll: later, cancel: cancelled };
const comesNot: Row = { purchase: ['number', 'expired'], find: ['number', 'expired'], poll: ['waiting', 'expired'], cancel: cancelled };

const fates: Readonly<Record<(typeof codeFates)[number], Row>> = {
  normal: comes,
  no_code: comesNot,
  two_codes: comes,
  late_code: comesNot,
  hyphenated: comes,
  duplicate_push: comes,
  reordered_push: comes,
  no_push: comes,
};

const outages: Readonly<Record<Exclude<(typeof httpOutages)[number], 'off'>, Row>> = {
  '503': { ...silent, find: parked },
  reset: { ...silent, find: parked },
};

/** States of the market rather than of one request. Whoever cannot buy, cannot lose an answer to a purchase either. */
const conditions = {
  price_moved: { ...harmless, purchase: noNumbers, find: parked },
  sold_out: { ...harmless, purchase: noNumbers, find: parked },
  balance_spent: { ...harmless, purchase: providerAway, 'second provider': providerAway, find: parked },
  early_cancel_denied: { ...harmless, cancel: tooEarly },
  classic_code_during_cancel: { ...harmless, cancel: codeWins },
  slow: harmless,
} as const satisfies Readonly<Record<string, Row>>;

export type Trouble =
  | { readonly kind: 'fault'; readonly name: keyof typeof faults }
  | { readonly kind: 'fate'; readonly name: keyof typeof fates }
  | { readonly kind: 'outage'; readonly name: keyof typeof outages }
  | { readonly kind: 'condition'; readonly name: keyof typeof conditions };

const rowsOf = <Kind extends Trouble['kind'], Name extends string>(kind: Kind, rows: Readonly<Record<Name, Row>>) =>
  Object.entries<Row>(rows).map(([name, row]) => ({ trouble: { kind, name } as Trouble, row }));

export const table: readonly { readonly trouble: Trouble; readonly row: Row }[] = [
  ...rowsOf('fault', faults),
  ...rowsOf('fate', fates),
  ...rowsOf('outage', outages),
  ...rowsOf('condition', conditions),
];

/** What the simulator can do and this table does not know, and the other way round; nothing, when it is complete. */
export const strangers = (): readonly string[] => {
  const known: readonly [readonly string[], object][] = [
    [handlerFaults.filter((fault) => fault !== 'none'), faults],
    [codeFates, fates],
    [httpOutages.filter((outage) => outage !== 'off'), outages],
  ];
  return known.flatMap(([words, rows]) => {
    const named = Object.keys(rows);
    return [...words.filter((word) => !named.includes(word)), ...named.filter((name) => !words.includes(name))];
  });
};

const isEach = (cell: Cell): cell is Readonly<Record<Adapter, Outcome>> => !Array.isArray(cell);

export const expected = (row: Row, path: Path, adapter: Adapter): Outcome => {
  const at = (cell: Cell): Outcome => (isEach(cell) ? cell[adapter] : cell);
  if (path !== 'second provider') return at(row[path]);
  const own = row[path];
  if (own !== undefined) return at(own);
  const alone = at(row.purchase);
  return alone[1] === 'failed' && alone[0] !== 'waiting' ? bought : alone;
};
