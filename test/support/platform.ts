/** The whole platform for one test file: own processes, own databases and NATS account on the servers of the run. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { grpcClient, systemPrincipal } from '#platform/grpc/index.ts';
import { fromTypeId } from '#platform/ids/index.ts';
import { parseDecimal } from '#platform/money/index.ts';
import { createTestNats } from '#platform/testing/index.ts';
import { LedgerServiceClient } from '#proto/namaskah/billing/v1/billing.ts';
import { startPlatform, type Platform, type PlatformOptions } from '../../tools/platform.ts';

export interface TestPlatform extends Platform {
  /** Changes the outside world (see services/simulator/README.md). */
  simulator(settings: unknown): Promise<void>;
  /** A bank disputes what was paid at this page. @returns the gateway's id of the dispute */
  dispute(checkoutUrl: string): Promise<string>;
  decideDispute(id: string, status: 'won' | 'lost'): Promise<void>;
  /** Promotional credit for a tenant, by its edge id. */
  grantCredit(tenantId: string, amount: string): Promise<void>;
}

export const changeSimulator = async (simulatorUrl: string, settings: unknown): Promise<void> => {
  const response = await fetch(`${simulatorUrl}/control/settings`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(settings),
  });
  if (!response.ok) throw new Error(`the simulator refused the settings: ${response.status} ${await response.text()}`);
};

const control = async (simulatorUrl: string, path: string, body: unknown): Promise<Record<string, unknown>> => {
  const response = await fetch(`${simulatorUrl}/control/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`the simulator refused ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Record<string, unknown>;
};

export const grantCredit = async (platform: Platform, tenantId: string, amount: string): Promise<void> => {
  const ledger = grpcClient(LedgerServiceClient, {
    address: platform.grpcAddress('billing'),
    principalKey: platform.secrets.principalKey,
    caller: 'test',
  });
  const uuid = fromTypeId('tenant', tenantId);
  if (uuid === undefined) throw new Error(`not a tenant id: ${tenantId}`);
  try {
    await ledger.grantCredit(
      {
        idempotencyKey: randomBytes(12).toString('hex'),
        tenantId: uuid,
        amount: { currency: 'USD', micros: parseDecimal(amount) ?? 0n },
        reason: 'test',
      },
      { principal: systemPrincipal('test', uuid) },
    );
  } finally {
    await ledger.close();
  }
};

/** The databases and login roles that one platform made on the shared server. */
const dropDatabases = async (postgresUrl: string, prefix: string): Promise<void> => {
  const client = new pg.Client({ connectionString: postgresUrl });
  await client.connect();
  try {
    const databases = await client.query<{ datname: string }>('select datname from pg_database where starts_with(datname, $1)', [prefix]);
    for (const { datname } of databases.rows)
      await client.query(`drop database if exists ${client.escapeIdentifier(datname)} with (force)`);
    const roles = await client.query<{ rolname: string }>('select rolname from pg_roles where starts_with(rolname, $1)', [prefix]);
    for (const { rolname } of roles.rows) await client.query(`drop role if exists ${client.escapeIdentifier(rolname)}`);
  } finally {
    await client.end();
  }
};

/** Limits are lifted and codes come quickly, unless `options` says otherwise. */
export const startTestPlatform = async (options: Partial<PlatformOptions> = {}): Promise<TestPlatform> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'namaskah-test-'));
  const databasePrefix = `e2e_${randomBytes(4).toString('hex')}_`;
  const nats = await createTestNats();
  const postgresUrl = process.env['TEST_POSTGRES_URL'];
  if (postgresUrl === undefined) throw new Error('run this by: node tools/test.ts <file>');
  const cleanUp = async (): Promise<void> => {
    await nats.close();
    await dropDatabases(postgresUrl, databasePrefix);
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    const platform = await startPlatform({
      dataDir,
      postgresUrl,
      databasePrefix,
      natsUrl: nats.url,
      quiet: true,
      seed: false,
      ...options,
      env: { ...options.env, all: { RATE_LIMIT_FACTOR: '1000', POLICY_LIMIT_FACTOR: '1000', LOG_LEVEL: 'info', ...options.env?.all } },
    });
    const simulator = (settings: unknown) => changeSimulator(platform.simulatorUrl, settings);
    await simulator({ handlerApi: { codeDelayMinMs: 200, codeDelayMaxMs: 600 } });
    return {
      ...platform,
      simulator,
      dispute: async (checkoutUrl) =>
        (await control(platform.simulatorUrl, `payments/${checkoutUrl.split('/').at(-1)}/disputes`, {}))['id'] as string,
      decideDispute: async (id, status) => void (await control(platform.simulatorUrl, `disputes/${id}/decide`, { status })),
      grantCredit: (tenantId, amount) => grantCredit(platform, tenantId, amount),
      stop: async () => {
        await platform.stop();
        await cleanUp();
      },
    };
  } catch (error) {
    await cleanUp();
    throw error;
  }
};
