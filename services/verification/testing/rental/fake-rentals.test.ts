import { testClock } from '#platform/time/index.ts';
import { createFakeRentals } from './fake-rentals.ts';
import { rentalProviderContract } from './rental-provider.contract.ts';

rentalProviderContract('in memory', async () => {
  const clock = testClock();
  const fake = createFakeRentals(clock);
  const { provider, rented, world, spoil } = fake;
  const row = (phoneNumber: string) => rented.find((one) => one.phoneNumber === phoneNumber);
  return {
    provider,
    now: () => clock.now(),
    bought: async () => rented.length,
    spentMicros: async () => fake.spentMicros(),
    deliver: async (phoneNumber, sender, text) => void row(phoneNumber)?.messages.push({ sender, text, receivedAt: clock.now() }),
    refuse: async (reason) => fake.refuse(reason),
    lose: async (operation, how) => spoil(operation, how),
    refundable: async (on) => void (world.refundMs = on ? 1_200_000 : 0),
    dearer: async (factor) => void (world.hourMicros = 1_000n * BigInt(factor)),
    end: async (phoneNumber) => {
      const one = row(phoneNumber);
      if (one) one.state = 'ended';
    },
    outage: async (on) => void (world.away = on),
    slow: async () => {},
    patienceMs: 0,
  };
});
