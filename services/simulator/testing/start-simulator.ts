import type { TestContext } from 'node:test';
import type { RunningService } from '#platform/lifecycle/index.ts';
import { startTestReceiver, type TestReceiver } from '#platform/testing/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { simulatorConfig } from '../config.ts';
import { start } from '../main.ts';

export const testKeys = {
  stripeSecretKey: 'sk_test_simulated',
  stripeWebhookSecret: 'whsec_simulated',
  paystackSecretKey: 'sk_test_paystack',
  flutterwaveSecretKey: 'FLWSECK_TEST-simulated',
  flutterwaveWebhookHash: 'flutterwave-hash',
  handlerApiKey: 'market-key',
  fiveSimToken: 'five-sim-token',
  textVerifiedKey: 'text-verified-key',
  paymentSecret: 'payment-secret',
  systemId: 'namaskah',
  password: 'smpp-pass',
} as const;

export interface TestSimulator {
  readonly url: string;
  readonly smppPort: number;
  /** One request to the handler API: its status and text. */
  api(action: string, parameters?: Record<string, string>): Promise<{ status: number; text: string }>;
  settings(patch: object): Promise<void>;
  get<T = Record<string, unknown>>(path: string): Promise<T>;
  post(path: string, body: unknown): Promise<Response>;
  close(): Promise<void>;
}

/** The real simulator on free ports, in this process; closed after the test. */
export const startSimulator = async (
  test: Pick<TestContext, 'after'>,
  options: {
    seed?: string;
    pushUrl?: string;
    textVerifiedWebhook?: { url: string; secret: string };
    webhookUrl?: string;
    clock?: Clock;
  } = {},
): Promise<TestSimulator> => {
  const config = simulatorConfig.parse({
    ENVIRONMENT: 'test',
    LOG_LEVEL: 'error',
    SIMULATOR_SEED: options.seed ?? 'test',
    SIMULATOR_HANDLER_API_KEY: testKeys.handlerApiKey,
    SIMULATOR_FIVE_SIM_TOKEN: testKeys.fiveSimToken,
    SIMULATOR_TEXTVERIFIED_KEY: testKeys.textVerifiedKey,
    PAYMENT_SIMULATOR_SECRET: testKeys.paymentSecret,
    SMPP_SYSTEM_ID: testKeys.systemId,
    SMPP_PASSWORD: testKeys.password,
    STRIPE_SECRET_KEY: testKeys.stripeSecretKey,
    STRIPE_WEBHOOK_SECRET: testKeys.stripeWebhookSecret,
    PAYSTACK_SECRET_KEY: testKeys.paystackSecretKey,
    FLUTTERWAVE_SECRET_KEY: testKeys.flutterwaveSecretKey,
    FLUTTERWAVE_WEBHOOK_HASH: testKeys.flutterwaveWebhookHash,
    PAYMENT_WEBHOOK_URL: options.webhookUrl ?? 'http://127.0.0.1:9/hooks',
    ...(options.pushUrl === undefined ? {} : { SIMULATOR_PUSH_URL: options.pushUrl }),
    ...(options.textVerifiedWebhook && {
      SIMULATOR_TEXTVERIFIED_WEBHOOK_URL: options.textVerifiedWebhook.url,
      SIMULATOR_TEXTVERIFIED_WEBHOOK_SECRET: options.textVerifiedWebhook.secret,
    }),
  });
  const service: RunningService = await start(config, options.clock === undefined ? {} : { clock: options.clock });
  test.after(() => service.close());
  const url = `http://127.0.0.1:${service.addresses['http']}`;
  const send = (method: string, path: string, body: unknown): Promise<Response> =>
    fetch(url + path, { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  return {
    url,
    smppPort: service.addresses['smpp'] ?? 0,
    api: async (action, parameters = {}) => {
      const query = new URLSearchParams({ api_key: testKeys.handlerApiKey, action, ...parameters });
      const response = await fetch(`${url}/stubs/handler_api.php?${query.toString()}`, { signal: AbortSignal.timeout(10_000) });
      return { status: response.status, text: await response.text() };
    },
    settings: async (patch) => {
      const response = await send('PATCH', '/control/settings', patch);
      if (!response.ok) throw new Error(`settings were refused: ${await response.text()}`);
    },
    get: async <T>(path: string) => (await (await fetch(url + path)).json()) as T,
    post: (path, body) => send('POST', path, body),
    close: () => service.close(),
  };
};

/** Somebody who is told things, until the test ends. @param answer decides the status of the nth answer */
export const startReceiver = async (test: Pick<TestContext, 'after'>, answer?: (nth: number) => number): Promise<TestReceiver> => {
  const receiver = await startTestReceiver(answer);
  test.after(() => receiver.close());
  return receiver;
};
