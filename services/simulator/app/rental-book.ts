import { formatDecimal } from '#platform/money/index.ts';
import { countryOf } from '../domain/countries.ts';
import type { World } from './ports.ts';

/** A number rented for hours, as the provider remembers it. */
export interface SimulatedRental {
  readonly id: string;
  readonly phone: string;
  readonly service: string;
  readonly countryId: number;
  readonly startedAtMs: number;
  endsAtMs: number;
  state: 'active' | 'finished' | 'cancelled';
  readonly messages: { readonly from: string; readonly text: string; readonly atMs: number }[];
}

const hourMs = 3_600_000;
/** A rental that is given back this soon is paid back. */
export const freeCancelMs = 20 * 60_000;
const maxHours = 8_760;
const maxRentals = 10_000;

export interface RentalBook {
  rent(order: { readonly service: string; readonly countryId: number; readonly hours: number }): SimulatedRental | undefined;
  /** @returns undefined when the new end would be more than a year away */
  extend(rental: SimulatedRental, hours: number): SimulatedRental | undefined;
  get(id: string): SimulatedRental | undefined;
  /** Newest first. */
  live(): SimulatedRental[];
  deliver(rental: SimulatedRental, message: { readonly from: string; readonly text: string }): void;
  costOf(hours: number): string;
  clear(): void;
}

export const createRentalBook = (world: World): RentalBook => {
  const rentals = new Map<string, SimulatedRental>();
  let lastId = 500_000;
  const nowMs = (): number => world.clock.now().getTime();
  const settled = (rental: SimulatedRental): SimulatedRental => {
    if (rental.state === 'active' && rental.endsAtMs <= nowMs()) rental.state = 'finished';
    return rental;
  };
  return {
    rent: ({ service, countryId, hours }) => {
      if (hours > maxHours || rentals.size >= maxRentals) return undefined;
      const { dialCode, prefix, freeDigits } = countryOf(countryId);
      const id = String((lastId += 1));
      const phone = `${dialCode}${prefix}${id.padStart(freeDigits, '0').slice(-freeDigits)}`;
      const startedAtMs = nowMs();
      const times = { startedAtMs, endsAtMs: startedAtMs + hours * hourMs };
      const rental: SimulatedRental = { id, phone, service, countryId, ...times, state: 'active', messages: [] };
      rentals.set(id, rental);
      world.counters.purchases += 1;
      return rental;
    },
    extend: (rental, hours) => {
      const endsAtMs = rental.endsAtMs + hours * hourMs;
      if (endsAtMs > nowMs() + (maxHours + 1) * hourMs) return undefined;
      rental.endsAtMs = endsAtMs;
      return rental;
    },
    get: (id) => {
      const rental = rentals.get(id);
      return rental && settled(rental);
    },
    live: () =>
      [...rentals.values()]
        .map(settled)
        .filter(({ state }) => state === 'active')
        .toReversed(),
    deliver: (rental, { from, text }) => void rental.messages.push({ from, text, atMs: nowMs() }),
    costOf: (hours) => formatDecimal(BigInt(hours) * 50_000n),
    clear: () => rentals.clear(),
  };
};
