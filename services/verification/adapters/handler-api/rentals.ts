import type { Metrics } from '#platform/telemetry/index.ts';
import type { Refusal } from '../../app/ports.ts';
import type { FindOutcome, ListedRental, PriceOutcome, RentalMessage, RentalProvider, Wanted } from '../../app/rental/ports.ts';
import type { Catalogue } from '../../domain/catalogue.ts';
import { type Answer, createHandlerApiClient, type HandlerApiOptions } from './client.ts';
import { dateOf, microsOf, record, textOf } from './fields.ts';
import { handlerApiName } from './provider.ts';

const cancelled = 2;
/** The family's largest page of messages. */
const pageRows = 100;
const maxPages = 50;

/** Words after which nothing was done. Whatever stands here not is unknown. */
const refusals: Readonly<Record<string, Refusal>> = {
  NO_NUMBERS: 'no_numbers',
  BAD_SERVICE: 'not_offered',
  WRONG_SERVICE: 'not_offered',
  BAD_COUNTRY: 'not_offered',
  WRONG_COUNTRY: 'not_offered',
  INVALID_TIME: 'not_offered',
  MAX_HOURS_EXCEED: 'not_offered',
  RENT_DIE: 'not_offered',
  NO_ID_RENT: 'not_offered',
  SIM_OFFLINE: 'no_numbers',
  CHANNELS_LIMIT: 'account',
  BAD_KEY: 'account',
  NO_KEY: 'account',
  BAD_ACTION: 'account',
  NO_BALANCE: 'account',
  BANNED: 'account',
  ACCOUNT_INACTIVE: 'account',
};
/**
 * Pages of whatever stands before the provider. They refuse a question; where money is at stake they decide nothing, for numbers were
 * bought behind such pages (docs/adr/0064), and a rental may cost what a thousand codes cost.
 */
const gateStatuses: Readonly<Record<number, Refusal>> = { 401: 'account', 402: 'account', 403: 'account', 429: 'account' };

interface Read {
  readonly word: string;
  readonly json: Readonly<Record<string, unknown>> | undefined;
  readonly detail: string;
  readonly refusal: Refusal | undefined;
  readonly gate: Refusal | undefined;
}

/** A plain word, or JSON `{status, message}` whose message is the word. */
const read = (answer: Answer): Read => {
  if (answer.kind === 'notSent') return { word: '', json: undefined, detail: answer.detail, refusal: 'unreachable', gate: undefined };
  if (answer.kind === 'lost') return { word: '', json: undefined, detail: answer.detail, refusal: undefined, gate: undefined };
  const body = answer.body.trim();
  const json = answer.status === 200 && body.startsWith('{') ? record(body) : undefined;
  const text = json ? textOf(json['message']) || textOf(json['msg']) : body;
  const word = /^([A-Z][A-Z_]{2,})(?::[\s\S]*)?$/.exec(text)?.[1] ?? '';
  const gate = word === '' && json === undefined ? gateStatuses[answer.status] : undefined;
  // For logs: never the body, which may hold a text.
  return { word, json, detail: `HTTP ${answer.status} ${word}`.trim(), refusal: refusals[word], gate };
};

/** A price that was asked for; whatever else came back bought nothing. */
const priceOf = (got: Read, value: unknown): PriceOutcome => {
  const costMicros = microsOf(value);
  if (costMicros > 0n) return { kind: 'priced', costMicros };
  const reason = got.refusal ?? got.gate;
  return reason ? { kind: 'refused', reason, detail: got.detail } : { kind: 'unknown', detail: got.detail };
};

const rowsOf = (value: unknown): readonly Readonly<Record<string, unknown>>[] | undefined => {
  const rows = Array.isArray(value) ? value : value === undefined ? undefined : Object.values(record(value) ?? {});
  const records = rows?.map((row: unknown) => record(row));
  return records?.every((row) => row !== undefined) ? records : undefined;
};

const phoneOf = (value: unknown): string | undefined => {
  const digits = /^\+?(\d{7,15})$/.exec(textOf(value))?.[1];
  return digits && `+${digits}`;
};

const messageOf = (row: Readonly<Record<string, unknown>>): RentalMessage => ({
  text: textOf(row['text']),
  sender: textOf(row['phoneFrom']),
  receivedAt: dateOf(row['date']),
});

/** In the API some are whole hours, none is more than a year. */
const longestHours = 8_760;

/** Rentals of the SMS-Activate family: getRentNumber, getRentStatus, setRentStatus, continueRentNumber, getRentList and their prices. */
export const createHandlerApiRentals = (
  options: HandlerApiOptions & {
    readonly catalogue: Catalogue;
    readonly metrics?: Metrics;
    /** Where messages of a rental are pushed to; absent: they are polled. */
    readonly callbackUrl?: string | undefined;
  },
): RentalProvider & { close(): Promise<void> } => {
  const client = createHandlerApiClient(options);
  const services = new Map(options.catalogue.services.map((row) => [row.providerCodes['handlerApi'], row.code]));
  const countries = new Map(options.catalogue.countries.map((row) => [String(row.providerCodes['handlerApi']), row.code]));
  const outcomeOf = ({ refusal, detail }: Read) =>
    refusal ? ({ kind: 'refused', reason: refusal, detail } as const) : ({ kind: 'unknown', detail } as const);

  const notOffered = { kind: 'refused', reason: 'not_offered', detail: 'no code of this provider' } as const;
  const codesOf = ({ service, country, hours }: Wanted) => {
    const [code, countryId] = [service.providerCodes['handlerApi'], country.providerCodes['handlerApi']];
    return code === undefined || countryId === undefined || hours > longestHours
      ? undefined
      : { service: code, country: countryId, rent_time: hours };
  };
  const list: RentalProvider['list'] = async () => {
    const got = read(await client.call('getRentList'));
    if (got.word === 'NO_NUMBERS') return { kind: 'listed', rentals: [] };
    const rows = textOf(got.json?.['status']) === 'success' ? rowsOf(got.json?.['values']) : undefined;
    if (rows === undefined) return { kind: 'unknown', detail: got.detail };
    const rentals = rows.map((row): ListedRental => ({
      providerRentalId: textOf(row['id']),
      phoneNumber: phoneOf(row['phone']) ?? '',
      service: services.get(textOf(row['service'])),
      country: countries.get(textOf(row['country'])),
      startedAt: undefined,
      endsAt: dateOf(row['endDate']),
    }));
    if (rentals.some((row) => row.providerRentalId === '' || row.phoneNumber === ''))
      return { kind: 'unknown', detail: 'a row without an id' };
    return { kind: 'listed', rentals };
  };
  /** The list has the ends of those that run; how one that runs no more has ended is for its status to say. */
  const find = async (providerRentalId: string): Promise<FindOutcome> => {
    const listing = await list();
    if (listing.kind === 'unknown') return listing;
    const rental = listing.rentals.find((row) => row.providerRentalId === providerRentalId);
    if (rental?.endsAt !== undefined) return { kind: 'active', rental: { ...rental, endsAt: rental.endsAt } };
    const got = read(await client.call('getRentStatus', { id: providerRentalId, page: 1, size: 1 }));
    if (got.word === 'STATUS_CANCEL') return { kind: 'returned' };
    if (got.word === 'STATUS_FINISH') return { kind: 'ended' };
    return got.word === 'NO_ID_RENT' ? { kind: 'absent' } : { kind: 'unknown', detail: got.detail };
  };

  return {
    name: handlerApiName,
    sells: (wanted) => codesOf(wanted) !== undefined,
    price: async (wanted) => {
      const codes = codesOf(wanted);
      if (codes === undefined) return notOffered;
      // Clones that know the parameter show this service only; the others show all.
      const got = read(await client.call('getRentServicesAndCountries', codes));
      const offers = record(got.json?.['services']);
      const offer = record(offers?.[codes.service]);
      if (offers !== undefined && offer === undefined) return { ...notOffered, detail: 'not on the price list' };
      if (Number(offer?.['quant'] ?? offer?.['quantity'] ?? 1) <= 0)
        return { kind: 'refused', reason: 'no_numbers', detail: 'none left on the price list' };
      return priceOf(got, offer?.['cost'] ?? offer?.['price']);
    },
    priceOfMore: async ({ providerRentalId, hours }) => {
      const got = read(await client.call('getContinueRentPriceNumber', { id: providerRentalId, rent_time: hours }));
      return priceOf(got, got.json?.['price'] ?? got.json?.['cost']);
    },
    rent: async (wanted) => {
      const codes = codesOf(wanted);
      if (codes === undefined) return notOffered;
      const push = options.callbackUrl === undefined ? {} : { url: options.callbackUrl };
      const got = read(await client.call('getRentNumber', { ...codes, ...push }));
      const phone = record(got.json?.['phone']);
      const [id, number, endsAt] = [textOf(phone?.['id']), phoneOf(phone?.['number']), dateOf(phone?.['endDate'])];
      if (id !== '' && number !== undefined && endsAt !== undefined)
        return { kind: 'granted', providerRentalId: id, phoneNumber: number, endsAt };
      return outcomeOf(got);
    },
    extend: async ({ providerRentalId, hours }) => {
      const got = read(await client.call('continueRentNumber', { id: providerRentalId, rent_time: hours }));
      const endsAt = dateOf(record(got.json?.['phone'])?.['endDate']);
      return endsAt === undefined ? outcomeOf(got) : { kind: 'granted', endsAt };
    },
    messages: async (providerRentalId, since) => {
      const messages: RentalMessage[] = [];
      for (let page = 1; page <= maxPages; page++) {
        const got = read(await client.call('getRentStatus', { id: providerRentalId, page, size: pageRows }));
        if (got.word === 'STATUS_WAIT_CODE') break;
        if (got.word === 'STATUS_FINISH' || got.word === 'STATUS_CANCEL') return { kind: 'ended' };
        const rows = rowsOf(got.json?.['values']);
        if (rows === undefined) return { kind: 'unknown', detail: got.detail };
        messages.push(...rows.map(messageOf).filter(({ text }) => text !== ''));
        // Newest first: what follows is older still.
        const oldest = messages.at(-1)?.receivedAt;
        const reached = since !== undefined && oldest !== undefined && oldest < since;
        if (rows.length < pageRows || reached) break;
      }
      return { kind: 'listed', messages: messages.toReversed() };
    },
    release: async (providerRentalId) => {
      const got = read(await client.call('setRentStatus', { id: providerRentalId, status: cancelled }));
      if (textOf(got.json?.['status']) === 'success' || got.word === 'ALREADY_CANCEL') return { kind: 'released', returned: true };
      // Its time for a return is over: the number is ended all the same, which the provider does not pay for.
      if (got.word === 'ALREADY_FINISH') return { kind: 'released', returned: false };
      if (got.word !== 'CANT_CANCEL') return { kind: 'unknown', detail: got.detail };
      const ended = read(await client.call('setRentStatus', { id: providerRentalId, status: 1 }));
      if (textOf(ended.json?.['status']) === 'success' || ended.word === 'ALREADY_FINISH') return { kind: 'released', returned: false };
      return ended.word === 'CANT_CANCEL' ? { kind: 'denied' } : { kind: 'unknown', detail: ended.detail };
    },
    find,
    list,
    close: () => client.close(),
  };
};
