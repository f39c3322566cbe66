import { testClock } from '#platform/time/index.ts';
import { createFakeProvider } from './fake-provider.ts';
import { providerContract } from './provider.contract.ts';

providerContract('in memory', async () => {
  const clock = testClock();
  const provider = createFakeProvider(clock);
  return {
    provider,
    now: () => clock.now(),
    deliver: async (activationId, text, code) => void provider.deliver(activationId, text, code),
    runOut: async () => provider.refuse('no_numbers'),
    lose: async (operation, how) => provider.spoil(operation, how),
    earlyCancel: async (on) => void (provider.earlyCancelMs = on ? 60_000 : 0),
  };
});
