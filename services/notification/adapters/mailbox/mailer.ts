import { Agent, request } from 'undici';
import type { Mailer } from '../../app/ports.ts';

export interface MailboxOptions {
  /** http://host:port/mailbox */
  readonly url: string;
  readonly timeoutMs: number;
}

/** The simulator's mailbox: development's mail server. Idempotent by key, so an unknown outcome may be repeated. */
export const mailboxMailer = ({ url, timeoutMs }: MailboxOptions): Mailer & { close(): Promise<void> } => {
  const agent = new Agent({ connections: 8, keepAliveTimeout: 10_000 });
  const address = new URL(`${url.replace(/\/$/, '')}/messages`);
  return {
    send: async (mail) => {
      try {
        const { statusCode, body } = await request(address, {
          method: 'POST',
          dispatcher: agent,
          signal: AbortSignal.timeout(timeoutMs),
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(mail),
        });
        await body.dump();
        if (statusCode === 202) return { outcome: 'sent' };
        // These were understood and will not be accepted; anything else may be different next time.
        const refused = statusCode === 400 || statusCode === 413 || statusCode === 422 || statusCode === 429 || statusCode === 503;
        return { outcome: refused ? 'refused' : 'unknown', reason: `status ${statusCode}` };
      } catch (error) {
        return { outcome: 'unknown', reason: error instanceof Error ? error.name : 'no answer' };
      }
    },
    close: () => agent.close(),
  };
};
