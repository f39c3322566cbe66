import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface HeldMail {
  readonly idempotencyKey: string;
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/** A mailbox over HTTP whose answers a test can hold back after the mail has been taken. */
export const startHeldMailbox = async () => {
  const mails = new Map<string, HeldMail>();
  const waiting: ServerResponse[] = [];
  let holding = false;
  const answer = (response: ServerResponse): void => void response.writeHead(202, { 'content-type': 'application/json' }).end('{"id":"m"}');
  const server = createServer((request, response) => {
    void request.toArray().then((chunks) => {
      const mail = JSON.parse(Buffer.concat(chunks).toString()) as HeldMail;
      if (!mails.has(mail.idempotencyKey)) mails.set(mail.idempotencyKey, mail);
      if (holding) waiting.push(response);
      else answer(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mailbox`,
    to: (address: string): readonly HeldMail[] => [...mails.values()].filter((mail) => mail.to === address),
    /** Answers that are being waited for. */
    held: (): number => waiting.length,
    hold: (on: boolean): void => {
      holding = on;
      if (!on) for (const response of waiting.splice(0)) answer(response);
    },
    close: (): Promise<void> => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
};
