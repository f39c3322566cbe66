import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type OutgoingFields, type PDU, type Session } from 'smpp';
import type { PartAnswer } from './fake-carrier.ts';

export interface Smsc {
  readonly port: number;
  readonly submits: readonly PDU[];
  readonly binds: readonly PDU[];
  /** Sessions that are open now. */
  readonly sessions: readonly Session[];
  answer: (pdu: PDU, part: number) => PartAnswer;
  /** Milliseconds before an answer. */
  delayMs: number;
  answersEnquireLink: boolean;
  bindStatus: number;
  deliver(fields: OutgoingFields): Promise<PDU>;
  close(): Promise<void>;
}

/** Part index of the concatenation header, 0 without one. */
const partOf = (pdu: PDU): number => ((pdu.esm_class ?? 0) & 0x40 ? (pdu.short_message?.udh?.[0]?.[4] ?? 1) - 1 : 0);

/** An SMSC of the npm package's own server half, for one test. */
export const startSmsc = async (port = 0): Promise<Smsc> => {
  const sessions = new Set<Session>();
  const submits: PDU[] = [];
  const binds: PDU[] = [];
  let last = 0;
  const server = createServer((session) => {
    sessions.add(session);
    session.on('error', () => session.destroy());
    session.on('close', () => sessions.delete(session));
    session.on('bind_transceiver', (pdu: PDU) => {
      binds.push(pdu);
      session.send(pdu.response({ command_status: smsc.bindStatus }));
    });
    session.on('unbind', (pdu: PDU) => session.send(pdu.response(), undefined, () => session.close()));
    session.on('enquire_link', (pdu: PDU) => smsc.answersEnquireLink && session.send(pdu.response()));
    session.on('submit_sm', (pdu: PDU) => {
      submits.push(pdu);
      const answer = smsc.answer(pdu, partOf(pdu));
      if (answer === 'silence') return;
      const response =
        'status' in answer ? pdu.response({ command_status: answer.status }) : pdu.response({ message_id: answer.messageId });
      if (smsc.delayMs === 0) session.send(response);
      else setTimeout(() => session.send(response), smsc.delayMs);
    });
  });
  server.on('error', () => {});
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const smsc: Smsc = {
    port: (server.address() as AddressInfo).port,
    submits,
    binds,
    get sessions() {
      return [...sessions];
    },
    answer: () => ({ messageId: (last += 1).toString(16) }),
    delayMs: 0,
    answersEnquireLink: true,
    bindStatus: 0,
    deliver: (fields) =>
      new Promise((resolve) => {
        const [session] = sessions;
        session?.deliver_sm(fields, resolve);
      }),
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const session of sessions) session.destroy();
      await closed;
    },
  };
  return smsc;
};
