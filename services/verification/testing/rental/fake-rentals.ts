import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { addMs, type Clock, hourMs, minuteMs } from '#platform/time/index.ts';
import type { RentalLedger, RentalMessage, RentalPrices, RentalProvider } from '../../app/rental/ports.ts';

export type RentalCall = 'rent' | 'extend' | 'messages' | 'release' | 'list';

interface Rented {
  readonly providerRentalId: string;
  readonly phoneNumber: string;
  readonly service: string;
  readonly country: string;
  readonly startedAt: Date;
  endsAt: Date;
  state: 'active' | 'ended';
  readonly messages: RentalMessage[];
}

/** A provider of rentals in memory. `spoil`: the next call of this kind answers "unknown", before or after its effect. */
export const createFakeRentals = (clock: Clock) => {
  const rented: Rented[] = [];
  const spoilt: { readonly call: RentalCall; readonly how: 'before' | 'after' }[] = [];
  const calls: Record<RentalCall, number> = { rent: 0, extend: 0, messages: 0, release: 0, list: 0 };
  const perform = async <T>(call: RentalCall, act: () => T): Promise<T | { readonly kind: 'unknown'; readonly detail: string }> => {
    calls[call] += 1;
    const index = spoilt.findIndex((one) => one.call === call);
    const how = index < 0 ? undefined : spoilt.splice(index, 1)[0]?.how;
    if (how === 'before') return { kind: 'unknown', detail: 'spoilt before' };
    const answer = act();
    return how === 'after' ? { kind: 'unknown', detail: 'spoilt after' } : answer;
  };
  const byId = (id: string): Rented | undefined => rented.find((row) => row.providerRentalId === id && row.state === 'active');
  const provider: RentalProvider = {
    name: 'handler-api',
    rent: ({ service, country, hours }) =>
      perform('rent', () => {
        const startedAt = clock.now();
        const providerRentalId = String(7_000 + rented.length);
        const row: Rented = {
          ...{ providerRentalId, phoneNumber: `+6281200${providerRentalId}`, service: service.code, country: country.code, startedAt },
          ...{ endsAt: addMs(startedAt, hours * hourMs), state: 'active', messages: [] },
        };
        rented.push(row);
        return { kind: 'granted', providerRentalId, phoneNumber: row.phoneNumber, endsAt: row.endsAt } as const;
      }),
    extend: ({ providerRentalId, hours }) =>
      perform('extend', () => {
        const row = byId(providerRentalId);
        if (!row) return { kind: 'refused', reason: 'not_offered', detail: 'RENT_DIE' } as const;
        row.endsAt = addMs(row.endsAt, hours * hourMs);
        return { kind: 'granted', endsAt: row.endsAt } as const;
      }),
    messages: (id) =>
      perform('messages', () => {
        const row = byId(id);
        return row ? ({ kind: 'listed', messages: [...row.messages] } as const) : ({ kind: 'ended' } as const);
      }),
    release: (id) =>
      perform('release', () => {
        const row = byId(id);
        const returned = row !== undefined && row.messages.length === 0 && clock.now() <= addMs(row.startedAt, 20 * minuteMs);
        if (row) row.state = 'ended';
        return { kind: 'released', returned } as const;
      }),
    list: () =>
      perform('list', () => ({
        kind: 'listed' as const,
        rentals: rented.filter(({ state }) => state === 'active').map((row) => ({ ...row })),
      })),
  };
  return { provider, rented, calls, spoil: (call: RentalCall, how: 'before' | 'after') => void spoilt.push({ call, how }) };
};

/** Billing in memory: one balance, idempotent by order like the real one. */
export const createFakeRentalMoney = () => {
  const orders = new Map<string, { readonly held: bigint; captured: bigint; refunded: bigint; released: boolean }>();
  const money = { balance: 1_000_000_000n, away: false, captures: 0, refunds: 0, orders };
  const entry = (id: string) => {
    const found = orders.get(id);
    if (money.away || !found) throw appError('platform.unavailable');
    return found;
  };
  const ledger: RentalLedger = {
    placeHold: async (order) => {
      if (money.away) return { kind: 'unknown', error: appError('platform.unavailable') };
      if (!orders.has(order.id)) {
        if (money.balance < order.priceMicros) return { kind: 'refused', error: appError('billing.insufficient_credit') };
        money.balance -= order.priceMicros;
        orders.set(order.id, { held: order.priceMicros, captured: 0n, refunded: 0n, released: false });
      }
      return { kind: 'held', holdId: `hold-${order.id}` };
    },
    capture: async (order) => {
      const one = entry(order.id);
      if (one.released) throw appError('billing.hold_released');
      if (one.captured === 0n) money.captures += 1;
      one.captured = one.held;
    },
    release: async (order) => {
      const one = entry(order.id);
      if (!one.released) money.balance += one.held;
      one.released = true;
    },
    refund: async (order) => {
      const one = entry(order.id);
      if (one.captured === 0n) throw appError('request.not_found');
      if (one.refunded === 0n) {
        money.refunds += 1;
        money.balance += order.refundMicros;
        one.refunded = order.refundMicros;
      }
    },
  };
  const prices: RentalPrices = {
    quote: async (_tenantId, { listPrice }) => ({ id: newId(), price: listPrice }),
    resolve: async (_tenantId, asks) => asks.map(({ listPrice }) => listPrice),
  };
  return { ledger, prices, money };
};
