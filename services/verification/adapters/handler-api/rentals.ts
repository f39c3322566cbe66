import type { Metrics } from '#platform/telemetry/index.ts';
import type { Refusal } from '../../app/ports.ts';
import type { ListedRental, RentalMessage, RentalProvider } from '../../app/rental/ports.ts';
import type { Catalogue } from '../../domain/catalogue.ts';
import { type Answer, createHandlerApiClient, type HandlerApiOptions } from './client.ts';
import { dateOf, record, textOf } from './fields.ts';
import { handlerApiName } from './provider.ts';

const cancelled = 2;
/** The family's largest page of messages. */
const pageRows = 100;

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
  BAD_KEY: 'account',
  NO_KEY: 'account',
  BAD_ACTION: 'account',
  NO_BALANCE: 'account',
  BANNED: 'account',
  ACCOUNT_INACTIVE: 'account',
};
/** We were not let in: nobody has acted. A page of any other status may hide a number that was rented (docs/adr/0064). */
const refusalStatuses: Readonly<Record<number, Refusal>> = { 401: 'account' };

interface Read {
  readonly word: string;
  readonly json: Readonly<Record<string, unknown>> | undefined;
  readonly detail: string;
  readonly refusal: Refusal | undefined;
}

/** A plain word, or JSON `{status, message}` whose message is the word. */
const read = (answer: Answer): Read => {
  if (answer.kind === 'notSent') return { word: '', json: undefined, detail: answer.detail, refusal: 'unreachable' };
  if (answer.kind === 'lost') return { word: '', json: undefined, detail: answer.detail, refusal: undefined };
  const body = answer.body.trim();
  const json = answer.status === 200 && body.startsWith('{') ? record(body) : undefined;
  const text = json ? textOf(json['message']) || textOf(json['msg']) : body;
  const word = /^([A-Z][A-Z_]{2,})(?::[\s\S]*)?$/.exec(text)?.[1] ?? '';
  const refusal = refusals[word] ?? (word === '' && json === undefined ? refusalStatuses[answer.status] : undefined);
  // For logs: never the body, which may hold a text.
  return { word, json, detail: `HTTP ${answer.status} ${word}`.trim(), refusal };
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

/** Rentals of the SMS-Activate family: getRentNumber, getRentStatus, setRentStatus, continueRentNumber, getRentList. */
export const createHandlerApiRentals = (
  options: HandlerApiOptions & { readonly catalogue: Catalogue; readonly metrics?: Metrics },
): RentalProvider & { close(): Promise<void> } => {
  const client = createHandlerApiClient(options);
  const services = new Map(options.catalogue.services.map((row) => [row.providerCodes['handlerApi'], row.code]));
  const countries = new Map(options.catalogue.countries.map((row) => [String(row.providerCodes['handlerApi']), row.code]));
  const outcomeOf = ({ refusal, detail }: Read) =>
    refusal ? ({ kind: 'refused', reason: refusal, detail } as const) : ({ kind: 'unknown', detail } as const);

  return {
    name: handlerApiName,
    rent: async ({ service, country, hours }) => {
      const [serviceCode, countryId] = [service.providerCodes['handlerApi'], country.providerCodes['handlerApi']];
      if (serviceCode === undefined || countryId === undefined)
        return { kind: 'refused', reason: 'not_offered', detail: 'no code of this provider' };
      const got = read(await client.call('getRentNumber', { service: serviceCode, country: countryId, rent_time: hours }));
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
    messages: async (providerRentalId) => {
      const messages: RentalMessage[] = [];
      for (let page = 1; page <= 20; page++) {
        const got = read(await client.call('getRentStatus', { id: providerRentalId, page, size: pageRows }));
        if (got.word === 'STATUS_WAIT_CODE') return { kind: 'listed', messages };
        if (got.word === 'STATUS_FINISH' || got.word === 'STATUS_CANCEL') return { kind: 'ended' };
        const rows = rowsOf(got.json?.['values']);
        if (rows === undefined) return { kind: 'unknown', detail: got.detail };
        messages.push(...rows.map(messageOf).filter(({ text }) => text !== ''));
        if (rows.length < pageRows) break;
      }
      return { kind: 'listed', messages };
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
    list: async () => {
      const got = read(await client.call('getRentList'));
      if (got.word === 'NO_NUMBERS') return { kind: 'listed', rentals: [] };
      const rows = textOf(got.json?.['status']) === 'success' ? rowsOf(got.json?.['values']) : undefined;
      if (rows === undefined) return { kind: 'unknown', detail: got.detail };
      const rentals = rows.map((row): ListedRental => ({
        providerRentalId: textOf(row['id']),
        phoneNumber: phoneOf(row['phone']) ?? '',
        service: services.get(textOf(row['service'])),
        country: countries.get(textOf(row['country'])),
        endsAt: dateOf(row['endDate']),
      }));
      if (rentals.some((row) => row.providerRentalId === '' || row.phoneNumber === ''))
        return { kind: 'unknown', detail: 'a row without an id' };
      return { kind: 'listed', rentals };
    },
    close: () => client.close(),
  };
};
