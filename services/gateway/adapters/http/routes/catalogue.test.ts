import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { createLogger } from '#platform/logging/index.ts';
import { createMetrics, metricTable } from '#platform/telemetry/index.ts';
import { fakeBackends } from '../../../testing/fake-backends.ts';
import { fakeLive } from '../../../testing/fake-feed.ts';
import { catalogueCache } from '../catalogue-cache.ts';
import { createServer } from '../server.ts';

const tenantId = newId();

const open = async () => {
  let listPrice = 450_000n;
  let stock = 500;
  let away = false;
  const catalogue = catalogueCache();
  const { backends, calls } = fakeBackends({
    'catalog.listServices': ({ search }) => {
      if (away) throw appError('platform.unavailable');
      const price = { currency: 'USD', micros: listPrice };
      const service = { code: search || 'telegram', name: 'Telegram', category: 'messaging', icon: 'telegram', policyClass: 'open' };
      return {
        services: [{ ...service, priceFrom: price, market: { stock, successRate: 0.85, medianLatencyMs: 12_000n } }],
        nextCursor: '',
      };
    },
    'catalog.listPrices': () => ({
      prices: [{ service: 'telegram', country: 'ID', capability: 'sms', price: { currency: 'USD', micros: listPrice }, market: { stock } }],
      nextCursor: '',
    }),
    'choices.listOperators': ({ country }) => {
      if (country === 'XX')
        throw appError('verification.not_offered', { fields: [{ field: 'country', reason: 'It is not in the catalogue.' }] });
      return { operators: [{ code: 'telkomsel', name: 'Telkomsel' }] };
    },
    'choices.listAreaCodes': () => ({ areaCodes: [] }),
  });
  const app = await createServer({
    ...{ backends, catalogue, live: fakeLive() },
    authenticate: async (header) =>
      header === undefined ? undefined : { tenantId, subject: 'user:u', roles: ['owner'], scopes: ['*'], plan: 'pro' },
    readiness: async () => ({ ready: true, parts: {} }),
    logger: createLogger({ service: 'gateway', level: 'silent' }),
    metrics: createMetrics(metricTable),
    ...{ publicUrl: 'http://gateway.test', corsOrigins: [], rateLimitFactor: 1, requestBudgetMs: 5_000 },
    ...{ bodyLimitBytes: 2_048, maxEventLoopDelayMs: 0 },
  });
  return {
    ...{ app, calls, catalogue },
    get: (url: string, headers: Record<string, string> = {}) => app.inject({ url, headers }),
    reprice: () => void (listPrice += 10_000n),
    sellOut: () => void (stock = 0),
    leave: () => void (away = true),
  };
};

describe('the catalogue over HTTP', () => {
  it('is asked for once, tagged, and not sent again to who has it: until it changes', async () => {
    const { app, calls, catalogue, get, reprice } = await open();
    const first = await get('/v2/services?limit=5&search=tele');
    assert.equal(first.statusCode, 200);
    assert.equal(first.headers['cache-control'], 'public, max-age=10, stale-if-error=3600');
    assert.match(first.headers['content-type'] ?? '', /^application\/json/);
    const etag = String(first.headers.etag);
    reprice();
    const again = await get('/v2/services?search=tele&limit=5');
    assert.deepEqual([again.body, again.headers.etag, calls.length], [first.body, etag, 1], 'the order of a question is no other question');
    const unchanged = await get('/v2/services?limit=5&search=tele', { 'if-none-match': `W/${etag}, "other"` });
    assert.deepEqual([unchanged.statusCode, unchanged.body, unchanged.headers.etag], [304, '', etag]);
    assert.equal(unchanged.headers['cache-control'], 'public, max-age=10, stale-if-error=3600');
    catalogue.forget();
    const changed = await get('/v2/services?limit=5&search=tele', { 'if-none-match': etag });
    assert.equal(changed.statusCode, 200);
    assert.equal(changed.json().data[0].priceFrom, '0.46');
    assert.notEqual(changed.headers.etag, etag);
    await app.close();
  });

  it('shows how the market is, null where nobody can say, and forgets what has changed: of that service, and the list', async () => {
    const { app, calls, catalogue, get, sellOut } = await open();
    const services = async () => (await get('/v2/services')).json().data[0];
    const prices = async (code: string) => (await get(`/v2/services/${code}/prices`)).json().data[0];
    const { successRate, medianLatencyMs, stock } = await services();
    assert.deepEqual({ successRate, medianLatencyMs, stock }, { successRate: 0.85, medianLatencyMs: 12_000, stock: 500 });
    const before = await prices('Telegram');
    assert.deepEqual([before.successRate, before.medianLatencyMs, before.stock], [null, null, 500]);
    await prices('whatsapp');
    await get('/v2/operators?country=ID');
    sellOut();
    assert.equal((await prices('Telegram')).stock, 500);
    const asked = calls.length;
    catalogue.forgetMarket(['telegram']);
    assert.deepEqual([(await services()).stock, (await prices('Telegram')).stock], [0, 0]);
    assert.equal((await prices('whatsapp')).stock, 500, 'nothing was said of it');
    await get('/v2/operators?country=ID');
    assert.equal(calls.length - asked, 2);
    catalogue.forgetMarket('all');
    assert.equal((await prices('whatsapp')).stock, 0);
    await app.close();
  });

  it('prices: half an hour for everybody, a minute for one, who never gets what another was given', async () => {
    const { app, calls, get, reprice } = await open();
    const shared = await get('/v2/services/telegram/prices');
    assert.equal(shared.headers['cache-control'], 'public, max-age=10, stale-if-error=1800');
    assert.match(String(shared.headers.vary), /authorization/);
    reprice();
    const own = await get('/v2/services/telegram/prices', { authorization: 'Bearer x' });
    assert.equal(own.headers['cache-control'], 'private, max-age=10');
    assert.equal(own.json().data[0].price, '0.46');
    assert.equal(calls.at(-1)?.options.principal?.tenantId, tenantId);
    assert.equal((await get('/v2/services/telegram/prices')).json().data[0].price, '0.45', 'his own is nobody else’s');
    const tag = String(own.headers.etag);
    assert.equal((await get('/v2/services/telegram/prices', { authorization: 'Bearer x', 'if-none-match': tag })).statusCode, 304);
    await app.close();
  });

  it('operators and area codes of a country; refusals are not kept, and what was kept outlives the service behind it', async () => {
    const { app, calls, get, leave } = await open();
    assert.deepEqual((await get('/v2/operators?country=id')).json(), { data: [{ code: 'telkomsel', name: 'Telkomsel' }] });
    assert.deepEqual((await get('/v2/area-codes?country=ID')).json(), { data: [] });
    for (const url of ['/v2/operators', '/v2/operators?country=IDN', '/v2/operators?country=ID&x=1'])
      assert.equal((await get(url)).statusCode, 422, url);
    const before = calls.length;
    for (let time = 0; time < 2; time++) {
      const refused = await get('/v2/operators?country=XX', { 'if-none-match': '*' });
      assert.deepEqual([refused.statusCode, refused.json().errors[0].field, refused.headers.etag], [422, 'country', undefined]);
    }
    assert.equal(calls.length - before, 2);
    await get('/v2/services');
    leave();
    assert.equal((await get('/v2/services')).statusCode, 200);
    assert.equal((await get('/v2/services?limit=3')).statusCode, 503);
    await app.close();
  });
});
