import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import { createTestDatabase } from '#platform/testing/index.ts';
import { testClock, type TestClock } from '#platform/time/index.ts';
import { migrations } from '../../adapters/postgres/migrations/index.ts';
import { postgresPriceBooks } from '../../adapters/postgres/prices/books.ts';
import { postgresCharges } from '../../adapters/postgres/prices/charges.ts';
import { postgresPromotions } from '../../adapters/postgres/prices/promotions.ts';
import { postgresQuotes } from '../../adapters/postgres/prices/quotes.ts';
import { postgresPriceSources } from '../../adapters/postgres/prices/sources.ts';
import { createPriceBook } from '../../app/prices/create-price-book.ts';
import { createQuotes } from '../../app/prices/create-quotes.ts';
import { decidePriceBook } from '../../app/prices/decide-price-book.ts';
import type { PlanDiscounts } from '../../app/prices/ports.ts';
import { proposePriceBook } from '../../app/prices/propose-price-book.ts';
import { publishPriceBook } from '../../app/prices/publish-price-book.ts';
import type { BookContent, PriceRule } from '../../domain/prices/book.ts';
import type { PriceItem } from '../../domain/prices/item.ts';
import type { PriceBook } from '../../domain/prices/version.ts';
import { openBooks, postgresBooks } from '../ledger/postgres-books.ts';

export const telegram: PriceItem = {
  ...{ product: 'verification', service: 'telegram', country: 'ID', capability: 'sms', operator: '', duration: '', segments: 0 },
};
export const anyVerification: PriceItem = { ...telegram, service: '', country: '', capability: '' };
export const rule = (price: PriceRule['price'], over: Partial<PriceRule> = {}): PriceRule => ({
  ...{ match: anyVerification, price, net: false, rounding: 'minor' },
  ...over,
});
export const content = (...rules: readonly PriceRule[]): BookContent => ({ rules, volume: undefined, maxDiscountPpm: undefined });
export const listed = (micros: bigint, item = telegram) => ({ item, listPrice: money('USD', micros), floor: undefined });

const discounts: Readonly<Record<string, bigint>> = { starter: 0n, pro: 200_000n, enterprise: 350_000n };

/** The price book over PostgreSQL, on a clock that stands still; plans are what a test says. */
export interface PriceHouse {
  readonly db: Database;
  readonly url: string;
  readonly clock: TestClock;
  readonly plans: PlanDiscounts & { readonly set: (tenantId: string, plan: string) => void };
  readonly sources: ReturnType<typeof postgresPriceSources>;
  readonly quotes: ReturnType<typeof postgresQuotes>;
  readonly books: ReturnType<typeof postgresPriceBooks>;
  readonly promotions: ReturnType<typeof postgresPromotions>;
  readonly charges: ReturnType<typeof postgresCharges>;
  readonly ledger: ReturnType<typeof postgresBooks>;
  /** Quoted price of one unit, in micros. */
  price(tenantId: string, micros?: bigint, item?: PriceItem): Promise<bigint>;
  /** Published at once; a tenant's by two operators. */
  publish(
    key: { scope: 'default' | 'plan' | 'tenant'; plan?: string; tenantId?: string },
    written: BookContent,
    span?: { from?: Date; to?: Date },
  ): Promise<PriceBook>;
  close(): Promise<void>;
}

export const openPriceHouse = async (): Promise<PriceHouse> => {
  const database = await createTestDatabase('billing', migrations);
  const db = await openBooks(database.url, 6);
  const clock = testClock();
  const planOf = new Map<string, string>();
  const plans = {
    planOf: async (tenantId: string) => planOf.get(tenantId) ?? 'starter',
    discountPpm: (plan: string) => discounts[plan],
    set: (tenantId: string, plan: string) => void planOf.set(tenantId, plan),
  };
  const sources = postgresPriceSources(db);
  const quotes = postgresQuotes(db);
  const books = postgresPriceBooks(db);
  const publishing = { books, clock };
  return {
    ...{ db, url: database.url, clock, plans, sources, quotes, books },
    promotions: postgresPromotions(db),
    charges: postgresCharges(db),
    ledger: postgresBooks(db),
    price: async (tenantId, micros = 1_000_000n, item = telegram) => {
      const [answer] = await createQuotes({ sources, plans, quotes, clock })([
        { tenantId, items: [{ ask: listed(micros, item), quantity: 1n }] },
      ]);
      if (answer === undefined || 'error' in answer) throw answer?.error ?? new Error('no answer');
      return answer.quote.total.micros;
    },
    publish: async ({ scope, plan = '', tenantId = '' }, written, { from, to } = {}) => {
      const draft = await createPriceBook({ books, plans, clock })('user:ada', {
        ...{ idempotencyKey: newId(), scope, plan, tenantId, content: written, note: 'test' },
      });
      const span = { id: draft.id, effectiveFrom: from, effectiveTo: to };
      if (scope !== 'tenant') return publishPriceBook(publishing)('user:ada', span);
      await proposePriceBook(publishing)('user:ada', span);
      return decidePriceBook(publishing)('user:bob', { id: draft.id, approve: true });
    },
    close: async () => {
      await db.close();
      await database.close();
    },
  };
};
