import type { ServerResponse } from 'node:http';
import { bodyOf, startTestServer } from '#platform/testing/index.ts';

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
  const { url, close } = await startTestServer((request, response) => {
    void bodyOf(request).then((body) => {
      const mail = JSON.parse(body.toString()) as HeldMail;
      if (!mails.has(mail.idempotencyKey)) mails.set(mail.idempotencyKey, mail);
      if (holding) waiting.push(response);
      else answer(response);
    });
  });
  return {
    url: `${url}/mailbox`,
    to: (address: string): readonly HeldMail[] => [...mails.values()].filter((mail) => mail.to === address),
    /** Answers that are being waited for. */
    held: (): number => waiting.length,
    hold: (on: boolean): void => {
      holding = on;
      if (!on) for (const response of waiting.splice(0)) answer(response);
    },
    close,
  };
};
