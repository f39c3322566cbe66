import assert from 'node:assert/strict';
import { it } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import type { RentalProvider, Wanted } from '../../app/rental/ports.ts';
import { testCatalogue } from '../harness.ts';
import type { RunningSimulator } from '../simulator.ts';
import { type RentalOperation, rentalProviderContract } from './rental-provider.contract.ts';

export interface SimulatedRentals {
  readonly simulator: RunningSimulator;
  readonly provider: RentalProvider;
  /** The same account with `hastyMs` of patience, for time-outs. */
  readonly hasty: RentalProvider;
}

export interface SimulatedFamily {
  readonly name: string;
  readonly countryCode: string;
  /** What the simulator calls each call of theirs. */
  readonly actionOf: Readonly<Record<RentalOperation, string>>;
  /** Their own ways to refuse, and to leave us in the dark, beside those that all have. */
  readonly refusals: readonly string[];
  readonly unknowns?: readonly string[];
}

/** Nothing but a time-out waits for it, whatever else the machine does. */
export const patientMs = 20_000;
export const hastyMs = 1_000;

export const rentalOrder = (countryCode: string, hours = 24): Wanted & { readonly orderId: string } => ({
  ...{ orderId: newId(), hours },
  service: testCatalogue.service('telegram') ?? assert.fail(),
  country: testCatalogue.country(countryCode) ?? assert.fail(),
});

/** The next calls of this action go wrong so, one after the other. */
export const spoilNext = (simulator: RunningSimulator, action: string, ...faults: string[]): Promise<void> =>
  simulator.configure({ handlerApi: { nextFaultsOf: { [action]: faults } } });

export const suitedTo = ({ provider, hasty }: SimulatedRentals, fault: string): RentalProvider =>
  fault.startsWith('timeout') ? hasty : provider;

const refusedByAll = ['no_numbers', 'no_balance', 'bad_service', 'channels_limit', 'banned'];
const lostBefore = ['http_402', 'http_403', 'http_429', 'http_500', 'http_503', 'server_error', 'garbled', 'empty', 'timeout', 'reset'];
const lostAfter = ['http_402', 'http_403', 'http_429', 'http_502', 'garbled', 'empty', 'timeout', 'reset'].map(
  (fault) => `${fault}_after_buy`,
);

/** The contract against the simulator's market, and every way in which that can spoil a purchase. @param opened when the tests run */
export const simulatedRentalContract = (family: SimulatedFamily, opened: () => SimulatedRentals): void => {
  const { name, countryCode, actionOf } = family;

  rentalProviderContract(
    name,
    async () => {
      const { simulator, provider } = opened();
      return {
        provider,
        now: () => new Date(),
        bought: async () => (await simulator.rentals()).length,
        spentMicros: () => simulator.spentMicros(),
        deliver: (phoneNumber, from, text) => simulator.sendToRental(phoneNumber, { from, text }),
        refuse: (reason) => spoilNext(simulator, actionOf.rent, reason === 'account' ? 'no_balance' : 'no_numbers'),
        lose: (operation, how) => spoilNext(simulator, actionOf[operation], how === 'after' ? 'reset_after_buy' : 'reset'),
        refundable: (on) => simulator.configure({ handlerApi: { rentalRefundMs: on ? null : 0 } }),
        dearer: (factor) => simulator.configure({ handlerApi: { cost: (0.2 * factor).toFixed(2) } }),
        end: (phoneNumber) => simulator.endRental(phoneNumber),
        outage: (on) => simulator.configure({ handlerApi: { outage: on ? '503' : null } }),
        slow: (ms) => simulator.configure({ handlerApi: { latencyMs: ms } }),
        patienceMs: 300,
      };
    },
    countryCode,
  );

  for (const { faults, kind, count } of [
    { faults: [...refusedByAll, ...family.refusals], kind: 'refused', count: 0 },
    { faults: [...lostBefore, ...(family.unknowns ?? [])], kind: 'unknown', count: 0 },
    { faults: lostAfter, kind: 'unknown', count: 1 },
  ])
    for (const fault of faults)
      it(`${fault}: ${kind}, ${count} bought, and the list says so`, async () => {
        const world = opened();
        const { simulator, provider } = world;
        const suited = suitedTo(world, fault);
        await spoilNext(simulator, actionOf.rent, fault);
        assert.equal((await suited.rent(rentalOrder(countryCode))).kind, kind);
        const listing = await provider.list();
        const bought = (await simulator.rentals()).length;
        assert.deepEqual([bought, listing.kind === 'listed' && listing.rentals.length], [count, count]);
        // A page in front of the provider refuses a question: nothing is bought by one.
        await spoilNext(simulator, actionOf.price, fault);
        assert.notEqual((await suited.price(rentalOrder(countryCode))).kind, 'priced');
        assert.equal((await provider.price(rentalOrder(countryCode))).kind, 'priced');
      });
};
