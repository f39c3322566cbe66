import { isLive, type Activation } from '../domain/activation.ts';
import type { ActivationBook } from './activation-book.ts';
import type { ComposeFor } from './compose-code.ts';
import type { DeliverCode } from './deliver-code.ts';
import type { World } from './ports.ts';

export interface EndActivation {
  /** Ends a live activation: the number is free again, and money without a code goes back. */
  (activation: Activation, state: 'finished' | 'cancelled' | 'expired'): void;
}

export const createEndActivation = (
  world: World,
  dependencies: { book: ActivationBook; deliverCode: DeliverCode; compose: ComposeFor },
): EndActivation => {
  return (activation, state) => {
    if (!isLive(activation)) return;
    const nowMs = world.clock.now().getTime();
    activation.state = state;
    activation.endedAtMs = nowMs;
    world.agenda.cancel(activation.plannedCode);
    world.agenda.cancel(activation.plannedEnd);
    activation.plannedCode = undefined;
    activation.plannedEnd = undefined;
    dependencies.book.release(activation);
    if (state !== 'finished') dependencies.book.spend(-activation.costMicros);
    if (state !== 'finished' && activation.fate.late) {
      world.agenda.at(nowMs + world.settings.handlerApi.lateCodeDelayMs, () => {
        dependencies.deliverCode(activation, dependencies.compose(activation));
      });
    }
  };
};
