import { rawHttp, type RawAnswer, type RawHttp } from '#platform/json-http/index.ts';
import { formatDecimal } from '#platform/money/index.ts';
import { type Metrics, observedHttp } from '#platform/telemetry/index.ts';
import type { ActiveOutcome, CancelOutcome, NumberProvider } from '../../app/ports.ts';
import type { Catalogue } from '../../domain/catalogue.ts';
import { canReceive } from '../../domain/capability.ts';
import { canChoose } from '../../domain/choices.ts';
import type { ActiveActivation } from '../../domain/reconcile.ts';
import { acquireOutcome, anotherOutcome, cancelOutcome, finishOutcome, type Order, orderPage, statusOutcome } from './answers.ts';

/** Its name in configuration and rows. */
export const fiveSimName = '5sim';

export interface FiveSimOptions {
  /** With the version: `https://5sim.net/v1`. */
  readonly url: string;
  readonly token: string;
  readonly timeoutMs: number;
  readonly connections?: number;
  readonly catalogue: Catalogue;
  readonly metrics?: Metrics;
}

/** yes, no or unknown: what a dashboard wants to know of an outcome. */
const shortOf = (kind: string): string => (kind === 'unknown' ? 'unknown' : ['refused', 'early', 'absent'].includes(kind) ? 'no' : 'yes');

type Get = (operation: string, path: string) => Promise<RawAnswer>;

const caller = (http: RawHttp, { url, token, metrics }: FiveSimOptions): Get => {
  const base = new URL(url).pathname.replace(/\/$/, '');
  const headers = { authorization: `Bearer ${token}`, accept: 'application/json' };
  const observed = observedHttp(fiveSimName, metrics);
  return (operation, path) => observed(operation, () => http.call({ path: base + path, headers }));
};

const idPattern = /^\d{1,20}$/;

/** @param how `ban` is the cancellation of a number that is bad */
const giveBack = async (get: Get, id: string, how: 'cancel' | 'ban'): Promise<CancelOutcome> => {
  const outcome = cancelOutcome(await get(how, `/user/${how}/${id}`));
  if (outcome.kind !== 'ask') return outcome;
  const status = statusOutcome(await get('check', `/user/check/${id}`));
  switch (status.kind) {
    case 'code':
      return { kind: 'code', message: status.message };
    case 'cancelled':
    case 'finished':
      return { kind: 'cancelled' };
    case 'absent':
      return { kind: 'absent' };
    case 'waiting':
      return { kind: 'early', retryAfterMs: undefined };
    case 'unknown':
      return status;
  }
};

const pageRows = 100;
/** Pages overlap: orders that are added meanwhile push others over the seam. */
const overlapRows = 20;
const maxPages = 250;

interface Tables {
  readonly serviceOf: ReadonlyMap<string | undefined, string>;
  readonly countryOf: ReadonlyMap<string | undefined, string>;
}

const activeRow = (order: Order, { serviceOf, countryOf }: Tables): ActiveActivation => ({
  activationId: order.id,
  service: serviceOf.get(order.product),
  country: countryOf.get(order.country),
  phoneNumber: order.phoneNumber,
  costMicros: order.costMicros,
  startedAt: order.createdAt,
  expiresAt: order.expiresAt,
  // The protocol keeps nothing of ours beside an order.
  orderId: undefined,
});

/** There is no list of what is active: the history, newest first, is read back to `since`. */
const listActive = async (get: Get, tables: Tables, since: Date): Promise<ActiveOutcome> => {
  const found = new Map<string, Order>();
  for (let page = 0; page < maxPages; page++) {
    const offset = page * (pageRows - overlapRows);
    const query = `?category=activation&limit=${pageRows}&offset=${offset}&order=id&reverse=true`;
    const answer = await get('orders', `/user/orders${query}`);
    const list = orderPage(answer);
    if (list === undefined)
      return { kind: 'unknown', detail: answer.kind === 'answered' ? `HTTP ${answer.status} is no list of orders` : answer.detail };
    if (page > 0 && !list.orders.some(({ id }) => found.has(id))) return { kind: 'unknown', detail: 'the list changed while it was read' };
    for (const order of list.orders) found.set(order.id, order);
    const last = list.orders.at(-1)?.createdAt;
    if (list.rows < pageRows || (last !== undefined && last < since)) {
      const live = [...found.values()].filter(({ status }) => status === 'PENDING' || status === 'RECEIVED');
      return { kind: 'listed', activations: live.map((order) => activeRow(order, tables)) };
    }
  }
  return { kind: 'unknown', detail: 'the list has no end' };
};

/** 5sim REST v1. It takes no key of ours with a purchase: a lost answer is found in the history by route and time. */
export const createFiveSimProvider = (options: FiveSimOptions): NumberProvider & { close(): Promise<void> } => {
  const { catalogue, connections = 64, timeoutMs } = options;
  const http = rawHttp({ origin: new URL(options.url).origin, timeoutMs, connections });
  const get = caller(http, options);
  const tables: Tables = {
    serviceOf: new Map(catalogue.services.map((row) => [row.providerCodes['fiveSim'], row.code])),
    countryOf: new Map(catalogue.countries.map((row) => [String(row.providerCodes['fiveSim']), row.code])),
  };
  const requests = options.metrics?.counter('verification_provider_requests_total');
  const counted = async <T extends { readonly kind: string }>(operation: string, work: Promise<T>): Promise<T> => {
    const outcome = await work;
    requests?.inc({ provider: fiveSimName, operation, outcome: shortOf(outcome.kind) });
    return outcome;
  };
  /** An id that is none of theirs never becomes part of a path. */
  const own = <T>(id: string, otherwise: T, work: () => Promise<T>): Promise<T> =>
    idPattern.test(id) ? work() : Promise.resolve(otherwise);
  const absent = { kind: 'absent' } as const;
  const unknownOrder = { kind: 'refused', detail: 'there is no such order' } as const;

  return {
    name: fiveSimName,
    cancelAfterMs: 0,
    acquire: async ({ service, country, maxPrice, chosen = {}, capability = 'sms' }) => {
      const [product, place] = [service.providerCodes['fiveSim'], country.providerCodes['fiveSim']];
      if (product === undefined || place === undefined || !canReceive('fiveSim', capability) || !canChoose('fiveSim', chosen))
        return { kind: 'refused', reason: 'not_offered', detail: 'no code at this provider' };
      const operator = chosen.operator?.providerCodes['fiveSim'] ?? 'any';
      const path = `/user/buy/activation/${place}/${operator}/${product}?maxPrice=${formatDecimal(maxPrice.micros)}`;
      return counted('acquire', get('buy', path).then(acquireOutcome));
    },
    status: (id) => own(id, absent, () => counted('status', get('check', `/user/check/${id}`).then(statusOutcome))),
    cancel: (id) => own(id, absent, () => counted('cancel', giveBack(get, id, 'cancel'))),
    report: (id) => own(id, absent, () => counted('report', giveBack(get, id, 'ban'))),
    requestAnother: (id) => own(id, unknownOrder, () => counted('another', get('check', `/user/check/${id}`).then(anotherOutcome))),
    finish: (id) => own(id, { kind: 'done' } as const, () => counted('finish', get('finish', `/user/finish/${id}`).then(finishOutcome))),
    listActive: (since) => counted('listActive', listActive(get, tables, since)),
    close: () => http.close(),
  };
};
