import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { childEnvironment, eventually, startTestReceiver } from '#platform/testing/index.ts';

export const worldKeys = {
  simulator: 'payment-secret',
  stripe: 'sk_test_contract',
  stripeWebhook: 'whsec_contract',
  paystack: 'sk_test_paystack',
  flutterwave: 'FLWSECK_TEST-contract',
  flutterwaveHash: 'flutterwave-hash',
} as const;

export interface Sent {
  readonly headers: Readonly<Record<string, string>>;
  readonly rawBody: Buffer;
}
export interface OutsideWorld {
  readonly url: string;
  readonly webhookUrl: (gateway: string) => string;
  settings(patch: object): Promise<void>;
  /** What the person does at the hosted page. */
  press(checkoutUrl: string, outcome: 'success' | 'failure'): Promise<void>;
  /** A bank disputes what was paid at this page. @returns the gateway's id of it */
  dispute(checkoutUrl: string): Promise<string>;
  decide(disputeId: string, status: 'won' | 'lost'): Promise<void>;
  /** The first `count` webhooks about a payment. @throws when they do not arrive in time */
  notifications(gateway: string, paymentId: string, count: number): Promise<readonly Sent[]>;
  /** The first webhook about a payment. @throws when none arrives in time */
  notification(gateway: string, paymentId: string, timeoutMs?: number): Promise<Sent>;
  close(): Promise<void>;
}

const main = fileURLToPath(new URL('../../../simulator/main.ts', import.meta.url));

/** The simulator as a process of its own, and a receiver of its webhooks. */
export const startOutsideWorld = async (): Promise<OutsideWorld> => {
  const receiver = await startTestReceiver();
  const child = spawn(process.execPath, [main], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: childEnvironment({
      ENVIRONMENT: 'test',
      LOG_LEVEL: 'info',
      SIMULATOR_HANDLER_API_KEY: 'market-key',
      PAYMENT_SIMULATOR_SECRET: worldKeys.simulator,
      STRIPE_SECRET_KEY: worldKeys.stripe,
      STRIPE_WEBHOOK_SECRET: worldKeys.stripeWebhook,
      PAYSTACK_SECRET_KEY: worldKeys.paystack,
      FLUTTERWAVE_SECRET_KEY: worldKeys.flutterwave,
      FLUTTERWAVE_WEBHOOK_HASH: worldKeys.flutterwaveHash,
      PAYMENT_WEBHOOK_URL: receiver.url,
      SMPP_SYSTEM_ID: 'namaskah',
      SMPP_PASSWORD: 'smpp-pass',
    }),
  });
  const exited = once(child, 'exit');
  const port = await new Promise<number>((resolve, reject) => {
    void exited.then(([code]) => reject(new Error(`the simulator ended with ${String(code)}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const started = line.startsWith('{') ? (JSON.parse(line) as { addresses?: { http?: number } }) : {};
      if (started.addresses?.http !== undefined) resolve(started.addresses.http);
    });
  });
  const url = `http://127.0.0.1:${port}`;
  const post = async (method: string, address: string, body: string | URLSearchParams, type?: string): Promise<void> => {
    const response = await fetch(address, { method, body, redirect: 'manual', ...(type && { headers: { 'content-type': type } }) });
    if (response.status >= 400) throw new Error(`${address}: ${response.status} ${await response.text()}`);
  };
  const told = (gateway: string, paymentId: string, count: number, timeoutMs: number): Promise<readonly Sent[]> =>
    eventually(
      () => {
        const found = receiver.received.filter(({ path, body }) => path === `/${gateway}` && body.includes(paymentId));
        if (found.length < count) throw new Error(`${found.length} of ${count} webhooks about ${paymentId}`);
        return found.slice(0, count).map(({ headers, body }) => ({ headers, rawBody: body }));
      },
      { timeoutMs },
    );
  return {
    url,
    webhookUrl: (gateway) => `${receiver.url}/${gateway}`,
    settings: (patch) => post('PATCH', `${url}/control/settings`, JSON.stringify(patch), 'application/json'),
    press: (checkoutUrl, outcome) => post('POST', checkoutUrl, new URLSearchParams({ outcome })),
    notification: async (gateway, paymentId, timeoutMs = 5_000) => (await told(gateway, paymentId, 1, timeoutMs))[0]!,
    notifications: (gateway, paymentId, count) => told(gateway, paymentId, count, 10_000),
    dispute: async (checkoutUrl) => {
      const response = await fetch(`${url}/control/payments/${checkoutUrl.split('/').at(-1)}/disputes`, { method: 'POST' });
      if (response.status !== 201) throw new Error(`dispute: ${response.status} ${await response.text()}`);
      return ((await response.json()) as { id: string }).id;
    },
    decide: (id, status) => post('POST', `${url}/control/disputes/${id}/decide`, JSON.stringify({ status }), 'application/json'),
    close: async () => {
      child.kill('SIGTERM');
      await exited;
      await receiver.close();
    },
  };
};
