import type { Carrier, OutboundMessage } from '../app/ports.ts';
import type { SubmitOutcome } from '../domain/outcome.ts';

/** A carrier's answer to one part: taken under an id, refused with a status, or nothing at all. */
export type PartAnswer = { readonly messageId: string } | { readonly status: number } | 'silence';

export interface FakeCarrier extends Carrier {
  /** Everything that reached it, in order. */
  readonly submits: readonly OutboundMessage[];
  answerPart: (phone: string, part: number) => PartAnswer;
  /** What happens to a whole message; by default its parts are asked in turn. */
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
    answerPart: () => ({ messageId: `m${(last += 1)}` }),
    answer: (message) => {
      const messageIds: string[] = [];
      for (let part = 0; part < message.segmentation.parts.length; part += 1) {
        const answer = carrier.answerPart(message.phone, part);
        if (answer === 'silence') return { kind: 'unknown', messageIds };
        if ('status' in answer) return { kind: 'rejected', status: answer.status, messageIds };
        messageIds.push(answer.messageId);
      }
      return { kind: 'accepted', messageIds };
    },
    isReady: () => carrier.ready,
    submit: async (message) => {
      if (!carrier.ready) return { kind: 'not-sent' };
      submits.push(message);
      return carrier.answer(message);
    },
  };
  return carrier;
};
