import { Agent, request } from 'undici';
import { observedBy } from '#platform/telemetry/index.ts';
import type { Mailer, MailOutcome } from '../../app/ports.ts';

export interface MailboxOptions {
  /** http://host:port/mailbox */
  readonly url: string;
  /** Sender of every mail: `Name <address>`. */
  readonly from: string;
  readonly timeoutMs: number;
  readonly observe?: (operation: 'send', outcome: MailOutcome['outcome'], seconds: number) => void;
}

/** Answers that promise that nothing was taken; any other may have been written after the mail was. */
const refusals: ReadonlySet<number> = new Set([400, 401, 403, 404, 413, 415, 422, 429, 503]);
/** Failures before the first byte was sent. */
const neverSent: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

/** Names a failure without its text, which could carry an address. */
const toOutcome = (error: unknown): MailOutcome => {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  const reason = code || (error instanceof Error ? error.name : 'no answer');
  return { outcome: neverSent.has(code) ? 'refused' : 'unknown', reason };
};

/** The simulator's mailbox: development's mail server. Idempotent by key, so an unknown outcome may be repeated. */
export const mailboxMailer = ({ url, from, timeoutMs, observe }: MailboxOptions): Mailer & { close(): Promise<void> } => {
  const observed = observedBy(observe);
  const agent = new Agent({ connections: 8, keepAliveTimeout: 10_000 });
  const address = new URL(`${url.replace(/\/$/, '')}/messages`);

  const post = async (body: string): Promise<MailOutcome> => {
    try {
      const response = await request(address, {
        method: 'POST',
        dispatcher: agent,
        signal: AbortSignal.timeout(timeoutMs),
        headers: { 'content-type': 'application/json' },
        body,
      });
      await response.body.dump();
      const { statusCode } = response;
      if (statusCode === 202) return { outcome: 'sent' };
      return { outcome: refusals.has(statusCode) ? 'refused' : 'unknown', reason: `status ${statusCode}` };
    } catch (error) {
      return toOutcome(error);
    }
  };
  return {
    send: (mail) => observed('send', () => post(JSON.stringify({ ...mail, from }))),
    close: () => agent.close(),
  };
};
