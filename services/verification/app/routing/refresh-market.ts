import { addMs, type Clock } from '#platform/time/index.ts';
import type { Catalogue } from '../../domain/catalogue.ts';
import { coarse } from '../../domain/routing/stock.ts';
import type { MarketObserver, MarketSource, MarketStore } from './ports.ts';

export interface MarketParts {
  readonly sources: readonly MarketSource[];
  readonly market: MarketStore;
  readonly catalogue: Pick<Catalogue, 'countries'>;
  readonly observer: MarketObserver;
  readonly clock: Clock;
  /** Between two readings of one provider. */
  readonly everyMs: number;
  /** Longer than a reading takes; then another replica may begin one. */
  readonly leaseMs: number;
  /** Whoever compares it with what it should be. */
  readonly onBalance?: (provider: string, balance: { readonly micros: bigint; readonly at: Date }) => Promise<void>;
}

/**
 * Reads balances and price lists that are due: of each provider one replica at a time, country by country. What cannot be read stays as
 * it was. Only what has changed is written, and what a list names no longer is out of stock.
 */
export const refreshMarket =
  ({ sources, market, catalogue, observer, clock, everyMs, leaseMs, onBalance = async () => {} }: MarketParts) =>
  async (): Promise<void> => {
    for (const source of sources) {
      const now = clock.now();
      if (!(await market.claim(source.name, now, addMs(now, leaseMs)))) continue;
      const balance = await source.balance();
      const readAt = clock.now();
      if (balance.kind === 'unknown') observer.unreadable(source.name, 'balance', balance.detail);
      let complete = balance.kind === 'known';
      for (const country of source.offers ? catalogue.countries : []) {
        const answer = await source.offers?.(country);
        if (answer?.kind === 'listed') {
          const offers = answer.offers.map((offer) => ({ ...offer, stock: coarse(offer.stock) }));
          await market.replace(source.name, country.code, offers);
        } else {
          complete = false;
          observer.unreadable(source.name, 'prices', answer?.detail ?? '');
          // One country that cannot be read is bad luck, a provider that does not answer keeps nobody waiting.
          break;
        }
      }
      const known = balance.kind === 'known' ? { micros: balance.micros, at: readAt } : undefined;
      await market.release(source.name, { balance: known, readAt: complete ? clock.now() : undefined, dueAt: addMs(clock.now(), everyMs) });
      if (known) {
        observer.balance(source.name, known.micros);
        await onBalance(source.name, known);
      }
    }
  };
