import { isLive, type Activation } from '../domain/activation.ts';
import type { ActivationBook } from './activation-book.ts';
import type { DeliverCode } from './deliver-code.ts';
import type { EndActivation } from './end-activation.ts';
import type { ComposeFor } from './compose-code.ts';
import type { World } from './ports.ts';

/** A number that has had its code, kept for one more under a new id and for a new price. Undefined: it has had none, or has ended. */
export type ReactivateNumber = (activation: Activation) => Activation | undefined;

export const canReactivate = (activation: Activation): boolean =>
  isLive(activation) && activation.codes.length > 0 && activation.successor === undefined;

export const createReactivateNumber = (
  world: World,
  {
    book,
    deliverCode,
    endActivation,
    compose,
  }: { book: ActivationBook; deliverCode: DeliverCode; endActivation: EndActivation; compose: ComposeFor },
): ReactivateNumber => {
  const delays = world.random.stream('text_verified/reactivation_delays');
  return (activation) => {
    if (!canReactivate(activation)) return undefined;
    endActivation(activation, 'finished');
    const createdAtMs = world.clock.now().getTime();
    const next: Activation = {
      ...activation,
      ...{ id: book.nextId(), orderId: undefined, createdAtMs, state: 'waiting', endedAtMs: undefined, codes: [] },
    };
    activation.successor = next.id;
    book.spend(next.costMicros);
    book.add(next);
    next.plannedEnd = world.agenda.at(next.endsAtMs, () => endActivation(next, next.state === 'waiting' ? 'expired' : 'finished'));
    if (next.fate.arrives) {
      const { codeDelayMinMs, codeDelayMaxMs } = world.settings.handlerApi;
      const delayMs = delays.between(codeDelayMinMs, Math.max(codeDelayMinMs, codeDelayMaxMs));
      const message = compose(next);
      next.plannedCode = world.agenda.at(createdAtMs + delayMs, () => deliverCode(next, message));
    }
    return next;
  };
};
