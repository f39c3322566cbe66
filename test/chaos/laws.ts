/** What must hold after any fault, read from the databases themselves, from the outside world, and as a customer sees it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import pg from 'pg';
import { expectStatus, until, type Customer } from '../support/client.ts';
import type { TestPlatform } from '../support/platform.ts';

const run = promisify(execFile);

export const queryAll = async <Row extends pg.QueryResultRow>(url: string, sql: string, parameters: unknown[] = []): Promise<Row[]> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(sql, parameters)).rows;
  } finally {
    await client.end();
  }
};

const publishers = ['auth', 'billing', 'verification', 'campaign'] as const;

/** Ids of every event that the services committed, by service. */
export const outboxIds = async (databaseUrl: (name: string) => string): Promise<Set<string>> => {
  const ids = await Promise.all(publishers.map((name) => queryAll<{ id: string }>(databaseUrl(name), 'select id from outbox')));
  return new Set(ids.flat().map(({ id }) => id));
};

/** Ids in the event store, with repetitions. */
export const storedEventIds = async (databaseUrl: (name: string) => string): Promise<string[]> =>
  (await queryAll<{ id: string }>(databaseUrl('analytics'), 'select id from events')).map(({ id }) => id);

/** Every row of a list of the API, page by page. `path` has a query already. */
export const everyPage = async (customer: Customer, path: string): Promise<any[]> => {
  const rows: any[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const page: { data: any[]; nextCursor: string | null } = expectStatus(
      await customer.api.get(`${path}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`),
      200,
    );
    rows.push(...page.data);
    cursor = page.nextCursor;
  }
  return rows;
};

/** No number waits, and no money is held for one. */
export const everythingEnds = async (customer: Customer, timeoutMs: number): Promise<void> => {
  const unfinished = async (): Promise<number> => {
    const lists = await Promise.all(
      ['waiting', 'received'].map((status) => customer.api.get(`/v2/verifications?status=${status}&limit=100`)),
    );
    return lists.reduce((sum, list) => sum + expectStatus(list, 200).data.length, 0);
  };
  await until('terminal', unfinished, (count) => count === 0, timeoutMs);
  await until(
    'nothing held',
    async () => expectStatus(await customer.api.get('/v2/wallet'), 200),
    ({ held }) => held === '0.00',
    30_000,
  );
};

/**
 * Charged exactly when there is a code, and then once, the price.
 * @param answered ids of which the customer was told
 * @param most purchases that the customer asked for: each key makes at most one
 */
export const chargedExactlyForCodes = async (customer: Customer, answered: Iterable<string>, most: number): Promise<void> => {
  const verifications = await everyPage(customer, '/v2/verifications?limit=100');
  const charges = await everyPage(customer, '/v2/transactions?type=charge&limit=100');
  const byReference = Map.groupBy(charges, (charge) => charge.reference as string);
  const known = new Set(verifications.map(({ id }) => id));
  for (const id of answered) assert.ok(known.has(id), `${id} was answered but is not in the history`);
  assert.ok(verifications.length <= most, 'no key made two verifications');
  let charged = 0;
  for (const { id, status, code, price } of verifications) {
    const own = byReference.get(id) ?? [];
    const expected = code === null ? 0 : 1;
    assert.equal(own.length, expected, `${id} is ${status} with${code === null ? 'out' : ''} a code and has ${own.length} charges`);
    if (own.length > 0) {
      charged += 1;
      assert.equal(own[0]?.amount, `-${price}`);
    }
  }
  assert.equal(charges.length, charged, 'no charge without a verification');
  assert.ok(charged > 0 && charged < verifications.length, 'both outcomes happened');
};

export interface Bought {
  readonly id: string;
  readonly orderId: string | null;
  readonly state: string;
  readonly live: boolean;
}

/** What the simulated market has sold, newest first. */
export const soldByMarket = async ({ simulatorUrl }: TestPlatform, limit = 10_000): Promise<readonly Bought[]> => {
  const response = await fetch(`${simulatorUrl}/control/activations?limit=${limit}`);
  return ((await response.json()) as { data: Bought[] }).data;
};

/** No order was bought twice. */
export const nothingBoughtTwice = async (platform: TestPlatform): Promise<void> => {
  const orders = (await soldByMarket(platform)).map(({ orderId }) => orderId).filter((orderId) => orderId !== null);
  assert.equal(new Set(orders).size, orders.length);
};

/** Every law of billing's books. */
export const booksBalance = async (platform: TestPlatform): Promise<void> => {
  const { stdout } = await run(process.execPath, ['services/billing/verify.ts'], {
    env: { ...process.env, ...platform.environment('billing') },
  });
  process.stdout.write(stdout);
};
