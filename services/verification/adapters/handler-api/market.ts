import { parseDecimal } from '#platform/money/index.ts';
import type { BalanceOutcome, MarketSource, OffersOutcome } from '../../app/routing/ports.ts';
import type { Catalogue } from '../../domain/catalogue.ts';
import { createHandlerApiClient, type HandlerApiOptions } from './client.ts';
import { microsOf, record } from './fields.ts';
import { handlerApiName } from './provider.ts';

/** Connections of its own: reading price lists must not make a purchase wait. */
const connections = 2;

/** Balance and price list of the SMS-Activate family: getBalance and getPrices, country by country. */
export const createHandlerApiMarket = (
  options: Omit<HandlerApiOptions, 'connections'> & { readonly catalogue: Catalogue },
): MarketSource & { close(): Promise<void> } => {
  const client = createHandlerApiClient({ ...options, connections });
  const services = new Map(options.catalogue.services.map((row) => [row.providerCodes['handlerApi'], row.code]));
  return {
    name: handlerApiName,
    balance: async (): Promise<BalanceOutcome> => {
      const answer = await client.call('getBalance');
      if (answer.kind !== 'answered') return { kind: 'unknown', detail: answer.detail };
      const micros = parseDecimal(/^ACCESS_BALANCE:(-?\d+(?:\.\d{1,6})?)/.exec(answer.body.trim())?.[1] ?? '');
      return micros === undefined ? { kind: 'unknown', detail: `HTTP ${answer.status} is no balance` } : { kind: 'known', micros };
    },
    offers: async (country): Promise<OffersOutcome> => {
      const id = country.providerCodes['handlerApi'];
      if (id === undefined) return { kind: 'listed', offers: [] };
      const answer = await client.call('getPrices', { country: id });
      if (answer.kind !== 'answered') return { kind: 'unknown', detail: answer.detail };
      const list = answer.status === 200 ? record(record(answer.body)?.[String(id)]) : undefined;
      if (list === undefined) return { kind: 'unknown', detail: `HTTP ${answer.status} is no price list` };
      const offers = Object.entries(list).flatMap(([code, value]) => {
        const service = services.get(code);
        const row = record(value);
        const [costMicros, stock] = [microsOf(row?.['cost']), Number(row?.['count'])];
        return service === undefined || costMicros <= 0n || !(stock >= 0) ? [] : [{ service, costMicros, stock }];
      });
      return { kind: 'listed', offers };
    },
    close: () => client.close(),
  };
};
