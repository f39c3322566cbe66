import type { MessageState } from './settings.ts';

/** SMPP 3.4, 5.2.28 and appendix B: the word of the receipt's text and the number of the message_state TLV. */
const states: Readonly<Record<MessageState, { readonly word: string; readonly number: number; readonly error: string }>> = {
  delivered: { word: 'DELIVRD', number: 2, error: '000' },
  expired: { word: 'EXPIRED', number: 3, error: '001' },
  deleted: { word: 'DELETED', number: 4, error: '002' },
  undelivered: { word: 'UNDELIV', number: 5, error: '003' },
  accepted: { word: 'ACCEPTD', number: 6, error: '000' },
  unknown: { word: 'UNKNOWN', number: 7, error: '004' },
  rejected: { word: 'REJECTD', number: 8, error: '005' },
};

export const stateNumber = (state: MessageState): number => states[state].number;

const minutes = (ms: number): string => new Date(ms).toISOString().replace(/\D/g, '').slice(2, 12);

/** The text nearly every SMSC sends, dates as YYMMDDhhmm in UTC. */
export const receiptText = (receipt: {
  messageId: string;
  state: MessageState;
  submittedAtMs: number;
  doneAtMs: number;
  text: string;
}): string => {
  const { word, error } = states[receipt.state];
  const delivered = receipt.state === 'delivered' ? '001' : '000';
  return (
    `id:${receipt.messageId} sub:001 dlvrd:${delivered} submit date:${minutes(receipt.submittedAtMs)} ` +
    `done date:${minutes(receipt.doneAtMs)} stat:${word} err:${error} text:${receipt.text.slice(0, 20)}`
  );
};
