import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { FastifyInstance } from 'fastify';
import { appError } from '#platform/errors/index.ts';
import { newId, toTypeId } from '#platform/ids/index.ts';
import { createLogger } from '#platform/logging/index.ts';
import { eventually } from '#platform/testing/index.ts';
import { createMetrics, installPropagation, metricTable } from '#platform/telemetry/index.ts';
import type { Caller } from '../../app/ports.ts';
import { fakeBackends } from '../../testing/fake-backends.ts';
import { fakeFeed, fakeLive } from '../../testing/fake-feed.ts';
import { openSse } from '../../testing/stream-client.ts';
import { requestsPerMinute } from './plugins/rate-limit.ts';
import { createServer } from './server.ts';

installPropagation();

const tenantId = newId();
const verificationId = newId();
const verification = {
  id: verificationId,
  status: 'VERIFICATION_STATUS_WAITING',
  service: 'telegram',
  country: 'ID',
  capability: 'sms',
  phoneNumber: '+6281234567890',
  price: { currency: 'USD', micros: 450_000n },
  code: '',
  messages: [],
  expiresAt: new Date('2026-01-01T00:20:00Z'),
  createdAt: new Date('2026-01-01T00:00:00Z'),
  endedAt: undefined,
  version: 2n,
  reason: '',
  cancellableAt: undefined,
  awaitsAnother: false,
  late: false,
  retryOf: '',
  reportReason: '',
};

/** Its provider's answer was lost: there is no number yet, and no end of its life. */
const unconfirmed = { ...verification, phoneNumber: '', expiresAt: undefined };
const price = { currency: 'USD', micros: 450_000n };
const counts = { pending: 0, waiting: 1, received: 0, completed: 0, cancelled: 0, expired: 0, failed: 0 };
const batch = {
  ...{ id: newId(), status: 'waiting', progress: { total: 1, ...counts }, reserved: price, charged: { ...price, micros: 0n } },
  ...{ cancelAskedAt: undefined, createdAt: verification.createdAt, endedAt: undefined, reason: '' },
};
const item = {
  ...{
    position: 1,
    service: 'telegram',
    country: 'ID',
    capability: 'sms',
    operator: '',
    areaCode: '',
    price,
    status: 'waiting',
    reason: '',
  },
};

const callers: Record<string, Caller> = {
  owner: { tenantId, subject: 'user:u', roles: ['owner'], scopes: ['*'], plan: 'enterprise' },
  viewer: { tenantId, subject: 'user:v', roles: ['viewer'], scopes: ['*'], plan: 'enterprise' },
  operator: { tenantId, subject: 'user:o', roles: ['operator'], scopes: [], plan: 'starter' },
  starter: { tenantId: newId(), subject: 'user:s', roles: ['owner'], scopes: ['*'], plan: 'starter' },
};

const setUp = async (answers: Parameters<typeof fakeBackends>[0] = {}) => {
  const { backends, calls } = fakeBackends(answers);
  const feed = fakeFeed();
  const app = await createServer({
    backends,
    live: fakeLive(feed),
    authenticate: async (header) => {
      if (header === undefined) return undefined;
      const caller = callers[header.slice('Bearer '.length)];
      if (!caller) throw appError('auth.unauthenticated');
      return caller;
    },
    readiness: async () => ({ ready: false, parts: { nats: 'no connection' } }),
    logger: createLogger({ service: 'gateway', level: 'silent' }),
    metrics: createMetrics(metricTable),
    publicUrl: 'http://gateway.test',
    corsOrigins: ['https://app.example.com'],
    rateLimitFactor: 1,
    requestBudgetMs: 5_000,
    bodyLimitBytes: 2_048,
    maxEventLoopDelayMs: 0,
  });
  return { app, calls, feed };
};

const owner = { authorization: 'Bearer owner' };
const purchase = { service: 'telegram', country: 'id', capability: 'sms', maxPrice: '0.50' };

describe('gateway over HTTP', () => {
  let app: FastifyInstance;
  let calls: Awaited<ReturnType<typeof setUp>>['calls'];
  before(async () => {
    ({ app, calls } = await setUp({
      'verifications.createVerification': () => ({ verification }),
      'verifications.getVerification': () => ({ verification }),
      'verifications.cancelVerification': () => ({ verification }),
      'bulk.getBatch': () => ({ batch, items: [{ ...item, verification: unconfirmed }], nextCursor: '' }),
      'lifeCycle.searchVerifications': () => ({ verifications: [], nextCursor: '' }),
      'wallet.getWallet': () => {
        throw new Error('password=hunter2 at /srv/secret.ts:1');
      },
      'payments.receiveNotification': () => ({}),
      'apiKeys.listApiKeys': () => {
        throw appError('platform.unavailable', { retryAfterMs: 2_300 });
      },
    }));
  });
  after(() => app.close());

  const post = (url: string, payload: unknown, headers: Record<string, string> = owner) =>
    app.inject({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/json', ...headers },
      payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
    });

  it('answers a loop of status reads from memory until something happens', async () => {
    const waiting = await setUp({ 'verifications.getVerification': () => ({ verification }) });
    const url = `/v2/verifications/${toTypeId('verification', verification.id)}`;
    const get = () => waiting.app.inject({ method: 'GET', url, headers: owner });
    try {
      const [first, second] = [await get(), await get()];
      assert.deepEqual([first.statusCode, second.statusCode, second.body], [200, 200, first.body]);
      assert.match(second.headers['content-type'] ?? '', /^application\/json/);
      assert.equal(second.json().status, 'waiting');
      assert.equal(waiting.calls.length, 1);
      waiting.feed.happen(0, { tenantId, aggregateId: verification.id });
      await get();
      assert.equal(waiting.calls.length, 2);
      const stranger = await waiting.app.inject({ method: 'GET', url, headers: { authorization: 'Bearer starter' } });
      assert.deepEqual([stranger.statusCode, waiting.calls.length], [200, 3], 'asked for by another tenant, the service decides');
    } finally {
      await waiting.app.close();
    }
  });

  it('passes a purchase on with the tenant, a deadline and the key, and answers in edge form', async () => {
    const response = await post('/v2/verifications', purchase, { ...owner, 'idempotency-key': 'k-1' });
    assert.equal(response.statusCode, 201, response.body);
    const call = calls.at(-1);
    assert.equal(call?.request.idempotencyKey, 'k-1');
    assert.equal(call?.request.country, 'ID');
    assert.deepEqual(call?.request.maxPrice, { currency: 'USD', micros: 500_000n });
    assert.equal(call?.options.principal?.tenantId, tenantId);
    assert.ok(call?.options.deadline && call.options.deadline.getTime() - Date.now() <= 5_000);
    const body = response.json();
    assert.equal(body.id, toTypeId('verification', verificationId));
    assert.deepEqual(
      [body.status, body.price, body.phoneNumber, body.code, body.expiresAt],
      ['waiting', '0.45', '+6281234567890', null, '2026-01-01T00:20:00.000Z'],
    );
    assert.equal(response.headers['location'], `/v2/verifications/${body.id}`);
  });
  it('shows a number that is still to be confirmed without its end, alone and in an order of many', async () => {
    const { app: other } = await setUp({ 'verifications.getVerification': () => ({ verification: unconfirmed }) });
    const alone = await other.inject({ url: `/v2/verifications/${toTypeId('verification', verificationId)}`, headers: owner });
    assert.deepEqual([alone.statusCode, alone.json().phoneNumber, alone.json().expiresAt], [200, null, null]);
    await other.close();
    const many = await app.inject({ url: `/v2/verifications/bulk/${toTypeId('batch', batch.id)}`, headers: owner });
    assert.equal(many.statusCode, 200, many.body);
    assert.equal(many.json().items.data[0].verification.expiresAt, null);
  });
  it('invents a fresh key for each request without one', async () => {
    await post('/v2/verifications', purchase);
    const first = calls.at(-1)?.request.idempotencyKey;
    await post('/v2/verifications', purchase);
    assert.notEqual(calls.at(-1)?.request.idempotencyKey, first);
  });

  const refusals: readonly (readonly [string, unknown, number, string, string[]])[] = [
    ['an unknown field', { ...purchase, color: 'red' }, 422, 'request.invalid', ['color']],
    ['a number where a decimal string belongs', { ...purchase, maxPrice: 0.5 }, 422, 'request.invalid', ['maxPrice']],
    ['a negative amount', { ...purchase, maxPrice: '-1' }, 422, 'request.invalid', ['maxPrice']],
    ['seven decimals', { ...purchase, maxPrice: '0.0000001' }, 422, 'request.invalid', ['maxPrice']],
    ['missing fields, all of them', {}, 422, 'request.invalid', ['service', 'country']],
    ['a wrong country form', { ...purchase, country: 'IDN' }, 422, 'request.invalid', ['country']],
    ['an array', [], 422, 'request.invalid', ['body']],
    ['broken JSON', '{"service":', 400, 'request.malformed', []],
    ['an empty body where one is needed', '', 422, 'request.invalid', ['body']],
    ['a body that is too large', { ...purchase, service: 'x'.repeat(3_000) }, 413, 'request.too_large', []],
  ];
  for (const [what, payload, status, code, fields] of refusals) {
    it(`refuses ${what} with ${status}, and asks no backend`, async () => {
      const asked = calls.length;
      const response = await post('/v2/verifications', payload);
      const body = response.json();
      assert.deepEqual([response.statusCode, body.code, body.status], [status, code, status], response.body);
      assert.deepEqual((body.errors ?? []).map((error: { field: string }) => error.field).toSorted(), fields.toSorted());
      assert.match(String(response.headers['content-type']), /^application\/problem\+json/);
      assert.equal(body.requestId, response.headers['x-request-id']);
      assert.equal(calls.length, asked);
    });
  }
  it('refuses an unknown query parameter and a bad limit', async () => {
    for (const query of ['?colour=red', '?limit=0', '?limit=101', '?limit=ten', '?status=lost']) {
      const response = await app.inject({ url: `/v2/verifications${query}`, headers: owner });
      assert.equal(response.statusCode, 422, query);
    }
  });
  it('takes a JSON content type without a body, and empty query parameters, for what they are: nothing', async () => {
    const url = `/v2/verifications/${toTypeId('verification', verificationId)}/cancel`;
    assert.equal((await post(url, '')).statusCode, 200);
    assert.equal((await app.inject({ url: '/v2/verifications?status=&service=&cursor=', headers: owner })).statusCode, 200);
    assert.deepEqual(calls.at(-1)?.request.filter.statuses, []);
  });
  it('refuses a currency without its amount, which would be the whole payment, or no change', async () => {
    const payment = toTypeId('payment', newId());
    const budget = await app.inject({
      ...{ method: 'PATCH', url: `/v2/budgets/${toTypeId('budget', newId())}`, headers: owner, payload: { currency: 'EUR' } },
    });
    for (const answer of [await post('/v2/refunds', { paymentId: payment, currency: 'EUR', reason: 'r' }), budget])
      assert.deepEqual([answer.statusCode, answer.json().errors[0]?.field], [422, 'amount'], answer.body);
  });
  it('refuses a malformed id in a body or a query by the name of its field', async () => {
    const alert = { name: 'n', metric: 'budget_percent', threshold: '80', budgetId: 'bdg_x' };
    const answers = [
      await post('/v2/payments', { amount: '5.00', currency: 'USD', paymentMethodId: 'pm_x' }),
      await post('/v2/usage-alerts', alert),
      await app.inject({ url: '/v2/refunds?paymentId=pay_x', headers: owner }),
      await app.inject({ url: `/v2/disputes?paymentId=${toTypeId('refund', newId())}`, headers: owner }),
      await app.inject({ url: '/v2/admin/adjustments?tenantId=ten_x', headers: { authorization: 'Bearer operator' } }),
      await app.inject({ url: '/v2/admin/disputes?tenantId=ten_x', headers: { authorization: 'Bearer operator' } }),
    ];
    assert.deepEqual(
      answers.map((answer) => [answer.statusCode, answer.json().errors[0]?.field]),
      ['paymentMethodId', 'budgetId', 'paymentId', 'paymentId', 'tenantId', 'tenantId'].map((field) => [422, field]),
    );
  });
  it('names the fields that a service refuses as the client has sent them', async () => {
    const fieldsOf = async (...fields: string[]): Promise<string[]> => {
      const refusal = { fields: fields.map((field) => ({ field, reason: 'is wrong' })), cause: 'the status of the call' };
      const refusing = await setUp({
        'budgets.createBudget': () => {
          throw appError('request.invalid', refusal);
        },
      });
      const response = await refusing.app.inject({
        ...{ method: 'POST', url: '/v2/budgets', headers: owner },
        payload: { name: 'n', interval: 'daily', amount: '1.00', currency: 'USD', hard: true },
      });
      await refusing.app.close();
      assert.equal(response.statusCode, 422);
      return response.json().errors.map(({ field }: { field: string }) => field);
    };
    assert.deepEqual(await fieldsOf('time_zone', 'amount.micros', 'amount.currency', 'alert_at_percent', 'idempotency_key', 'budget_id'), [
      ...['timeZone', 'amount', 'currency', 'alertAtPercent', 'idempotency-key', 'budgetId'],
    ]);
    assert.deepEqual(await fieldsOf('filter.from', 'promotion.endsAt', 'percent_ppm', 'content.volume.measure', 'rules[3].match.country'), [
      'from',
      'endsAt',
      'percent',
      'volume.measure',
      'rules[3].match.country',
    ]);
    assert.deepEqual(await fieldsOf('ask.item.service', 'ask.list_price.micros', 'rules[0].plus', 'rules[1].multiplePpm'), [
      ...['item.service', 'listPrice', 'rules[0].price.plus', 'rules[1].price.multiple'],
    ]);
    assert.deepEqual(await fieldsOf('fields.postal_code'), ['fields.postal_code']);
  });
  it('refuses a time that no clock here can show, by the name of its field', async () => {
    for (const time of ['2016-12-31T23:59:60Z', '2026-11-21T08:30:00+05', '2026-02-30T00:00:00Z']) {
      const from = encodeURIComponent(time);
      for (const path of ['transactions', 'transactions/export.csv', 'analytics/summary']) {
        const { statusCode, body } = await app.inject({ url: `/v2/${path}?from=${from}`, headers: owner });
        assert.deepEqual([statusCode, JSON.parse(body).errors?.[0]?.field], [422, 'from'], `${path} ${time}: ${body}`);
      }
    }
  });
  it('refuses an idempotency key that is empty, too long or not visible ASCII', async () => {
    for (const key of ['', 'x'.repeat(256), 'sp ace']) {
      const response = await post('/v2/verifications', purchase, { ...owner, 'idempotency-key': key });
      assert.deepEqual([response.statusCode, response.json().errors[0].field], [422, 'idempotency-key']);
    }
  });
  it('says 401 with a challenge before looking at the body, 403 to a viewer, 415 to a form', async () => {
    const stranger = await post('/v2/verifications', '{broken', {});
    assert.equal(stranger.statusCode, 401);
    assert.match(String(stranger.headers['www-authenticate']), /^Bearer/);
    assert.equal((await post('/v2/verifications', purchase, { authorization: 'Bearer viewer' })).statusCode, 403);
    assert.equal(
      (await post('/v2/verifications', 'a=b', { ...owner, 'content-type': 'application/x-www-form-urlencoded' })).statusCode,
      415,
    );
  });
  it('answers an address that the router cannot read as a problem, too', async () => {
    for (const [url, status, code] of [
      [`/v2/verifications/${'x'.repeat(300)}`, 404, 'request.not_found'],
      ['/v2/verifications/x%zz', 400, 'request.malformed'],
    ] as const) {
      const response = await app.inject({ url, headers: owner });
      assert.deepEqual([response.statusCode, response.json().code], [status, code], url);
      assert.match(String(response.headers['content-type']), /^application\/problem\+json/);
      assert.equal(response.json().requestId, response.headers['x-request-id']);
    }
  });
  it('refuses a NUL by the name of its field, in bodies and queries', async () => {
    const refused = await post('/v2/contacts', { phone: '+447700900123', fields: { city: 'a\u0000' } }, owner);
    assert.deepEqual([refused.statusCode, refused.json().errors[0].field], [422, 'fields.city']);
    const search = await app.inject({ url: '/v2/contacts?search=%00', headers: owner });
    assert.deepEqual([search.statusCode, search.json().errors[0].field], [422, 'search']);
  });
  it('knows no such id: malformed, of another kind, or unknown paths', async () => {
    for (const url of [
      '/v2/verifications/nonsense',
      `/v2/verifications/${toTypeId('contact', verificationId)}`,
      '/v2/nowhere',
      '/v2/verifications/%00',
    ]) {
      const response = await app.inject({ url, headers: owner });
      assert.deepEqual([response.statusCode, response.json().code], [404, 'request.not_found'], url);
    }
  });
  it('says 405 and what is allowed', async () => {
    const response = await app.inject({ method: 'PUT', url: '/v2/verifications', headers: owner, payload: {} });
    assert.equal(response.statusCode, 405);
    assert.match(String(response.headers['allow']), /POST/);
  });
  it('never shows an internal error', async () => {
    const response = await app.inject({ url: '/v2/wallet', headers: owner });
    assert.equal(response.statusCode, 500);
    assert.doesNotMatch(response.body, /hunter2|secret\.ts|at \//);
    assert.equal(response.json().code, 'platform.internal');
  });
  it('says when to come back', async () => {
    const response = await app.inject({ url: '/v2/api-keys', headers: owner });
    assert.deepEqual([response.statusCode, response.headers['retry-after']], [503, '3']);
  });
  it('puts request id, trace id and processing time on every answer', async () => {
    for (const url of ['/health/live', '/v2/nowhere', '/v2/wallet', '/openapi.json']) {
      const response = await app.inject({ url, headers: { ...owner, 'x-request-id': 'mine-1' } });
      assert.equal(response.headers['x-request-id'], 'mine-1', url);
      assert.match(String(response.headers['x-trace-id']), /^[0-9a-f]{32}$/, url);
      assert.match(String(response.headers['x-process-time']), /^\d+\.\d{4}$/, url);
      assert.equal(response.headers['x-content-type-options'], 'nosniff', url);
    }
    const forged = await app.inject({ url: '/health/live', headers: { 'x-request-id': 'bad\u0001id' } });
    assert.match(String(forged.headers['x-request-id']), /^[0-9a-f-]{36}$/);
  });
  it('gives an answer the security headers that an API needs, and a page those of browsers, too', async () => {
    const forAll = {
      'content-security-policy': "default-src 'none';frame-ancestors 'none';form-action 'self';style-src 'unsafe-inline'",
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'strict-transport-security': 'max-age=31536000',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'SAMEORIGIN',
    };
    const forPages = [
      ...['cross-origin-opener-policy', 'origin-agent-cluster', 'x-dns-prefetch-control', 'x-download-options'],
      ...['x-permitted-cross-domain-policies', 'x-xss-protection'],
    ];
    for (const url of ['/health/live', '/v2/nowhere', '/v2/wallet', '/billing', '/verify-email', '/docs/static/index.html']) {
      const { headers } = await app.inject({ url, headers: owner });
      const page = url === '/billing' || url === '/verify-email' || url.startsWith('/docs');
      for (const [name, value] of Object.entries(forAll))
        if (!(page && name === 'content-security-policy')) assert.equal(headers[name], value, `${url}: ${name}`);
      assert.ok(headers['content-security-policy'], url);
      for (const name of forPages) assert.equal(name in headers, page, `${url}: ${name}`);
    }
  });
  it('goes on a trace that the client began', async () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const response = await app.inject({ url: '/health/live', headers: { traceparent: `00-${traceId}-b7ad6b7169203331-01` } });
    assert.equal(response.headers['x-trace-id'], traceId);
  });
  it('names the part that is not ready', async () => {
    const response = await app.inject({ url: '/health/ready' });
    assert.deepEqual([response.statusCode, response.json().parts], [503, { nats: 'no connection' }]);
  });
  it('passes a callback on byte for byte, without credentials', async () => {
    const raw = Buffer.from('{"odd" :  "spacing", "n": 1.0}\n');
    const response = await app.inject({
      method: 'POST',
      url: '/v2/callbacks/payments/simulator',
      payload: raw,
      headers: { 'content-type': 'application/json', 'x-simulator-signature': 't=1,v1=ab', authorization: 'Bearer owner' },
    });
    assert.equal(response.statusCode, 200);
    const call = calls.at(-1);
    assert.ok(raw.equals(call?.request.rawBody));
    assert.equal(call?.request.headers['x-simulator-signature'], 't=1,v1=ab');
    assert.equal(call?.request.headers['authorization'], undefined);
    assert.equal(call?.options.principal, undefined);
  });
  it('allows listed origins only', async () => {
    const preflight = (origin: string) =>
      app.inject({ method: 'OPTIONS', url: '/v2/wallet', headers: { origin, 'access-control-request-method': 'GET' } });
    assert.equal((await preflight('https://app.example.com')).headers['access-control-allow-origin'], 'https://app.example.com');
    assert.equal((await preflight('https://evil.example.com')).headers['access-control-allow-origin'], undefined);
  });
  it('serves an OpenAPI 3.1 document that lists every public route with answers and examples', async () => {
    const document = (await app.inject({ url: '/openapi.json' })).json();
    assert.equal(document.openapi, '3.1.0');
    const documented = new Set(
      Object.entries(document.paths).flatMap(([path, methods]) =>
        Object.keys(methods as object).map((method) => `${method.toUpperCase()} ${path}`),
      ),
    );
    const hidden = /^(GET|HEAD) \/(docs|openapi\.json|\.well-known|verify-email|billing$)|verify-email$|\/callbacks\//;
    for (const { method, url } of app.routeTable) {
      const key = `${method} ${url.replace(/:(\w+)/g, '{$1}')}`;
      if (method === 'HEAD' || method === 'OPTIONS' || (hidden.test(`${method} ${url}`) && url !== '/v2/auth/verify-email')) continue;
      assert.ok(documented.has(key), `${key} is not documented`);
    }
    const create = document.paths['/v2/verifications'].post;
    assert.ok(create.responses['402'].content['application/problem+json']);
    assert.deepEqual(
      create.requestBody.content['application/json'].schema.properties.service.examples ?? [
        create.requestBody.content['application/json'].schema.properties.service.example,
      ],
      ['telegram'],
    );
  });
  it('documents the refusals that every route can give, and those of all that read a body', async () => {
    const { paths } = (await app.inject({ url: '/openapi.json' })).json() as {
      paths: Record<string, Record<string, { responses: Record<string, unknown> }>>;
    };
    const missing = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, { responses }]) => {
        const wanted = method === 'get' ? [500, 503, 504] : [413, 415, 500, 503, 504];
        return wanted.filter((status) => !(status in responses)).map((status) => `${method} ${path} ${status}`);
      }),
    );
    assert.deepEqual(
      missing.filter((each) => each.includes(' /v2/')),
      [],
    );
    const outcomes = ['/v2/subscription/cancel', '/v2/subscription/resume'].map((path) => '422' in paths[path]!['post']!.responses);
    assert.deepEqual(outcomes, [true, true], 'a wrong idempotency key');
  });
  it('shows the documentation to a person', async () => {
    const response = await app.inject({ url: '/docs', headers: { accept: 'text/html' } });
    assert.ok([200, 302].includes(response.statusCode), String(response.statusCode));
  });
});

describe('rate limit', () => {
  it('counts per tenant by plan, says how many are left, and refuses with Retry-After', async () => {
    const { app } = await setUp({ 'verifications.getVerification': () => ({ verification }) });
    const get = (who: string) =>
      app.inject({ url: `/v2/verifications/${toTypeId('verification', verificationId)}`, headers: { authorization: `Bearer ${who}` } });
    const limit = requestsPerMinute['starter'] ?? 0;
    for (let left = limit - 1; left >= 0; left--) assert.equal((await get('starter')).headers['ratelimit-remaining'], String(left));
    const refused = await get('starter');
    assert.deepEqual([refused.statusCode, refused.json().code], [429, 'request.rate_limited']);
    assert.ok(Number(refused.headers['retry-after']) > 0 && Number(refused.headers['retry-after']) <= 60);
    assert.equal((await get('owner')).statusCode, 200, "another tenant's limit is its own");
    await app.close();
  });
});

describe('closing', () => {
  it('waits for what is being answered, not for a connection that never asked', { timeout: 30_000 }, async () => {
    let answer = (): void => {};
    const asked = new Promise<void>((resolve) => {
      answer = resolve;
    });
    let arrived = (): void => {};
    const arriving = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const { app } = await setUp({
      'wallet.getWallet': async () => {
        arrived();
        await asked;
        return { currency: 'USD' };
      },
    });
    await app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = app.server.address() as { port: number };
    const ahead = connect(port, '127.0.0.1');
    const gone = new Promise<void>((resolve) => ahead.once('close', () => resolve()));
    ahead.on('error', () => {});
    const response = fetch(`http://127.0.0.1:${port}/v2/wallet`, { headers: owner });
    await arriving;
    const closed = app.close();
    setTimeout(answer, 200);
    assert.equal((await response).status, 200);
    await closed;
    await gone;
  });
});

describe('event stream of a verification', () => {
  it('sends each version once, resumes after the last one seen, ends at a final status', async () => {
    let current: Record<string, unknown> = { ...verification };
    const { app, feed } = await setUp({ 'verifications.getVerification': () => ({ verification: current }) });
    await app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = app.server.address() as { port: number };
    const url = `http://127.0.0.1:${port}/v2/verifications/${toTypeId('verification', verificationId)}/events`;
    const read = async (headers: Record<string, string>, change: () => void): Promise<string[]> => {
      const response = await fetch(url, { headers: { ...owner, ...headers } });
      assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8');
      let text = '';
      let changed = false;
      for await (const chunk of response.body ?? []) {
        text += Buffer.from(chunk).toString();
        if (!changed && (headers['last-event-id'] !== undefined || text.includes('event: verification'))) {
          changed = true;
          change();
        }
      }
      return [...text.matchAll(/^id: (\d+)$/gm)].map((match) => match[1] ?? '');
    };
    const complete = (): void => {
      current = { ...current, status: 'VERIFICATION_STATUS_COMPLETED', version: 5n, code: '1234' };
      for (let nudge = 0; nudge < 3; nudge++) feed.happen(0, { tenantId, aggregateId: verificationId });
    };
    assert.deepEqual(await read({}, complete), ['2', '5']);
    await eventually(async () => assert.equal(feed.window.listeners(), 0, 'no listener is left behind'));
    current = { ...verification };
    assert.deepEqual(await read({ 'last-event-id': '2' }, complete), ['5']);
    await app.close();
  });
  it('a further code is an event of the open stream, even when its fact comes while the one before is being read', async () => {
    let current: Record<string, unknown> = { ...verification, status: 'VERIFICATION_STATUS_RECEIVED', version: 3n, code: '1111' };
    let reads = 0;
    const { app, feed } = await setUp({
      'verifications.getVerification': () => {
        const answer = { verification: current };
        // The first read is of the route itself, the second of the stream: it answers with what was before this fact.
        if (++reads === 2) {
          current = { ...current, version: 4n, code: '2222' };
          feed.happen(0, { tenantId, aggregateId: verificationId });
        }
        return answer;
      },
    });
    await app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = app.server.address() as { port: number };
    const url = `http://127.0.0.1:${port}/v2/verifications/${toTypeId('verification', verificationId)}/events`;
    const stream = await openSse(url, owner);
    const codes = (): readonly string[] => stream.events().map(({ data }) => data.code as string);
    await eventually(() => assert.deepEqual(codes(), ['1111', '2222']), { timeoutMs: 4_000 });
    current = { ...current, version: 5n, code: '3333' };
    feed.happen(0, { tenantId, aggregateId: verificationId });
    await eventually(() => assert.deepEqual(codes(), ['1111', '2222', '3333']), { timeoutMs: 4_000 });
    stream.close();
    await app.close();
  });
  it('a stranger gets an ordinary problem, and closing the server ends open streams', async () => {
    const { app } = await setUp({
      'verifications.getVerification': (request: { id: string }) => {
        if (request.id !== verificationId) throw appError('request.not_found');
        return { verification };
      },
    });
    await app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = app.server.address() as { port: number };
    const base = `http://127.0.0.1:${port}/v2/verifications`;
    assert.equal((await fetch(`${base}/${toTypeId('verification', newId())}/events`, { headers: owner })).status, 404);
    const response = await fetch(`${base}/${toTypeId('verification', verificationId)}/events`, { headers: owner });
    const closed = app.close();
    for await (const _chunk of response.body ?? []);
    await closed;
  });
});
