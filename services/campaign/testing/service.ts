import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { grpcClient } from '#platform/grpc/index.ts';
import { childEnvironment, createTestDatabase, createTestNats, eventually, testPrincipalKey } from '#platform/testing/index.ts';
import { CampaignServiceClient, ContactServiceClient } from '#proto/namaskah/campaign/v1/campaign.ts';
import { migrations } from '../adapters/postgres/migrations/index.ts';
import { campaignConfig } from '../config.ts';
import { start } from '../main.ts';
import { startBillingStub } from './billing-stub.ts';

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
};

const account = { SMPP_SYSTEM_ID: 'campaign', SMPP_PASSWORD: 'smpp-test' };

/** The outside world in a process of its own, as it runs everywhere. */
export const startSimulator = async () => {
  const [http, smpp] = [await freePort(), await freePort()];
  const child = spawn(process.execPath, ['services/simulator/main.ts'], {
    cwd: new URL('../../..', import.meta.url),
    stdio: ['ignore', 'ignore', 'inherit'],
    env: childEnvironment({
      ENVIRONMENT: 'test',
      LOG_LEVEL: 'silent',
      SIMULATOR_HTTP_PORT: String(http),
      SIMULATOR_SMPP_PORT: String(smpp),
      SIMULATOR_HANDLER_API_KEY: 'handler-test',
      PAYMENT_SIMULATOR_SECRET: 'payment-simulator-test',
      ...account,
    }),
  });
  const exited = once(child, 'exit');
  const control = async (path: string, method = 'GET', body?: unknown): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${http}/control/${path}`, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  await eventually(() => control('settings'), { timeoutMs: 20_000, intervalMs: 100 });
  return {
    smppPort: smpp,
    control,
    close: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
};

/** The whole service over a database and a broker, with a stub for billing and clients to call it. */
export const startCampaign = async (smppPort: number, environment: Readonly<Record<string, string>> = {}) => {
  const database = await createTestDatabase('campaign', migrations);
  const nats = await createTestNats();
  const billing = await startBillingStub();
  const config = campaignConfig.parse({
    ENVIRONMENT: 'test',
    LOG_LEVEL: 'error',
    NATS_URL: nats.url,
    DATABASE_URL: database.url,
    PRINCIPAL_KEY: testPrincipalKey,
    BILLING_GRPC_ADDRESS: billing.address,
    SMPP_HOST: '127.0.0.1',
    SMPP_PORT: String(smppPort),
    CAMPAIGN_SENDER: '+15005550006',
    CAMPAIGN_SEGMENT_PRICE: '0.0045',
    CAMPAIGN_DISPATCH_POLL_MS: '20',
    ...account,
    ...environment,
  });
  const service = await start(config);
  const address = `127.0.0.1:${service.addresses['grpc']}`;
  const options = { address, principalKey: testPrincipalKey, caller: 'gateway' };
  const contacts = grpcClient(ContactServiceClient, options);
  const campaigns = grpcClient(CampaignServiceClient, options);
  return {
    database,
    nats,
    billing,
    config,
    service,
    contacts,
    campaigns,
    close: async () => {
      await contacts.close();
      await campaigns.close();
      await service.close();
      await billing.close();
      await nats.close();
      await database.close();
    },
  };
};
