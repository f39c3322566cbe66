import { type AppError, appError, isAppError } from '#platform/errors/index.ts';
import { isUuid, newId } from '#platform/ids/index.ts';
import { maxMicros } from '#platform/money/index.ts';
import { addMs, type Clock, minuteMs } from '#platform/time/index.ts';
import type { PriceAsk } from '../../domain/prices/engine.ts';
import { normalItem } from '../../domain/prices/item.ts';
import { type Quote, quotedUnit, totalOf } from '../../domain/prices/quote.ts';
import { check, refuseInvalid } from '../checks.ts';
import { priceAsked } from './ask.ts';
import { customersOf, type PricedCustomer } from './customers.ts';
import type { PlanDiscounts, PriceSources, Quotes } from './ports.ts';

export interface QuoteAsk {
  readonly tenantId: string;
  readonly items: readonly { readonly ask: PriceAsk; readonly quantity: bigint }[];
}
export interface CreateQuotesDeps {
  readonly sources: PriceSources;
  readonly plans: PlanDiscounts;
  readonly quotes: Quotes;
  readonly clock: Clock;
}
export type Quoted = { readonly quote: Quote } | { readonly error: AppError };

const maxAsks = 256;
const maxItems = 300;
const maxQuantity = 1_000_000_000n;
/** Long enough for a customer to decide and for a product to keep it for a while; short enough that a mistake is soon over. */
export const quoteLifeMs = 10 * minuteMs;

/** A promise does not outlive what it is made of, so that a change of prices takes effect at its time. */
const expiryOf = ({ nextChange }: PricedCustomer, now: Date): Date => {
  const latest = addMs(now, quoteLifeMs);
  return nextChange !== undefined && nextChange < latest ? nextChange : latest;
};

const quoteOf = (ask: QuoteAsk, customer: PricedCustomer, field: string, now: Date): Quote => {
  refuseInvalid(check(ask.items.length >= 1 && ask.items.length <= maxItems, `${field}.items`, `Send 1 to ${maxItems}.`));
  const items = ask.items.map(({ ask: asked, quantity }, index) => {
    const name = `${field}.items[${index}]`;
    refuseInvalid(check(quantity >= 1n && quantity <= maxQuantity, `${name}.quantity`, `1 to ${maxQuantity}.`));
    return { item: normalItem(asked.item), quantity, unit: quotedUnit(priceAsked(asked, customer, `${name}.ask`)) };
  });
  const total = totalOf(items);
  refuseInvalid(
    check(new Set(items.map(({ item }) => item.product)).size === 1, `${field}.items`, 'Of one product.'),
    check(total.micros <= maxMicros, `${field}.items`, 'The total is out of range.'),
  );
  return { id: newId(), tenantId: ask.tenantId, items, total, plan: customer.plan, expiresAt: expiryOf(customer, now), createdAt: now };
};

/**
 * Promises prices: each quote may be held and charged, as often as wanted, until it expires. Asked again while nothing has changed, it
 * is the same quote with a later expiry.
 * @returns one answer for each ask, in their order; the refusal of one changes nothing for the others
 * @throws request.invalid on field "asks"
 */
export const createQuotes =
  (deps: CreateQuotesDeps) =>
  async (asks: readonly QuoteAsk[]): Promise<readonly Quoted[]> => {
    refuseInvalid(check(asks.length >= 1 && asks.length <= maxAsks, 'asks', `Send 1 to ${maxAsks}.`));
    const now = deps.clock.now();
    const customers = await customersOf(deps)(
      asks.map(({ tenantId }) => tenantId).filter((id) => isUuid(id)),
      now,
    );
    const drafts = asks.map((ask, index): Quoted => {
      try {
        const customer = customers.get(ask.tenantId);
        if (!customer) throw appError('request.invalid', { fields: [{ field: `asks[${index}].tenant_id`, reason: 'must be a UUID' }] });
        return { quote: quoteOf(ask, customer, `asks[${index}]`, now) };
      } catch (error) {
        if (isAppError(error)) return { error };
        throw error;
      }
    });
    const saved = (await deps.quotes.save(drafts.flatMap((draft) => ('quote' in draft ? [draft.quote] : [])))).values();
    return drafts.map((draft) => {
      if ('error' in draft) return draft;
      const { value: quote } = saved.next();
      if (quote === undefined) throw new Error('a quote was not stored');
      return { quote };
    });
  };
