import { isLive, type Activation, type Market, type ReceivedCode } from '../domain/activation.ts';
import type { CodeMessage } from '../domain/message-texts.ts';
import type { Outgoing, OutgoingRequest, World } from './ports.ts';

export interface DeliverCode {
  /** An SMS reaches the number now. On an ended activation it is late: pushed, never shown by getStatus. */
  (activation: Activation, message: CodeMessage): ReceivedCode;
}

/** How a market reports a code: the request that says so. */
export type Push = (activation: Activation, received: ReceivedCode) => OutgoingRequest;
export type Pushes = Readonly<Partial<Record<Market, Push>>>;

/** @param pushes a market without one is polled */
export const createDeliverCode = (world: World, dependencies: { outgoing: Outgoing; pushes: Pushes }): DeliverCode => {
  const push = (activation: Activation, received: ReceivedCode): void => {
    const report = dependencies.pushes[activation.market];
    if (report === undefined || !activation.fate.pushed) return;
    const request = report(activation, received);
    const send = (): void => dependencies.outgoing.send(request);
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
