import type { ChargeServiceService } from '#proto/namaskah/billing/v1/charges.ts';
import type { LedgerServiceService } from '#proto/namaskah/billing/v1/billing.ts';
import type { PriceServiceService } from '#proto/namaskah/billing/v1/prices.ts';
import { appError, type ErrorCode, isAppError, toAppError } from '#platform/errors/index.ts';
import { errorOfDetail, type GrpcClient, systemPrincipal } from '#platform/grpc/index.ts';
import { money, parseDecimal } from '#platform/money/index.ts';
import { addMs, type Clock, dayMs } from '#platform/time/index.ts';
import type { RentalAsk, RentalLedger, RentalPrices } from '../../app/rental/ports.ts';
import type { RentalOrder } from '../../domain/rental/rental.ts';

/** After these nobody knows whether the hold exists. Every other error is billing's considered answer. */
const unknownCodes: ReadonlySet<ErrorCode> = new Set([
  'platform.unavailable',
  'platform.overloaded',
  'platform.deadline_exceeded',
  'platform.internal',
  'request.cancelled',
  'request.idempotency_in_progress',
]);
const product = 'rental';
/**
 * A customer's transactions name the rental, whichever of its orders they are of: the first one, an extension, a renewal. Calls about
 * one order's money name that order, by the key of its hold.
 */
const referenceOf = ({ rentalId }: RentalOrder): string => `${product}:${rentalId}`;
const principalOf = ({ tenantId }: { readonly tenantId: string }) => systemPrincipal('verification', tenantId);
const holdOf = ({ holdId }: RentalOrder): string => {
  if (holdId === null) throw new Error('an order that has money has its hold');
  return holdId;
};

/** The hold has ended by itself; nothing is reserved any more. */
const isOver = (error: unknown): boolean => isAppError(error, 'billing.hold_expired') || isAppError(error, 'billing.hold_released');
/** Of the hold and the charge of an order whose first hold was over before it could be charged. */
const lateOf = (order: RentalOrder): string => `${order.id}:late`;
const lateHoldMs = 30 * dayMs;

interface LedgerClients {
  readonly ledger: Pick<GrpcClient<LedgerServiceService>, 'placeHold' | 'captureHold' | 'releaseHold'>;
  readonly charges: Pick<GrpcClient<ChargeServiceService>, 'giveBack'>;
  readonly clock: Clock;
}

/** Billing over gRPC. Each call has a key made of the order, so that repeating it finds out what became of the first time. */
export const createRentalLedger = ({ ledger, charges, clock }: LedgerClients): RentalLedger => {
  const release = async (order: RentalOrder): Promise<void> => {
    try {
      await ledger.releaseHold({ idempotencyKey: `rental-release:${order.id}`, holdId: holdOf(order) }, { principal: principalOf(order) });
    } catch (error) {
      // The money is back already.
      if (!isOver(error)) throw error;
    }
  };
  return {
    placeHold: async (order, { description, expiresAt, deadline }) => {
      const place = (reference: string) =>
        ledger.placeHold(
          {
            ...{ idempotencyKey: `rental:${order.id}`, amount: money(order.currency, order.priceMicros), product, reference },
            ...{ description, expiresAt, quoteId: order.quoteId, fromHoldId: undefined },
          } as Parameters<LedgerClients['ledger']['placeHold']>[0],
          { principal: principalOf(order), deadline },
        );
      try {
        const { hold } = await place(referenceOf(order)).catch((error: unknown) => {
          // An order that was begun by the version before this one and is recovered now: its hold names the order.
          if (isAppError(error, 'request.idempotency_conflict')) return place(order.id);
          throw error;
        });
        if (hold === undefined) throw appError('platform.internal', { cause: 'billing answered without a hold' });
        return { kind: 'held', holdId: hold.id };
      } catch (cause) {
        const error = toAppError(cause);
        return { kind: unknownCodes.has(error.code) ? 'unknown' : 'refused', error };
      }
    },
    capture: async (order) => {
      // It costs nothing: there is nothing to take.
      if (order.priceMicros === 0n) return release(order);
      const amount = money(order.currency, order.priceMicros);
      const principal = principalOf(order);
      const take = (id: string, holdId: string) =>
        ledger.captureHold({ idempotencyKey: `rental-capture:${id}`, holdId, amount, final: true }, { principal });
      try {
        await take(order.id, holdOf(order));
      } catch (error) {
        if (!isOver(error)) throw error;
        // We or billing were away for longer than it lives. The customer has the number: it is paid for out of the free balance.
        const { hold } = await ledger.placeHold(
          {
            ...{ idempotencyKey: `rental:${lateOf(order)}`, amount, product, reference: referenceOf(order), actor: undefined },
            ...{ description: 'Rental, charged after its reservation had ended', expiresAt: addMs(clock.now(), lateHoldMs) },
            ...{ quoteId: undefined, fromHoldId: undefined },
          },
          { principal },
        );
        if (hold === undefined) throw appError('platform.internal', { cause: 'billing answered without a hold' });
        await take(lateOf(order), hold.id);
      }
    },
    release,
    refund: async (order) => {
      const giveBack = async (idempotencyKey: string, micros: bigint): Promise<void> => {
        const request = { idempotencyKey, product, amount: money(order.currency, micros), reason: 'Rental released before its end' };
        const of = (reference: string) => charges.giveBack({ ...request, reference }, { principal: principalOf(order) });
        await of(order.id).catch((error: unknown) => {
          // Nothing was charged for the first hold: it was over.
          if (isAppError(error, 'request.not_found')) return of(lateOf(order));
          throw error;
        });
      };
      try {
        await giveBack(`rental-refund:${order.id}`, order.refundMicros);
      } catch (error) {
        if (!isAppError(error, 'billing.refund_exceeds_charge')) throw error;
        // An operator has given back some of it before: the customer gets what is left. Nothing is, once this was done.
        const left = parseDecimal(error.meta['refundable'] ?? '');
        if (left === undefined) throw error;
        if (left > 0n) await giveBack(`rental-refund-rest:${order.id}`, left);
      }
    },
  };
};

const askOf = ({ service, country, duration, listPrice }: RentalAsk) => ({
  item: { product, service, country, capability: 'sms', operator: '', duration, segments: 0 },
  listPrice,
  floor: undefined,
});

/** Billing's price book, asked anew for each rental: there are few of them. */
export const createRentalPrices = (client: Pick<GrpcClient<PriceServiceService>, 'createQuotes' | 'resolvePrices'>): RentalPrices => ({
  quote: async (tenantId, ask) => {
    const asks = [{ tenantId, items: [{ ask: askOf(ask), quantity: 1n }] }];
    const { results } = await client.createQuotes({ asks }, { principal: systemPrincipal('verification', tenantId) });
    const [result] = results;
    if (result?.error) throw errorOfDetail(result.error, undefined) ?? appError('platform.internal', { cause: result.error.code });
    if (result?.quote?.total === undefined) throw appError('platform.internal', { cause: 'billing answered without a quote' });
    return { id: result.quote.id, price: result.quote.total };
  },
  resolve: async (tenantId, asks) => {
    const { results } = await client.resolvePrices({ asks: asks.map(askOf) }, { principal: systemPrincipal('verification', tenantId) });
    return asks.map((_, index) => results[index]?.priced?.unit?.price);
  },
});
