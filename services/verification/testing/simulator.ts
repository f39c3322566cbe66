import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseDecimal } from '#platform/money/index.ts';
import { childEnvironment } from '#platform/testing/index.ts';

export interface RunningSimulator {
  readonly apiUrl: string;
  readonly apiKey: string;
  readonly fiveSimUrl: string;
  readonly fiveSimToken: string;
  readonly textVerifiedUrl: string;
  readonly textVerifiedKey: string;
  readonly textVerifiedUsername: string;
  /** Merges into the simulator's settings. */
  configure(settings: object): Promise<void>;
  /** A code reaches the number now. */
  deliver(activationId: string, message: { text: string; code: string }): Promise<void>;
  activations(): Promise<readonly { id: string; orderId: string | null; state: string; phone: string; operator: string }[]>;
  /** Of the balance; what came back does not count. */
  spentMicros(): Promise<bigint>;
  rentals(): Promise<readonly SimulatorRental[]>;
  /** A message reaches a rented number now. */
  sendToRental(phoneNumber: string, message: { from: string; text: string }): Promise<void>;
  /** The provider ends a rental before its time. */
  endRental(phoneNumber: string): Promise<void>;
  /** As on the first day. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

export interface SimulatorRental {
  readonly id: string;
  readonly market: string;
  readonly state: string;
  readonly phone: string;
  readonly cost: string;
  readonly pushUrl?: string;
  readonly includedForRenewal: boolean;
  readonly endsAt: string;
}

const entry = fileURLToPath(new URL('../../simulator/main.ts', import.meta.url));
const startTimeoutMs = 20_000;

/** Starts the outside world as its own process: services know each other only over the wire. */
export const startSimulator = async (
  options: { pushUrl?: string; textVerifiedWebhook?: { url: string; secret: string } } = {},
): Promise<RunningSimulator> => {
  const apiKey = 'simulator-handler-key';
  const fiveSimToken = 'simulator-five-sim-token';
  const textVerified = { key: 'simulator-text-verified-key', username: 'me@example.test' };
  const child = spawn(process.execPath, [entry], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: childEnvironment({
      ...{
        ENVIRONMENT: 'test',
        LOG_LEVEL: 'info',
        NATS_URL: 'nats://127.0.0.1:1',
        PRINCIPAL_KEY: 'simulator-test-principal-key-0123456789',
      },
      ...{
        SIMULATOR_HANDLER_API_KEY: apiKey,
        SIMULATOR_FIVE_SIM_TOKEN: fiveSimToken,
        SIMULATOR_TEXTVERIFIED_KEY: textVerified.key,
        SIMULATOR_TEXTVERIFIED_USERNAME: textVerified.username,
        ...(options.textVerifiedWebhook !== undefined && {
          SIMULATOR_TEXTVERIFIED_WEBHOOK_URL: options.textVerifiedWebhook.url,
          SIMULATOR_TEXTVERIFIED_WEBHOOK_SECRET: options.textVerifiedWebhook.secret,
        }),
        PAYMENT_SIMULATOR_SECRET: 'payment-secret-of-tests',
        SMPP_SYSTEM_ID: 'test',
        SMPP_PASSWORD: 'test',
      },
      ...(options.pushUrl === undefined ? {} : { SIMULATOR_PUSH_URL: options.pushUrl }),
    }),
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const base = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the simulator did not start in time')), startTimeoutMs);
    child.once('exit', (code) => reject(new Error(`the simulator ended with ${code}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const http = /"http":(\d+)/.exec(line)?.[1];
      if (http === undefined) return;
      clearTimeout(timer);
      resolve(`http://127.0.0.1:${http}`);
    });
  });
  const send = async (method: string, path: string, body?: object): Promise<unknown> => {
    const response = await fetch(base + path, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.status === 204 ? undefined : response.json();
  };
  return {
    apiUrl: `${base}/stubs/handler_api.php`,
    apiKey,
    fiveSimUrl: `${base}/5sim/v1`,
    fiveSimToken,
    textVerifiedUrl: `${base}/textverified/api/pub/v2`,
    textVerifiedKey: textVerified.key,
    textVerifiedUsername: textVerified.username,
    configure: async (settings) => void (await send('PATCH', '/control/settings', settings)),
    deliver: async (activationId, message) => void (await send('POST', `/control/activations/${activationId}/code`, message)),
    activations: async () =>
      (
        (await send('GET', '/control/activations')) as {
          data: { id: string; orderId: string | null; state: string; phone: string; operator: string }[];
        }
      ).data,
    spentMicros: async () => parseDecimal(((await send('GET', '/control/statistics')) as { spent: string }).spent) ?? 0n,
    rentals: async () => ((await send('GET', '/control/rentals')) as { data: SimulatorRental[] }).data,
    sendToRental: async (phoneNumber, message) =>
      void (await send('POST', `/control/rentals/${phoneNumber.replace('+', '')}/message`, message)),
    endRental: async (phoneNumber) => void (await send('POST', `/control/rentals/${phoneNumber.replace('+', '')}/end`)),
    reset: async () => void (await send('POST', '/control/reset', {})),
    close: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
};
