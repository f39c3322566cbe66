import { isLive, type Activation, type ReceivedCode } from '../domain/activation.ts';
import type { ActivationBook } from './activation-book.ts';
import type { ComposeFor } from './compose-code.ts';
import type { DeliverCode } from './deliver-code.ts';
import type { EndActivation } from './end-activation.ts';
import type { World } from './ports.ts';

export type ActivationCommand = 'ready' | 'another' | 'finish' | 'cancel';

export type ChangeOutcome =
  | { readonly kind: 'ready' | 'retry' | 'finished' | 'cancelled' | 'bad_status' | 'no_activation' | 'early_cancel' | 'not_active' }
  | { readonly kind: 'code_received' | 'new_code'; readonly code: ReceivedCode };

export interface ChangeActivation {
  /** setStatus. @param codeMeanwhile a code arrives in this very moment, and wins */
  (id: string, command: ActivationCommand, codeMeanwhile: boolean): ChangeOutcome;
}

export const createChangeActivation = (
  world: World,
  dependencies: { book: ActivationBook; deliverCode: DeliverCode; endActivation: EndActivation; compose: ComposeFor },
): ChangeActivation => {
  const { book, deliverCode, endActivation, compose } = dependencies;
  const delays = world.random.stream('handler_api/retry_delays');
  const races = world.random.stream('handler_api/code_during_cancel');

  const cancel = (activation: Activation, codeMeanwhile: boolean): ChangeOutcome => {
    const raced = races.chance(world.settings.handlerApi.codeDuringCancelRatio) || codeMeanwhile;
    const code = activation.codes.at(-1);
    if (code !== undefined) return { kind: 'code_received', code };
    if (world.clock.now().getTime() - activation.createdAtMs < world.settings.handlerApi.earlyCancelMs) return { kind: 'early_cancel' };
    if (raced) return { kind: 'new_code', code: deliverCode(activation, compose(activation)) };
    endActivation(activation, 'cancelled');
    return { kind: 'cancelled' };
  };

  const finish = (activation: Activation, codeMeanwhile: boolean): ChangeOutcome => {
    if (activation.codes.length === 0) return { kind: 'bad_status' };
    if (codeMeanwhile) return { kind: 'new_code', code: deliverCode(activation, compose(activation)) };
    endActivation(activation, 'finished');
    return { kind: 'finished' };
  };

  const another = (activation: Activation): ChangeOutcome => {
    if (activation.state === 'waiting') return { kind: 'bad_status' };
    if (activation.state === 'retry') return { kind: 'retry' };
    const settings = world.settings.handlerApi;
    const message = compose(activation);
    const delayMs = delays.between(settings.codeDelayMinMs, Math.max(settings.codeDelayMinMs, settings.codeDelayMaxMs));
    activation.state = 'retry';
    world.agenda.cancel(activation.plannedCode);
    activation.plannedCode = world.agenda.at(world.clock.now().getTime() + delayMs, () => deliverCode(activation, message));
    return { kind: 'retry' };
  };

  return (id, command, codeMeanwhile) => {
    const activation = book.get(id);
    if (activation === undefined) return { kind: 'no_activation' };
    if (!isLive(activation)) return { kind: 'not_active' };
    if (command === 'cancel') return cancel(activation, codeMeanwhile);
    if (command === 'finish') return finish(activation, codeMeanwhile);
    if (command === 'another') return another(activation);
    return { kind: activation.state === 'waiting' ? 'ready' : 'bad_status' };
  };
};
