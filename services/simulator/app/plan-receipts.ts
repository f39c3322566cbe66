import { chooseFault } from '../domain/choose-fault.ts';
import { receiptText } from '../domain/receipt.ts';
import { messageStates, type DestinationOutcome, type MessageState, type ReceiptFate } from '../domain/settings.ts';
import type { Carrier, World } from './ports.ts';
import type { MessageRecord } from './submission-book.ts';

export interface ReceiptRequest {
  readonly link: string;
  readonly message: MessageRecord;
  /** Of this segment. */
  readonly text: string;
  /** The message id as receipts write it. */
  readonly receiptId: string;
  readonly destination: DestinationOutcome | undefined;
}

export interface PlanReceipts {
  /** Plans the receipts that one accepted segment will cause. @returns `early` when one precedes the response */
  (request: ReceiptRequest): 'early' | 'usual';
}

const isState = (fate: ReceiptFate | DestinationOutcome | undefined): fate is MessageState =>
  (messageStates as readonly (string | undefined)[]).includes(fate);

/** Time between two receipts of the same message. */
const stepMs = 100;

/** registered_delivery, bits 0 and 1: 1 = always, 2 = on failure, 3 = on success; bit 4 asks for intermediate notes. */
const wanted = (registeredDelivery: number, state: MessageState): boolean => {
  const bits = registeredDelivery & 3;
  return bits === 1 || (bits === 2 && state !== 'delivered') || (bits === 3 && state === 'delivered');
};

export const createPlanReceipts = (world: World, dependencies: { carrier: Carrier }): PlanReceipts => {
  const fates = world.random.stream('smpp/receipt_fates');
  const delays = world.random.stream('smpp/receipt_delays');

  const planOne = (request: ReceiptRequest, state: MessageState, submittedAtMs: number, atMs: number): void => {
    const { message, receiptId } = request;
    world.agenda.at(atMs, () => {
      message.receipts.push(state);
      const text = receiptText({ messageId: receiptId, state, submittedAtMs, doneAtMs: atMs, text: request.text });
      dependencies.carrier.deliver(
        { kind: 'receipt', from: message.to, to: message.from, text, messageId: receiptId, state },
        request.link,
      );
    });
  };

  return (request) => {
    const settings = world.settings.smpp;
    const nowMs = world.clock.now().getTime();
    const delayMs = delays.between(settings.receiptDelayMinMs, Math.max(settings.receiptDelayMinMs, settings.receiptDelayMaxMs));
    const registered = request.message.registeredDelivery;
    if ((registered & 3) === 0) return 'usual';
    const fate = chooseFault(settings.nextReceipts, settings.receiptRatios, fates);
    if (fate === 'lost' || (fate === undefined && request.destination === 'lost')) return 'usual';
    const state = isState(fate) ? fate : isState(request.destination) ? request.destination : 'delivered';
    if (!wanted(registered, state)) return 'usual';

    const finalAtMs = nowMs + (fate === 'early' ? 0 : delayMs);
    if (settings.intermediateReceipts || (registered & 0x10) !== 0) planOne(request, 'accepted', nowMs, nowMs + Math.floor(delayMs / 2));
    planOne(request, state, nowMs, finalAtMs);
    if (fate === 'duplicate') planOne(request, state, nowMs, finalAtMs + stepMs);
    // The note "accepted" that should have come first.
    if (fate === 'reordered') planOne(request, 'accepted', nowMs, finalAtMs + stepMs);
    return fate === 'early' ? 'early' : 'usual';
  };
};
