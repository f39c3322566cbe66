import { startProcess } from '#platform/testing/index.ts';

export interface RunningSimulator {
  /** For MAILBOX_URL. */
  readonly mailboxUrl: string;
  /** Merges into the settings of the simulator's mailbox. */
  configure(mailbox: object): Promise<void>;
  received(to: string): Promise<readonly { readonly subject: string; readonly text: string; readonly html: string }[]>;
  close(): Promise<void>;
}

/** The outside world in a process of its own: services know each other only over the wire. */
export const startSimulator = async (): Promise<RunningSimulator> => {
  const child = await startProcess('services/simulator/main.ts', {
    ENVIRONMENT: 'test',
    NATS_URL: 'nats://127.0.0.1:1',
    PRINCIPAL_KEY: 'simulator-test-principal-key-0123456789',
    SIMULATOR_HANDLER_API_KEY: 'handler-key-of-tests',
    PAYMENT_SIMULATOR_SECRET: 'payment-secret-of-tests',
    SMPP_SYSTEM_ID: 'test',
    SMPP_PASSWORD: 'test',
  });
  const base = `http://127.0.0.1:${child.addresses['http']}`;
  const json = async (response: Response): Promise<unknown> => {
    if (!response.ok) throw new Error(`${response.url}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  return {
    mailboxUrl: `${base}/mailbox`,
    configure: async (mailbox) => {
      const headers = { 'content-type': 'application/json' };
      await json(await fetch(`${base}/control/settings`, { method: 'PATCH', headers, body: JSON.stringify({ mailbox }) }));
    },
    received: async (to) =>
      (
        (await json(await fetch(`${base}/mailbox/messages?to=${encodeURIComponent(to)}`))) as {
          data: { subject: string; text: string; html: string }[];
        }
      ).data,
    close: child.close,
  };
};
