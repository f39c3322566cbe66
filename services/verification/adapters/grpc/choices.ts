import { ChoiceServiceService } from '#proto/namaskah/verification/v1/choices.ts';
import { type BoundService, grpcService, method, publicMethod } from '#platform/grpc/index.ts';
import type { ChoiceBrowser } from '../../app/list-choices.ts';
import type { Choice } from '../../domain/choices.ts';

const shown = ({ code, name }: Choice) => ({ code, name });

/** What providers call them stays in the house. */
export const choiceService = (choices: ChoiceBrowser): BoundService =>
  grpcService(ChoiceServiceService, {
    listOperators: method(publicMethod(), ({ country }) => ({ operators: choices.operators(country).map(shown) })),
    listAreaCodes: method(publicMethod(), ({ country }) => ({ areaCodes: choices.areaCodes(country).map(shown) })),
  });
