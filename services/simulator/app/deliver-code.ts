import { isLive, type Activation, type ReceivedCode } from '../domain/activation.ts';
import type { CodeMessage } from '../domain/message-texts.ts';
import type { Outgoing, World } from './ports.ts';

export interface DeliverCode {
  /** An SMS reaches the number now. On an ended activation it is late: pushed, never shown by getStatus. */
  (activation: Activation, message: CodeMessage): ReceivedCode;
}

/** @param pushUrl where codes are reported; empty = nowhere, the client polls */
export const createDeliverCode = (world: World, dependencies: { outgoing: Outgoing; pushUrl: string }): DeliverCode => {
  const push = (activation: Activation, received: ReceivedCode): void => {
    if (dependencies.pushUrl === '' || !activation.fate.pushed) return;
    const body = JSON.stringify({
      activationId: activation.id,
      service: activation.service,
      text: received.text,
      code: received.code,
      country: activation.countryId,
      receivedAt: new Date(received.receivedAtMs).toISOString(),
    });
    const send = (): void => dependencies.outgoing.send({ kind: 'push', url: dependencies.pushUrl, body });
    const { pushDelayMs, pushReorderMs } = world.settings.handlerApi;
    // Only the first push of a number is held back, so that a second one overtakes it.
    const heldBack = activation.fate.pushHeldBack && activation.codes.length === 1;
    const delayMs = pushDelayMs + (heldBack ? pushReorderMs : 0);
    const copies = activation.fate.pushTwice ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      if (delayMs === 0) send();
      else world.agenda.at(world.clock.now().getTime() + delayMs, send);
    }
  };

  return (activation, message) => {
    const received: ReceivedCode = { ...message, receivedAtMs: world.clock.now().getTime(), late: !isLive(activation) };
    activation.codes.push(received);
    if (!received.late) {
      activation.state = 'received';
      world.agenda.cancel(activation.plannedCode);
      activation.plannedCode = undefined;
    }
    world.counters.codes += 1;
    push(activation, received);
    return received;
  };
};
