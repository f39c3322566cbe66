import { countryOf } from '../domain/countries.ts';
import { boundedMap } from '../domain/bounded-map.ts';
import type { HandlerApiSettings } from '../domain/settings.ts';
import type { ActivationBook } from './activation-book.ts';
import type { Outgoing, OutgoingRequest, World } from './ports.ts';
import { priceMicros, takeFromStock } from './quote-price.ts';

export type RentalMarket = 'handler_api' | 'textverified';

export interface RentalMessage {
  readonly id: string;
  readonly from: string;
  readonly text: string;
  readonly atMs: number;
}

/** A number rented for hours, as the provider remembers it. */
export interface SimulatedRental {
  readonly id: string;
  readonly market: RentalMarket;
  readonly phone: string;
  readonly service: string;
  readonly countryId: number;
  /** Of the first order; a renewal is as long. */
  readonly hours: number;
  /** Has a billing cycle, which is renewed; the others are extended. */
  readonly renewable: boolean;
  readonly startedAtMs: number;
  /** What the number was bought for; extensions come on top and are never paid back. */
  readonly costMicros: bigint;
  /** Where its messages are pushed. */
  readonly pushUrl: string | undefined;
  endsAtMs: number;
  /** finished: its time is over, or it was ended. cancelled: given back, and paid back. */
  state: 'active' | 'finished' | 'cancelled';
  includedForRenewal: boolean;
  readonly messages: RentalMessage[];
}

export interface RentalOrder {
  readonly market: RentalMarket;
  readonly service: string;
  readonly countryId: number;
  readonly hours: number;
  readonly renewable?: boolean;
  readonly pushUrl?: string | undefined;
}

export type RentOutcome =
  | { readonly kind: 'rented'; readonly rental: SimulatedRental }
  | { readonly kind: 'no_numbers' | 'no_balance' | 'too_long' };

/** How a market reports a message to a rented number; undefined: it is polled. */
export type RentalPush = (rental: SimulatedRental, message: RentalMessage) => OutgoingRequest | undefined;

const hourMs = 3_600_000;
const maxHours = 8_760;
const capacity = 10_000;

export interface RentalBook {
  rent(order: RentalOrder): RentOutcome;
  /** Pays for a longer time. @returns too_long when the new end would be more than a year away */
  extend(rental: SimulatedRental, hours: number): 'extended' | 'no_balance' | 'too_long' | 'ended';
  /** @returns false when its time for that is over, or it has had a message */
  refund(rental: SimulatedRental): boolean;
  /** Until when it may be given back for the money; undefined: not any more. */
  refundableUntilMs(rental: SimulatedRental): number | undefined;
  end(rental: SimulatedRental): void;
  get(market: RentalMarket, id: string): SimulatedRental | undefined;
  /** Newest first. */
  live(market?: RentalMarket): SimulatedRental[];
  /** Newest first, ended ones too. */
  of(market: RentalMarket): SimulatedRental[];
  deliver(rental: SimulatedRental, message: { readonly from: string; readonly text: string }): void;
  costOf(order: { readonly service: string; readonly countryId: number; readonly hours: number }): bigint;
  clear(): void;
}

/** In codes of the same route: an hour costs one and a half, a day nearly three, a year four hundred and forty. */
const rentMicros = (settings: HandlerApiSettings, service: string, countryId: number, hours: number): bigint =>
  (priceMicros(settings, service, countryId) * BigInt(30 + hours)) / 20n;

/**
 * Every rental of every market, bounded. They share stock, prices and balance with the market of codes. Ids grow from the start time, so
 * that a simulator which was started anew repeats none of its former life.
 */
export const createRentalBook = (
  world: World,
  dependencies: {
    readonly account: Pick<ActivationBook, 'balanceMicros' | 'spend'>;
    readonly outgoing: Outgoing;
    readonly pushes: Readonly<Record<RentalMarket, RentalPush>>;
  },
): RentalBook => {
  const { account } = dependencies;
  const rentals = boundedMap<string, SimulatedRental>(capacity);
  let lastId = Math.floor(world.clock.now().getTime() / 1_000) * 10;
  const silent = world.random.stream('rentals/no_push');
  const twice = world.random.stream('rentals/push_twice');
  const nowMs = (): number => world.clock.now().getTime();
  const settled = (rental: SimulatedRental): SimulatedRental => {
    if (rental.state === 'active' && rental.endsAtMs <= nowMs()) rental.state = 'finished';
    return rental;
  };
  const all = (): SimulatedRental[] => [...rentals].map(settled).toReversed();
  const costOf: RentalBook['costOf'] = ({ service, countryId, hours }) => rentMicros(world.settings.handlerApi, service, countryId, hours);
  const pay = (micros: bigint): boolean => {
    if (account.balanceMicros() < micros) return false;
    account.spend(micros);
    return true;
  };
  const refundableUntilMs: RentalBook['refundableUntilMs'] = (rental) => {
    const until = rental.startedAtMs + world.settings.handlerApi.rentalRefundMs;
    return settled(rental).state === 'active' && rental.messages.length === 0 && nowMs() < until ? until : undefined;
  };

  return {
    rent: (order) => {
      const { market, service, countryId, hours, renewable = false, pushUrl } = order;
      if (hours > maxHours) return { kind: 'too_long' };
      const costMicros = costOf(order);
      if (account.balanceMicros() < costMicros) return { kind: 'no_balance' };
      if (!takeFromStock(world.settings.handlerApi, service, countryId)) return { kind: 'no_numbers' };
      account.spend(costMicros);
      const { dialCode, prefix, freeDigits } = countryOf(countryId);
      const digits = String((lastId += 1));
      const id = market === 'textverified' ? `lr_${digits}` : digits;
      const phone = `${dialCode}${prefix}${digits.padStart(freeDigits, '0').slice(-freeDigits)}`;
      const startedAtMs = nowMs();
      const rental: SimulatedRental = {
        ...{ id, market, phone, service, countryId, hours, renewable, startedAtMs, costMicros, pushUrl },
        ...{ endsAtMs: startedAtMs + hours * hourMs, state: 'active', includedForRenewal: renewable, messages: [] },
      };
      rentals.set(id, rental);
      world.counters.purchases += 1;
      return { kind: 'rented', rental };
    },
    extend: (rental, hours) => {
      if (settled(rental).state !== 'active') return 'ended';
      const endsAtMs = rental.endsAtMs + hours * hourMs;
      if (endsAtMs > nowMs() + (maxHours + 1) * hourMs) return 'too_long';
      if (!pay(costOf({ ...rental, hours }))) return 'no_balance';
      rental.endsAtMs = endsAtMs;
      return 'extended';
    },
    refund: (rental) => {
      if (refundableUntilMs(rental) === undefined) return false;
      account.spend(-rental.costMicros);
      rental.state = 'cancelled';
      return true;
    },
    refundableUntilMs,
    end: (rental) => {
      if (rental.state === 'active') rental.state = 'finished';
    },
    get: (market, id) => {
      const rental = rentals.get(id);
      return rental?.market === market ? settled(rental) : undefined;
    },
    live: (market) => all().filter((rental) => rental.state === 'active' && (market === undefined || rental.market === market)),
    of: (market) => all().filter((rental) => rental.market === market),
    deliver: (rental, { from, text }) => {
      const message = { id: `${rental.id}-${rental.messages.length}`, from, text, atMs: nowMs() };
      rental.messages.push(message);
      const { noPushRatio, duplicatePushRatio } = world.settings.handlerApi;
      const [unsaid, copies] = [silent.chance(noPushRatio), twice.chance(duplicatePushRatio) ? 2 : 1];
      const request = dependencies.pushes[rental.market](rental, message);
      if (request === undefined || unsaid) return;
      for (let copy = 0; copy < copies; copy += 1) dependencies.outgoing.send(request);
    },
    costOf,
    clear: () => rentals.clear(),
  };
};
