import { parseDecimal } from '#platform/money/index.ts';
import { isLive, type Activation, type Market } from '../domain/activation.ts';
import type { World } from './ports.ts';

const capacity = 200_000;
const keptMs = 3_600_000;

/** The market's memory: what was rented, what is still rented, what is left of the balance. */
export interface ActivationBook {
  get(id: string): Activation | undefined;
  byOrder(orderId: string): Activation | undefined;
  /** Rented now, oldest first. */
  live(market: Market): Activation[];
  /** Newest first, ended ones too. */
  of(market: Market): Activation[];
  liveCount(): number;
  /** Newest first, ended ones too. */
  newest(limit: number): Activation[];
  isRented(phone: string): boolean;
  nextId(): string;
  add(activation: Activation): void;
  /** Gives the number back to the market. */
  release(activation: Activation): void;
  balanceMicros(): bigint;
  /** A negative amount comes back. */
  spend(micros: bigint): void;
  spentMicros(): bigint;
  clear(): void;
}

/**
 * Bounded: what ended more than an hour ago is forgotten, and never more than 200,000 rows are kept.
 * Ids grow from the start time, so a simulator that was started anew never repeats an id of its former life.
 */
export const createActivationBook = (world: Pick<World, 'clock' | 'settings'>): ActivationBook => {
  const all = new Map<string, Activation>();
  const live = new Map<string, Activation>();
  const phones = new Set<string>();
  const orders = new Map<string, Activation>();
  let lastId = world.clock.now().getTime() * 10;
  let spentMicros = 0n;

  const release = (activation: Activation): void => {
    // A row that was forgotten while it was live has given its number back already; somebody else may hold it by now.
    if (live.delete(activation.id)) phones.delete(activation.phone);
  };
  const forgetOld = (nowMs: number): void => {
    for (const [id, activation] of all) {
      const stale = !isLive(activation) && activation.createdAtMs + keptMs < nowMs;
      if (!stale && all.size <= capacity) return;
      all.delete(id);
      if (activation.orderId !== undefined) orders.delete(activation.orderId);
      release(activation);
    }
  };

  return {
    get: (id) => all.get(id),
    byOrder: (orderId) => orders.get(orderId),
    live: (market) => [...live.values()].filter((activation) => activation.market === market),
    of: (market) => [...all.values()].filter((activation) => activation.market === market).reverse(),
    liveCount: () => live.size,
    newest: (limit) => [...all.values()].slice(-limit).reverse(),
    isRented: (phone) => phones.has(phone),
    nextId: () => String((lastId += 1)),
    add: (activation) => {
      all.set(activation.id, activation);
      live.set(activation.id, activation);
      phones.add(activation.phone);
      if (activation.orderId !== undefined) orders.set(activation.orderId, activation);
      forgetOld(activation.createdAtMs);
    },
    release,
    balanceMicros: () => (parseDecimal(world.settings.handlerApi.balance) ?? 0n) - spentMicros,
    spend: (micros) => {
      spentMicros += micros;
    },
    spentMicros: () => spentMicros,
    clear: () => {
      all.clear();
      live.clear();
      phones.clear();
      orders.clear();
      spentMicros = 0n;
    },
  };
};
