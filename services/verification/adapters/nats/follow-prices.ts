import { events } from '#events';
import type { Bus, ReceivedEvent } from '#platform/messaging/index.ts';

const subjects = ['namaskah.billing.v1.price-book.*', 'namaskah.billing.v1.promotion.*', 'namaskah.billing.v1.subscription.*'] as const;

/** Hears of changed prices, on every replica; what is missed while disconnected is bounded by the short life of what is kept. */
export const followPrices = async (
  bus: Bus,
  prices: { forget(tenantId: string | undefined): void },
): Promise<{ close(): Promise<void> }> => {
  const changed = (event: ReceivedEvent<unknown>): void => {
    // Books of everybody or of a plan concern many; all else is one tenant's.
    const book =
      event.subject === events.billing.priceBookPublished.subject
        ? events.billing.priceBookPublished.codec.fromJSON(event.payload)
        : undefined;
    prices.forget(book === undefined ? event.tenantId : book.tenantId || undefined);
  };
  const stops = await Promise.all(subjects.map((subject) => bus.follow(subject, changed)));
  return { close: async () => void (await Promise.all(stops.map((stop) => stop()))) };
};
