/** The CSV of transactions: what a spreadsheet does with it, how it is streamed, and what happens when somebody leaves. */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import type { FastifyInstance } from 'fastify';
import type { CallOptions } from '#platform/grpc/index.ts';
import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { createLogger } from '#platform/logging/index.ts';
import { createMetrics, metricTable } from '#platform/telemetry/index.ts';
import { eventually } from '#platform/testing/index.ts';
import type { ExportTransactionsResponse, Transaction } from '#proto/namaskah/billing/v1/billing.ts';
import { fakeBackends } from '../../testing/fake-backends.ts';
import { fakeLive } from '../../testing/fake-feed.ts';
import type { Backends } from './backends.ts';
import { csvText } from './csv.ts';
import { createServer } from './server.ts';
import { zonedTime } from './zoned-time.ts';

type Chunks = (options: CallOptions) => AsyncIterable<ExportTransactionsResponse>;
let chunks: Chunks;
let authenticating = async (): Promise<void> => {};
let app: FastifyInstance;
let url: string;

const transaction = (over: Partial<Transaction> = {}): Transaction => ({
  id: newId(),
  type: 'charge',
  amount: { currency: 'USD', micros: -450_000n },
  balanceAfter: { currency: 'USD', micros: 550_000n },
  description: 'Telegram code',
  reference: '',
  createdAt: new Date('2026-11-21T08:30:00Z'),
  product: '',
  reversesId: '',
  actor: '',
  ...over,
});

before(async () => {
  const { backends } = fakeBackends({});
  const wallet = { exportTransactions: (_request: unknown, options: CallOptions) => chunks(options) };
  app = await createServer({
    backends: new Proxy(backends, { get: (all, name) => (name === 'wallet' ? wallet : all[name as keyof Backends]) }),
    live: fakeLive(),
    authenticate: async (header) => {
      await authenticating();
      return { tenantId: header?.slice('Bearer '.length) ?? '', subject: 'user:u', roles: ['owner'], scopes: ['*'], plan: 'enterprise' };
    },
    readiness: async () => ({ ready: true, parts: {} }),
    logger: createLogger({ service: 'gateway', level: 'silent' }),
    metrics: createMetrics(metricTable),
    publicUrl: 'http://gateway.test',
    corsOrigins: [],
    rateLimitFactor: 100,
    requestBudgetMs: 5_000,
    bodyLimitBytes: 2_048,
    maxEventLoopDelayMs: 0,
  });
  url = await app.listen({ host: '127.0.0.1', port: 0 });
});
after(() => app.close());
let tenant: string;
beforeEach(() => {
  tenant = newId();
});

/** A machine that has other work makes the server shed load now and then: 503 says that nothing was done. */
const get = async (query = '', signal?: AbortSignal): Promise<Response> => {
  for (let tries = 1; ; tries++) {
    const path = `${url}/v2/transactions/export.csv${query}`;
    const answer = await fetch(path, { headers: { authorization: `Bearer ${tenant}` }, ...(signal && { signal }) });
    if (answer.status !== 503 || tries === 50) return answer;
    await answer.text();
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
};
const give = (...rows: readonly Partial<Transaction>[]): Chunks =>
  async function* once() {
    yield { transactions: rows.map(transaction) };
  };
const statusOf = async (): Promise<number> => {
  const answer = await get();
  await answer.text();
  return answer.status;
};
const rowsOf = async (answer: Response): Promise<string[]> => (await answer.text()).split('\r\n').slice(1, -1);

test('text that a spreadsheet would run is text; quotes, commas and line breaks stay in their cell; numbers stay numbers', async () => {
  for (const start of ['=', '+', '-', '@', '\t', '\r']) assert.equal(csvText(`${start}1`).replace(/^"|"$/g, ''), `'${start}1`);
  chunks = give({ description: '=HYPERLINK("http://evil","x"),\nboo', reference: '@SUM(A1)' });
  const text = await (await get()).text();
  assert.match(text, /,-0\.45,USD,0\.55,"'=HYPERLINK\(""http:\/\/evil"",""x""\),\nboo",'@SUM\(A1\),,\r\n$/);
});

test('an empty export is the row of names', async () => {
  chunks = async function* none() {};
  assert.equal(await (await get()).text(), 'id,time,type,product,amount,currency,balance_after,description,reference,reverses,actor\r\n');
});

test('times are those of the zone with their offset, on both sides of a change of clocks', async () => {
  chunks = give({ createdAt: new Date('2026-10-25T00:59:59.999Z') }, { createdAt: new Date('2026-10-25T01:00:00.000Z') });
  const times = (await rowsOf(await get('?timeZone=Europe/London'))).map((row) => row.split(',')[1]);
  assert.deepEqual(times, ['2026-10-25T01:59:59.999+01:00', '2026-10-25T01:00:00.000+00:00']);
  for (const [zone, shown] of [
    ['Asia/Kathmandu', '2026-11-21T14:15:00.000+05:45'],
    ['America/St_Johns', '2026-11-21T05:00:00.000-03:30'],
    ['UTC', '2026-11-21T08:30:00.000+00:00'],
  ] as const) {
    const at = new Date('2026-11-21T08:30:00Z');
    const text = zonedTime(zone)?.(at);
    assert.equal(text, shown);
    assert.equal(new Date(text ?? '').getTime(), at.getTime());
  }
});

test('what is wrong before the first row is an ordinary problem; what breaks later breaks the answer off', async () => {
  const oddProduct = true;
  chunks = async function* refused() {
    if (oddProduct) throw appError('request.invalid', { fields: [{ field: 'product', reason: 'is odd' }] });
    yield { transactions: [] };
  };
  const refused = await get();
  assert.equal(refused.status, 422);
  await refused.text();
  assert.match(refused.headers.get('content-type') ?? '', /^application\/problem\+json/);
  chunks = async function* torn() {
    yield { transactions: [transaction()] };
    throw appError('platform.unavailable');
  };
  const torn = await get();
  assert.equal(torn.status, 200);
  await assert.rejects(torn.text(), 'the client must not take it for the whole');
});

test('nothing is fetched ahead of a slow reader; when he leaves, the backend is told and his place is free', async () => {
  let made = 0;
  let ended = 0;
  const signals: AbortSignal[] = [];
  const many = Array.from({ length: 500 }, () => transaction({ description: 'x'.repeat(200) }));
  chunks = async function* endless({ signal }) {
    if (signal) signals.push(signal);
    try {
      for (;;) {
        made += 1;
        yield { transactions: many };
      }
    } finally {
      ended += 1;
    }
  };
  const leaving = new AbortController();
  const readers = await Promise.all(Array.from({ length: 3 }, () => get('', leaving.signal)));
  assert.deepEqual(
    readers.map(({ status }) => status),
    [200, 200, 200],
  );
  assert.equal(await statusOf(), 429, 'three at once');
  let last = -1;
  await eventually(
    async () => {
      const before = last;
      last = made;
      await new Promise((resolve) => setTimeout(resolve, 200));
      assert.ok(made === last && before === last, `${made} batches`);
    },
    { timeoutMs: 30_000 },
  );
  assert.ok(made < 300, `${made} batches of 150 kB were made for readers who read nothing`);
  leaving.abort();
  await eventually(async () => assert.deepEqual([ended, signals.every(({ aborted }) => aborted)], [3, true]));
  chunks = give({});
  await eventually(async () => assert.equal(await statusOf(), 200));
});

test('who leaves while his credentials are checked takes no place', async () => {
  chunks = give({});
  const closed = new Set<number>();
  const sockets = new Set<number>();
  app.server.on('request', ({ socket }: { socket: Socket }) => {
    const nth = sockets.size;
    sockets.add(nth);
    socket.once('close', () => closed.add(nth));
  });
  let admit = (): void => {};
  const checked = new Promise<void>((resolve) => (admit = resolve));
  authenticating = () => checked;
  const leaving = new AbortController();
  const left = Promise.allSettled(Array.from({ length: 3 }, () => get('', leaving.signal)));
  await eventually(() => assert.equal(sockets.size, 3));
  leaving.abort();
  await left;
  await eventually(() => assert.equal(closed.size, 3));
  authenticating = async () => {};
  admit();
  await checked;
  assert.equal(await statusOf(), 200);
});
