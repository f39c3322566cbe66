/** /v2/stream: what a client sees, whatever becomes of it, of its gateway and of its credentials. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { events } from '#events';
import { appError } from '#platform/errors/index.ts';
import { newId, toTypeId } from '#platform/ids/index.ts';
import { createLogger } from '#platform/logging/index.ts';
import { createMetrics, metricTable, type Metrics } from '#platform/telemetry/index.ts';
import { eventually } from '#platform/testing/index.ts';
import { Rental, RentalMessage } from '#proto/namaskah/verification/v1/rentals.ts';
import { Verification, VerificationStatus } from '#proto/namaskah/verification/v1/verification.ts';
import type { Caller } from '../../../app/ports.ts';
import { fakeBackends } from '../../../testing/fake-backends.ts';
import { fakeFeed, fakeLive, type FakeFeed } from '../../../testing/fake-feed.ts';
import { openSse, openWebSocket, type StreamClient } from '../../../testing/stream-client.ts';
import { createServer } from '../server.ts';
import { streamsByPlan } from './connections.ts';
import type { LiveTiming } from './session.ts';

const tenantId = newId();
const strangerId = newId();
const owner = { authorization: 'Bearer owner' };
const stranger = { authorization: 'Bearer stranger' };

const callers = (): Record<string, Caller> => ({
  owner: { tenantId, subject: 'user:u', roles: ['owner'], scopes: ['*'], plan: 'enterprise' },
  stranger: { tenantId: strangerId, subject: 'user:s', roles: ['owner'], scopes: ['*'], plan: 'starter' },
  key: { tenantId, subject: 'key:k', roles: ['admin'], scopes: ['payments:read'], plan: 'enterprise' },
  contacts: { tenantId, subject: 'key:c', roles: ['admin'], scopes: ['analytics:read'], plan: 'enterprise' },
});

const verificationOf = (id: string) =>
  Verification.create({
    id,
    status: VerificationStatus.VERIFICATION_STATUS_RECEIVED,
    service: 'telegram',
    country: 'ID',
    capability: 'sms',
    phoneNumber: '+6281234567890',
    price: { currency: 'USD', micros: 450_000n },
    code: '48151',
    messages: [],
    expiresAt: new Date(),
    createdAt: new Date(),
    endedAt: undefined,
    version: 3n,
    reason: '',
  });

const rentalOf = (id: string) =>
  Rental.create({
    id,
    status: 'active',
    service: 'telegram',
    country: 'ID',
    phoneNumber: '+6281234567890',
    duration: '30d',
    createdAt: new Date(),
  });

const stops: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

interface World {
  readonly url: string;
  readonly known: Record<string, Caller>;
  readonly reads: { ids: string[]; messageIds?: string[] }[];
  readonly broken: { verification: boolean; auth: boolean };
  readonly metrics: Metrics;
  close(): Promise<void>;
}

const gateway = async (feed: FakeFeed, timing: Partial<LiveTiming> = {}): Promise<World> => {
  const known = callers();
  const reads: World['reads'] = [];
  const broken = { verification: false, auth: false };
  const metrics = createMetrics(metricTable);
  const { backends } = fakeBackends({
    'live.getVerifications': (request: { ids: string[] }) => {
      if (broken.verification) throw appError('platform.unavailable');
      reads.push(request);
      return { verifications: request.ids.map(verificationOf) };
    },
    'live.getRentals': (request: { ids: string[]; messageIds: string[] }) => {
      if (broken.verification) throw appError('platform.unavailable');
      reads.push(request);
      const messages = request.messageIds.map((id) =>
        RentalMessage.create({ id, sender: 'Shop', text: `text of ${id}`, receivedAt: new Date() }),
      );
      return { rentals: request.ids.map(rentalOf), messages };
    },
  });
  const app = await createServer({
    backends,
    live: fakeLive(feed, { recheckMs: 20, ...timing }),
    authenticate: async (header) => {
      if (header === undefined) return undefined;
      if (broken.auth) throw appError('platform.unavailable');
      const caller = known[header.slice('Bearer '.length)];
      if (!caller) throw appError('auth.unauthenticated');
      return caller;
    },
    readiness: async () => ({ ready: true, parts: {} }),
    logger: createLogger({ service: 'gateway', level: 'silent' }),
    metrics,
    publicUrl: 'http://gateway.test',
    corsOrigins: [],
    rateLimitFactor: 1_000,
    requestBudgetMs: 5_000,
    bodyLimitBytes: 2_048,
    maxEventLoopDelayMs: 0,
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  let closed = false;
  const close = async (): Promise<void> => {
    if (!closed) {
      closed = true;
      await app.close();
    }
  };
  stops.push(close);
  return { url: `${url}/v2/stream`, known, reads, broken, metrics, close };
};

const sse = async (url: string, headers: Record<string, string> = owner): Promise<StreamClient> => {
  const client = await openSse(url, headers);
  stops.push(() => client.close());
  return client;
};
const ws = async (url: string, options: Parameters<typeof openWebSocket>[1] = { headers: owner }): Promise<StreamClient> => {
  const client = await openWebSocket(url, options);
  stops.push(() => client.close());
  return client;
};
const opened = (client: StreamClient) => eventually(async () => assert.ok(client.seen.length > 0));
const sees = (client: StreamClient, count: number) => eventually(async () => assert.equal(client.events().length, count));
const ids = (client: StreamClient): string[] => client.events().map(({ data }) => data.id);
const edge = ({ event }: { event: { id: string } }): string => toTypeId('event', event.id);

const payment = (over: object = {}) => ({
  subject: events.billing.paymentFailed.subject,
  payload: { paymentId: newId(), gateway: 'stripe', reason: 'declined' },
  ...over,
});

describe('the stream of a tenant', () => {
  for (const transport of ['sse', 'websocket'] as const) {
    const open = (url: string) => (transport === 'sse' ? sse(url) : ws(url, { headers: owner, first: { type: 'subscribe' } }));
    it(`${transport}: an event arrives with what the customer needs, and nobody else's`, async () => {
      const feed = fakeFeed();
      const { url } = await gateway(feed);
      const client = await open(url);
      await opened(client);
      feed.happen(0, { tenantId: strangerId });
      const code = feed.happen(0, { tenantId, subject: events.verification.codeReceived.subject });
      const failed = feed.happen(1, { tenantId, ...payment() });
      await sees(client, 2);
      const [first, second] = client.events();
      assert.deepEqual(
        [first?.name, first?.data.id, first?.data.type, first?.data.data.code, first?.data.data.id],
        ['verification.code_received', edge(code), 'verification.code_received', '48151', toTypeId('verification', code.event.aggregateId)],
      );
      assert.deepEqual([second?.name, second?.data.id, second?.data.data.reason], ['payment.failed', edge(failed), 'declined']);
    });
    it(`${transport}: a closing gateway says when to come back, and does not wait`, async () => {
      const { url, close } = await gateway(fakeFeed());
      const client = await open(url);
      await opened(client);
      await close();
      assert.equal(await client.ended, transport === 'sse' ? undefined : 1012);
      const last = client.seen.at(-1);
      assert.equal(last?.name, 'stream.end');
      assert.equal(last?.data.reason, 'shutdown');
      assert.ok(last?.data.retryMs >= 500);
    });
    it(`${transport}: a revoked key ends it, and what happens after that is not told`, async () => {
      const feed = fakeFeed();
      const { url, known } = await gateway(feed, { recheckMs: 60_000 });
      const client = await open(url);
      await opened(client);
      feed.happen(0, { tenantId });
      await sees(client, 1);
      delete known['owner'];
      feed.happen(0, { tenantId });
      assert.equal(await client.ended, transport === 'sse' ? undefined : 4401);
      assert.deepEqual([client.events().length, client.seen.at(-1)?.data.reason], [1, 'credentials']);
    });
  }
  it('a credential that expires while nothing happens ends it as well; one that cannot be checked for the moment does not', async () => {
    const feed = fakeFeed();
    const { url, known, broken } = await gateway(feed);
    const client = await sse(url);
    await opened(client);
    broken.auth = true;
    feed.happen(0, { tenantId });
    await sees(client, 1);
    broken.auth = false;
    delete known['owner'];
    await client.ended;
    assert.equal(client.seen.at(-1)?.data.reason, 'credentials');
  });
  it('a key hears what its scopes allow; of nothing, it is refused', async () => {
    const feed = fakeFeed();
    const { url } = await gateway(feed);
    const client = await sse(url, { authorization: 'Bearer key' });
    await opened(client);
    feed.happen(0, { tenantId });
    feed.happen(1, { tenantId, ...payment() });
    await sees(client, 1);
    assert.equal(client.events()[0]?.name, 'payment.failed');
    for (const [query, credential] of [
      ['', 'contacts'],
      ['?types=verification.*', 'key'],
    ])
      assert.equal((await fetch(url + query, { headers: { authorization: `Bearer ${credential}` } })).status, 403);
  });
  it('filters by type and family; a name that is none is refused by its field', async () => {
    const feed = fakeFeed();
    const { url } = await gateway(feed);
    const client = await sse(`${url}?types=payment.*,verification.completed`);
    await opened(client);
    feed.happen(0, { tenantId });
    feed.happen(0, { tenantId, subject: events.verification.completed.subject });
    feed.happen(1, { tenantId, ...payment() });
    await sees(client, 2);
    assert.deepEqual(
      client.events().map(({ name }) => name),
      ['verification.completed', 'payment.failed'],
    );
    for (const bad of ['?types=nonsense.*', '?types=payment', '?lastEventId=x', '?since=1']) {
      const response = await fetch(url + bad, { headers: owner });
      const { errors } = (await response.json()) as { errors: { field: string }[] };
      assert.deepEqual([response.status, errors[0]?.field], [422, /\?(\w+)/.exec(bad)?.[1]]);
    }
  });
  it('a WebSocket resumes by its first frame; another first frame ends it; browsers bring their token as a protocol', async () => {
    const feed = fakeFeed();
    const { url } = await gateway(feed);
    const before = await ws(url, { protocols: ['namaskah.v1', 'bearer.owner'], first: { type: 'subscribe' } });
    await opened(before);
    feed.happen(0, { tenantId });
    await sees(before, 1);
    before.close();
    const missed = feed.happen(1, { tenantId, ...payment() });
    const after = await ws(url, { headers: owner, first: { type: 'subscribe', lastEventId: before.lastCursor(), types: ['payment.*'] } });
    await sees(after, 1);
    assert.deepEqual(ids(after), [edge(missed)]);
    for (const first of ['{broken', { type: 'subscribe', colour: 'red' }, { type: 'subscribe', types: ['no.such'] }, []])
      assert.equal(await (await ws(url, { headers: owner, first })).ended, 4400);
    await assert.rejects(ws(url, { protocols: ['namaskah.v1'] }), /401/);
  });
  it('a WebSocket that says nothing gets everything from the moment it came', async () => {
    const feed = fakeFeed();
    const { url } = await gateway(feed);
    const client = await ws(url);
    const early = feed.happen(0, { tenantId });
    await sees(client, 1);
    assert.deepEqual(ids(client), [edge(early)]);
  });
  it("another tenant's id, an invented one, one of other streams and one too old start anew, and say so", async () => {
    const feed = fakeFeed({ maxEvents: 2 });
    const { url } = await gateway(feed);
    const theirs = await sse(url, stranger);
    await opened(theirs);
    const mine = await sse(url);
    await opened(mine);
    const cursor = mine.lastCursor() ?? '';
    const foreign = await sse(url, { ...owner, 'last-event-id': theirs.lastCursor() ?? '' });
    const invented = await sse(url, { ...owner, 'last-event-id': 'A'.repeat(58) });
    await Promise.all([opened(foreign), opened(invented)]);
    for (let count = 0; count < 5; count++) feed.happen(0, { tenantId });
    feed.forget(2);
    const old = await sse(url, { ...owner, 'last-event-id': cursor });
    await opened(old);
    feed.restart();
    const restarted = await sse(url, { ...owner, 'last-event-id': cursor });
    await opened(restarted);
    const resetOf = ({ seen }: StreamClient) => seen.find(({ name }) => name === 'stream.reset');
    for (const client of [foreign, invented, old, restarted]) await eventually(async () => assert.ok(resetOf(client)));
    const reasons = [foreign, invented, old, restarted].map((client) => resetOf(client)?.data.reason);
    assert.deepEqual(reasons, ['unknown_position', 'unknown_position', 'too_old', 'restarted']);
    await eventually(async () => assert.equal(mine.seen.at(-1)?.data.reason, 'restarted'));
    const next = feed.happen(0, { tenantId });
    for (const client of [foreign, old, restarted, mine])
      await eventually(async () => assert.equal(client.events().at(-1)?.data.id, edge(next)));
    assert.equal(theirs.events().length, 0);
  });
  it('an id older than the retention is not resumed once its events have left the window', async () => {
    const feed = fakeFeed({ maxEvents: 1 });
    const { url } = await gateway(feed, { retentionMs: -1 });
    const first = await sse(url);
    await opened(first);
    feed.happen(0, { tenantId });
    await sees(first, 1);
    const recent = await sse(url, { ...owner, 'last-event-id': first.lastCursor() ?? '' });
    await opened(recent);
    assert.equal(recent.seen[0]?.name, 'stream.open', 'the window still holds it');
    for (let count = 0; count < 3; count++) feed.happen(0, { tenantId });
    const late = await sse(url, { ...owner, 'last-event-id': first.lastCursor() ?? '' });
    await opened(late);
    assert.deepEqual([late.seen[0]?.name, late.seen[0]?.data.reason], ['stream.reset', 'too_old']);
  });
  it('the heartbeat moves the id on, so that a quiet client does not read again what was not its own', async () => {
    const feed = fakeFeed({ maxEvents: 1 });
    const { url } = await gateway(feed, { heartbeatMs: 10 });
    const client = await sse(url);
    await opened(client);
    const before = client.lastCursor();
    feed.happen(0, { tenantId: strangerId });
    await eventually(async () => assert.notEqual(client.lastCursor(), before));
    assert.equal(client.events().length, 0);
  });
  it('a rental is told as it is, with the message, price or refund that the event is about; both kinds are one reading each', async () => {
    const feed = fakeFeed();
    const { url, reads } = await gateway(feed);
    const client = await sse(`${url}?types=rental.*`);
    await opened(client);
    const [rentalId, messageId] = [newId(), newId()];
    const price = { currency: 'USD', micros: 27_000_000n };
    const tell = (subject: string, payload: object) => feed.happen(0, { tenantId, subject, aggregateId: rentalId, payload });
    feed.happen(0, { tenantId });
    tell(events.rental.started.subject, { messageId: '', price });
    feed.happen(0, { tenantId: strangerId, subject: events.rental.messageReceived.subject, payload: { messageId } });
    tell(events.rental.messageReceived.subject, { messageId });
    tell(events.rental.renewalUpcoming.subject, { messageId: '' });
    tell(events.rental.released.subject, { messageId: '', refunded: price });
    await sees(client, 4);
    const told = client.events();
    assert.deepEqual(
      told.map(({ name }) => name),
      ['rental.started', 'rental.message_received', 'rental.expiring', 'rental.released'],
    );
    for (const { data } of told) assert.deepEqual([data.data.id, data.data.phoneNumber], [toTypeId('rental', rentalId), '+6281234567890']);
    assert.deepEqual(
      told.map(({ data: { data } }) => [data.price, data.message?.text, data.refunded]),
      [
        ['27.00', undefined, '0.00'],
        [undefined, `text of ${messageId}`, '0.00'],
        [undefined, undefined, '0.00'],
        [undefined, undefined, '27.00'],
      ],
    );
    assert.ok(
      reads.every(({ ids: asked }) => asked.every((id) => id === rentalId)),
      'only what is told is read',
    );
  });
  it('while verifications cannot be read nothing is lost, and one reading serves all streams of the tenant', async () => {
    const feed = fakeFeed();
    const { url, broken, reads } = await gateway(feed);
    const clients = await Promise.all([sse(url), sse(url), sse(url)]);
    await Promise.all(clients.map(opened));
    broken.verification = true;
    const happened = Array.from({ length: 5 }, () => feed.happen(0, { tenantId }));
    await new Promise((resolve) => setImmediate(resolve));
    broken.verification = false;
    for (const client of clients) {
      await sees(client, 5);
      assert.deepEqual(ids(client), happened.map(edge));
    }
    assert.ok(reads.length <= 5, `${reads.length} readings for ${clients.length} streams`);
  });
  it('a tenant has as many streams as its plan allows, and a closed one makes room', async () => {
    const { url } = await gateway(fakeFeed());
    const limit = streamsByPlan['starter'] ?? 0;
    const open = await Promise.all(Array.from({ length: limit }, () => sse(url, stranger)));
    const refused = await fetch(url, { headers: stranger });
    assert.deepEqual([refused.status, ((await refused.json()) as { code: string }).code], [429, 'request.rate_limited']);
    await assert.rejects(ws(url, { headers: stranger }), /429/);
    open[0]?.close();
    await eventually(async () => assert.ok(await sse(url, stranger)));
  });
  it('a client that takes nothing is let go with the reason, and costs no memory meanwhile; it resumes where it was', async () => {
    const feed = fakeFeed({ maxEvents: 5_000 });
    const { url, metrics } = await gateway(feed, { stallMs: 50 });
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    stops.push(() => void socket.destroy());
    socket.on('error', () => {});
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    socket.write('GET /v2/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer owner\r\n\r\n');
    await eventually(async () => assert.match(text, /stream\.open/));
    socket.pause();
    const happened: string[] = [];
    const long = { paymentId: newId(), gateway: 'g', reason: 'x'.repeat(4_000) };
    // More than any kernel buffers for it.
    for (let turn = 0; turn < 100 && feed.window.listeners() > 0; turn++) {
      for (let count = 0; count < 50; count++) happened.push(edge(feed.happen(1, { tenantId, ...payment({ payload: long }) })));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await eventually(async () => assert.equal(feed.window.listeners(), 0, 'the session has ended'));
    socket.destroy();
    await eventually(async () =>
      assert.match((await metrics.expose()).body, /realtime_ended_total\{[^}]*transport="sse",reason="slow_consumer"[^}]*\} 1/),
    );
    const patient = await gateway(feed);
    const resumed = await sse(patient.url, { ...owner, 'last-event-id': /^id: (\S+)$/m.exec(text)?.[1] ?? '' });
    await sees(resumed, happened.length);
    assert.deepEqual(ids(resumed), happened);
  });
});
