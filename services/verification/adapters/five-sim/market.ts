import { rawHttp } from '#platform/json-http/index.ts';
import { parseDecimal } from '#platform/money/index.ts';
import type { BalanceOutcome, MarketSource, OffersOutcome } from '../../app/routing/ports.ts';
import { type FiveSimOptions, fiveSimName } from './provider.ts';

/** Connections of its own: reading price lists must not make a purchase wait. */
const connections = 2;

type Fields = Readonly<Record<string, unknown>>;

const fieldsOf = (value: unknown): Fields | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;

const parsed = (text: string): Fields | undefined => {
  try {
    return fieldsOf(JSON.parse(text));
  } catch {
    return undefined;
  }
};

const microsOf = (value: unknown): bigint | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? parseDecimal(value.toFixed(6)) : undefined;

/** Balance (user/profile) and price list (guest/products) of 5sim. */
export const createFiveSimMarket = (
  options: Pick<FiveSimOptions, 'url' | 'token' | 'timeoutMs' | 'catalogue'>,
): MarketSource & { close(): Promise<void> } => {
  const { url, token, timeoutMs, catalogue } = options;
  const { origin, pathname } = new URL(url);
  const http = rawHttp({ origin, timeoutMs, connections });
  const services = new Map(catalogue.services.map((row) => [row.providerCodes['fiveSim'], row.code]));
  const get = (path: string) =>
    http.call({ path: pathname.replace(/\/$/, '') + path, headers: { authorization: `Bearer ${token}`, accept: 'application/json' } });
  return {
    name: fiveSimName,
    balance: async (): Promise<BalanceOutcome> => {
      const answer = await get('/user/profile');
      if (answer.kind !== 'answered') return { kind: 'unknown', detail: answer.detail };
      const micros = answer.status === 200 ? microsOf(parsed(answer.body)?.['balance']) : undefined;
      return micros === undefined ? { kind: 'unknown', detail: `HTTP ${answer.status} is no profile` } : { kind: 'known', micros };
    },
    offers: async (country): Promise<OffersOutcome> => {
      const place = country.providerCodes['fiveSim'];
      if (place === undefined) return { kind: 'listed', offers: [] };
      const answer = await get(`/guest/products/${encodeURIComponent(place)}/any`);
      if (answer.kind !== 'answered') return { kind: 'unknown', detail: answer.detail };
      const list = answer.status === 200 ? parsed(answer.body) : undefined;
      if (list === undefined) return { kind: 'unknown', detail: `HTTP ${answer.status} is no list of products` };
      const offers = Object.entries(list).flatMap(([product, value]) => {
        const row = fieldsOf(value);
        const service = row?.['Category'] === 'activation' ? services.get(product) : undefined;
        const [costMicros, stock] = [microsOf(row?.['Price']) ?? 0n, Number(row?.['Qty'])];
        return service === undefined || costMicros <= 0n || !(stock >= 0) ? [] : [{ service, costMicros, stock }];
      });
      return { kind: 'listed', offers };
    },
    close: () => http.close(),
  };
};
