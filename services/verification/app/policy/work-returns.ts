import { addMs } from '#platform/time/index.ts';
import type { Ports } from '../ports.ts';
import type { NumberReturn } from './ports.ts';

const batch = 50;

/**
 * Asks providers again to take numbers back that may not be sold: many refuse in the first minutes of an activation. Any number of
 * replicas may run it. What nobody takes back until the number's end is reported as lost. @returns how many were due
 */
export const workReturns =
  ({ numbers, providers, clock, timing }: Pick<Ports, 'numbers' | 'providers' | 'clock' | 'timing'>, lost: (due: NumberReturn) => void) =>
  async (): Promise<number> => {
    const now = clock.now();
    const due = await numbers.claimReturns(now, addMs(now, 2 * timing.retryMaxMs), batch);
    await Promise.all(
      due.map(async (one) => {
        const answer = await providers.named(one.provider).cancel(one.activationId);
        const over = now >= one.giveUpAt || answer.kind === 'code';
        if (answer.kind === 'cancelled' || answer.kind === 'absent' || over) await numbers.dropReturn(one);
        if (over) lost(one);
      }),
    );
    return due.length;
  };
