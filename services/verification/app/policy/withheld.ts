import type { Verification } from '../../domain/verification.ts';
import type { Ports, ProviderMessage } from '../ports.ts';

/**
 * Why a customer may not see a message: the activation is frozen, or the screen knows whom it is from. It is kept, hidden, and changes
 * nothing: nobody pays for what he was not shown, so the number waits on and is given back at its end.
 */
export const withheldBecause = (
  { policy }: Pick<Ports, 'policy'>,
  verification: Pick<Verification, 'service' | 'frozenAt'>,
  message: Pick<ProviderMessage, 'sender' | 'text'>,
): string | undefined => (verification.frozenAt ? 'frozen' : policy.screen(verification.service, message));
