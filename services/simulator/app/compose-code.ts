import type { Activation } from '../domain/activation.ts';
import { countryOf } from '../domain/countries.ts';
import { composeCode, type CodeMessage } from '../domain/message-texts.ts';
import { serviceName } from '../domain/services.ts';
import type { World } from './ports.ts';

export type ComposeFor = (activation: Activation) => CodeMessage;

/** The text of an activation's next SMS. */
export const createComposeFor = (world: World): ComposeFor => {
  const stream = world.random.stream('handler_api/texts');
  return (activation) =>
    composeCode(
      stream,
      { code: activation.service, name: serviceName(activation.service) },
      countryOf(activation.countryId, world.settings.handlerApi.dialCodes).iso,
      activation.fate.hyphenated,
    );
};
