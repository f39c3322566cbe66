import type { Activation } from '../domain/activation.ts';
import { countryOf } from '../domain/countries.ts';
import { composeCode, type CodeMessage, sayCode } from '../domain/message-texts.ts';
import { serviceName } from '../domain/services.ts';
import type { World } from './ports.ts';

export type ComposeFor = (activation: Activation) => CodeMessage;

/** The text of an activation's next SMS, or what its next call says. */
export const createComposeFor = (world: World): ComposeFor => {
  const stream = world.random.stream('handler_api/texts');
  return (activation) => {
    const message = composeCode(
      stream,
      { code: activation.service, name: serviceName(activation.service) },
      countryOf(activation.countryId, world.settings.handlerApi.dialCodes).iso,
      activation.fate.hyphenated,
    );
    return activation.capability === 'voice' ? sayCode(message, serviceName(activation.service)) : message;
  };
};
