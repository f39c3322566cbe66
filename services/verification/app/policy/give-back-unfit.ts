import { addMs } from '#platform/time/index.ts';
import type { Verification } from '../../domain/verification.ts';
import type { Ports } from '../ports.ts';
import type { NumberReturn } from './ports.ts';

type Needs = Pick<Ports, 'numbers' | 'observer' | 'clock' | 'timing'> & { readonly providers: Pick<Ports['providers'], 'named'> };

/** Written down first, so that a number whose return nobody confirmed is asked about again, after a crash too. */
export const giveBackUnfit = async (
  { numbers, providers, clock, timing }: Needs,
  { id, tenantId, provider }: Pick<Verification, 'id' | 'tenantId' | 'provider'>,
  activationId: string,
): Promise<void> => {
  const now = clock.now();
  const due: NumberReturn = {
    ...{ provider, activationId, verificationId: id, tenantId, attempts: 0 },
    giveUpAt: addMs(now, timing.activationMs + timing.giveUpMs),
  };
  await numbers.keepReturn(due, addMs(now, 2 * timing.providerTimeoutMs));
  const answer = await providers.named(provider).cancel(activationId);
  if (answer.kind === 'cancelled' || answer.kind === 'absent') await numbers.dropReturn(due);
};
