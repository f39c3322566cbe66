import type { Carrier, OutboundMessage } from '../app/ports.ts';
import type { SubmitOutcome } from '../domain/outcome.ts';

export interface FakeCarrier extends Carrier {
  /** Everything that reached it, in order. */
  readonly submits: readonly OutboundMessage[];
  /** What happens to a message; accepted by default. May throw to act as a process that dies. */
  answer: (message: OutboundMessage) => SubmitOutcome | Promise<SubmitOutcome>;
  ready: boolean;
}

/** Remembers every submit, so that a test can prove that none happened twice. */
export const fakeCarrier = (): FakeCarrier => {
  const submits: OutboundMessage[] = [];
  let last = 0;
  const carrier: FakeCarrier = {
    submits,
    ready: true,
    answer: (message) => ({ kind: 'accepted', messageIds: message.segmentation.parts.map(() => `m${(last += 1)}`) }),
    isReady: () => carrier.ready,
    submit: async (message) => {
      submits.push(message);
      return carrier.answer(message);
    },
  };
  return carrier;
};
