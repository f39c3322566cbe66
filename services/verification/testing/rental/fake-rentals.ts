import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { addMs, type Clock, hourMs, minuteMs } from '#platform/time/index.ts';
import type { Refusal } from '../../app/ports.ts';
import type { RentalLedger, RentalMessage, RentalPrices, RentalProvider, RentalProviders } from '../../app/rental/ports.ts';
import { silentProvider } from '../../app/rental/silent-provider.ts';

export type RentalCall = 'price' | 'rent' | 'extend' | 'messages' | 'release' | 'find' | 'list';

interface Rented {
  readonly orderId: string;
  readonly providerRentalId: string;
  readonly phoneNumber: string;
  readonly service: string;
  readonly country: string;
  readonly startedAt: Date;
  readonly costMicros: bigint;
  /** Of its extensions. */
  moreMicros: bigint;
  endsAt: Date;
  /** ended: it kept the money. returned: it gave the money back. */
  state: 'active' | 'ended' | 'returned';
  readonly messages: RentalMessage[];
}

const maxHours = 8_760;

/** Two providers of a test have no rental in common. */
let lastId = 7_000;

/** A provider of rentals in memory. `spoil`: the next call of this kind answers "unknown", before or after its effect. */
export const createFakeRentals = (clock: Clock, name = 'handler-api') => {
  const rented: Rented[] = [];
  const spoilt: { readonly call: RentalCall; readonly how: 'before' | 'after' }[] = [];
  const refusals: Refusal[] = [];
  const calls: Record<RentalCall, number> = { price: 0, rent: 0, extend: 0, messages: 0, release: 0, find: 0, list: 0 };
  /** hourMicros: what an hour costs; stock: numbers left; away: nothing is answered at all. */
  const world = { hourMicros: 1_000n, stock: 1_000, refundMs: 20 * minuteMs, away: false, sells: true };
  const perform = async <T>(call: RentalCall, act: () => T): Promise<T | { readonly kind: 'unknown'; readonly detail: string }> => {
    calls[call] += 1;
    if (world.away) return { kind: 'unknown', detail: 'away' };
    const index = spoilt.findIndex((one) => one.call === call);
    const how = index < 0 ? undefined : spoilt.splice(index, 1)[0]?.how;
    if (how === 'before') return { kind: 'unknown', detail: 'spoilt before' };
    const answer = act();
    return how === 'after' ? { kind: 'unknown', detail: 'spoilt after' } : answer;
  };
  const settled = (row: Rented): Rented => {
    if (row.state === 'active' && row.endsAt <= clock.now()) row.state = 'ended';
    return row;
  };
  const known = (id: string): Rented | undefined => rented.map(settled).find((row) => row.providerRentalId === id);
  const active = (id: string): Rented | undefined => {
    const row = known(id);
    return row?.state === 'active' ? row : undefined;
  };
  const listedOf = ({ providerRentalId, phoneNumber, service, country, startedAt, endsAt }: Rented) => ({
    ...{ providerRentalId, phoneNumber, service, country, startedAt, endsAt },
  });
  const refused = (reason: Refusal, detail: string = reason) => ({ kind: 'refused', reason, detail }) as const;
  const cost = (hours: number) => ({ kind: 'priced', costMicros: world.hourMicros * BigInt(hours) }) as const;
  const provider: RentalProvider = {
    name,
    sells: ({ hours }) => world.sells && hours <= maxHours,
    price: ({ hours }) => perform('price', () => cost(hours)),
    priceOfMore: ({ providerRentalId, hours }) =>
      perform('price', () => (active(providerRentalId) ? cost(hours) : refused('not_offered', 'RENT_DIE'))),
    rent: ({ orderId, service, country, hours }) =>
      perform('rent', () => {
        const reason = refusals.shift();
        if (reason !== undefined) return refused(reason);
        if (world.stock <= 0) return refused('no_numbers');
        world.stock -= 1;
        const startedAt = clock.now();
        const providerRentalId = String((lastId += 1));
        const row: Rented = {
          ...{ orderId, providerRentalId, phoneNumber: `+6281200${providerRentalId}`, service: service.code, country: country.code },
          ...{
            startedAt,
            costMicros: cost(hours).costMicros,
            moreMicros: 0n,
            endsAt: addMs(startedAt, hours * hourMs),
            state: 'active',
            messages: [],
          },
        };
        rented.push(row);
        return { kind: 'granted', providerRentalId, phoneNumber: row.phoneNumber, endsAt: row.endsAt } as const;
      }),
    extend: ({ providerRentalId, hours }) =>
      perform('extend', () => {
        const reason = refusals.shift();
        if (reason !== undefined) return refused(reason);
        const row = active(providerRentalId);
        if (!row) return refused('not_offered', 'RENT_DIE');
        const endsAt = addMs(row.endsAt, hours * hourMs);
        if (endsAt > addMs(clock.now(), (maxHours + 1) * hourMs)) return refused('not_offered', 'MAX_HOURS_EXCEED');
        row.endsAt = endsAt;
        row.moreMicros += cost(hours).costMicros;
        return { kind: 'granted', endsAt } as const;
      }),
    messages: (id) =>
      perform('messages', () => {
        const row = active(id);
        return row ? ({ kind: 'listed', messages: [...row.messages] } as const) : ({ kind: 'ended' } as const);
      }),
    release: (id) =>
      perform('release', () => {
        const row = known(id);
        const returned = row?.state === 'active' && row.messages.length === 0 && clock.now() < addMs(row.startedAt, world.refundMs);
        if (row?.state === 'active') row.state = returned ? 'returned' : 'ended';
        return { kind: 'released', returned: row?.state === 'returned' } as const;
      }),
    find: (id) =>
      perform('find', () => {
        const row = known(id);
        if (!row) return { kind: 'absent' } as const;
        return row.state === 'active' ? ({ kind: 'active', rental: listedOf(row) } as const) : ({ kind: row.state } as const);
      }),
    list: () =>
      perform('list', () => ({
        kind: 'listed' as const,
        rentals: rented.filter((row) => settled(row).state === 'active').map(listedOf),
      })),
  };
  return {
    ...{ provider, rented, calls, world },
    /** What was bought and not given back. */
    spentMicros: () => rented.reduce((sum, row) => sum + row.moreMicros + (row.state === 'returned' ? 0n : row.costMicros), 0n),
    spoil: (call: RentalCall, how: 'before' | 'after') => void spoilt.push({ call, how }),
    /** The next purchase or extension is refused. */
    refuse: (reason: Refusal) => void refusals.push(reason),
  };
};
export type FakeRentals = ReturnType<typeof createFakeRentals>;

/** The providers of a test, by name; all of them sell. */
export const providersOf = (...fakes: readonly Pick<FakeRentals, 'provider'>[]): RentalProviders => ({
  sellers: (wanted) => fakes.map(({ provider }) => provider).filter((provider) => provider.sells(wanted)),
  named: (name) => fakes.find(({ provider }) => provider.name === name)?.provider ?? silentProvider(name),
});

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
