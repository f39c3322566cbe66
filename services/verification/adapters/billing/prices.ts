import { LRUCache } from 'lru-cache';
import {
  type CreateQuotesResponse_Result,
  PriceServiceClient,
  type PriceServiceService,
  type Quote as QuoteMessage,
} from '#proto/namaskah/billing/v1/prices.ts';
import { appError } from '#platform/errors/index.ts';
import { errorOfDetail, type GrpcClient, systemPrincipal } from '#platform/grpc/index.ts';
import { coalesce } from '#platform/postgres/index.ts';
import { addMs, type Clock } from '#platform/time/index.ts';
import type { Prices, Quote } from '../../app/ports.ts';
import type { Offer } from '../../domain/catalogue.ts';

export { PriceServiceClient };

interface PricesOptions {
  readonly client: Pick<GrpcClient<PriceServiceService>, 'createQuotes' | 'resolvePrices' | 'getQuote'>;
  readonly clock: Clock;
  /** How long a quote is used again before billing is asked anew; what a lost event costs at most. */
  readonly keepMs: number;
}

export interface CachedPrices extends Prices {
  /** Prices of this tenant (undefined: of everybody) may have changed: quotes in hand are good, but new ones are asked for. */
  forget(tenantId: string | undefined): void;
}

type Kept = Quote & { readonly usableUntil: Date };
interface Wanted {
  readonly tenantId: string;
  readonly offer: Offer;
}

/** A quote in use must not expire between the price and the hold, even when the first answer of billing is lost. */
const marginMs = 30_000;
const maxTenants = 10_000;
/** Beyond this a tenant walks through the catalogue; starting anew costs him one question per item. */
const maxItems = 1_000;
const batching = { maxBatch: 128, maxConcurrent: 1, maxWaiting: 5_000 } as const;

const keyOf = ({ service, country, capability, operator }: Offer): string => [service.code, country.code, capability, operator].join(' ');

const askOf = ({ service, country, capability, operator, price }: Offer) => ({
  item: { product: 'verification', service: service.code, country: country.code, capability, operator, duration: '', segments: 0 },
  listPrice: { currency: price.currency, micros: price.micros },
  floor: undefined,
});

const quoteOf = (message: QuoteMessage | undefined): Quote => {
  if (message?.total === undefined || message.expiresAt === undefined)
    throw appError('platform.internal', { cause: 'billing answered without a quote' });
  return { id: message.id, price: message.total, expiresAt: message.expiresAt };
};

const isFor = ({ items }: QuoteMessage, { service, country, capability, operator }: Offer): boolean => {
  const [only, ...others] = items;
  const item = only?.item;
  if (item === undefined || others.length > 0 || only?.quantity !== 1n || item.product !== 'verification') return false;
  return item.service === service.code && item.country === country.code && item.capability === capability && item.operator === operator;
};

/** Billing's price book over gRPC: quotes of purchases beside each other in one call, each kept and used until it grows old. */
export const createPrices = ({ client, clock, keepMs }: PricesOptions): CachedPrices => {
  const kept = new LRUCache<string, Map<string, Kept>>({ max: maxTenants });
  const asking = new Map<string, Promise<Kept>>();
  // An answer that was on its way when prices changed is used by who waits for it, and by nobody else.
  let epoch = 0;

  const ask = coalesce<Wanted, CreateQuotesResponse_Result>({
    ...batching,
    run: async (wanted) => {
      const principal = systemPrincipal('verification', wanted[0]?.tenantId ?? '');
      const asks = wanted.map(({ tenantId, offer }) => ({ tenantId, items: [{ ask: askOf(offer), quantity: 1n }] }));
      return (await client.createQuotes({ asks }, { principal })).results;
    },
  });

  const fetch = async (wanted: Wanted): Promise<Kept> => {
    const begun = epoch;
    const { quote: message, error } = await ask(wanted);
    if (error !== undefined)
      throw errorOfDetail(error, undefined) ?? appError('platform.internal', { cause: `an unknown error of billing: ${error.code}` });
    const quote = quoteOf(message);
    const last = addMs(quote.expiresAt, -marginMs);
    const until = addMs(clock.now(), keepMs);
    const fresh = { ...quote, usableUntil: until < last ? until : last };
    if (begun === epoch) {
      const items = kept.get(wanted.tenantId) ?? new Map<string, Kept>();
      if (items.size >= maxItems) items.clear();
      kept.set(wanted.tenantId, items.set(keyOf(wanted.offer), fresh));
    }
    return fresh;
  };

  return {
    quote: async (tenantId, offer) => {
      const known = kept.get(tenantId)?.get(keyOf(offer));
      if (known !== undefined && clock.now() < known.usableUntil) return known;
      // Everybody who wants the same waits for the same answer.
      const key = `${epoch} ${tenantId} ${keyOf(offer)}`;
      const running = asking.get(key);
      if (running !== undefined) return running;
      const fetching = fetch({ tenantId, offer }).finally(() => asking.delete(key));
      asking.set(key, fetching);
      return fetching;
    },

    fresh: (tenantId, offer) => fetch({ tenantId, offer }),

    named: async (tenantId, quoteId, offer) => {
      const { quote } = await client.getQuote({ id: quoteId }, { principal: systemPrincipal('verification', tenantId) });
      if (quote === undefined || !isFor(quote, offer))
        throw appError('billing.quote_invalid', { message: 'This quote is for something else.' });
      return quoteOf(quote);
    },

    resolve: async (tenantId, offers) => {
      if (offers.length === 0) return [];
      const principal = systemPrincipal('verification', tenantId);
      const { results } = await client.resolvePrices({ asks: offers.map(askOf) }, { principal });
      return offers.map((_, index) => results[index]?.priced?.unit?.price);
    },

    forget: (tenantId) => {
      epoch += 1;
      if (tenantId === undefined) kept.clear();
      else kept.delete(tenantId);
    },
  };
};
