import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { createLogger } from '#platform/logging/index.ts';
import { createMetrics, metricTable } from '#platform/telemetry/index.ts';
import { fakeBackends } from '../../../testing/fake-backends.ts';
import { fakeLive } from '../../../testing/fake-feed.ts';
import { createServer } from '../server.ts';

const at = new Date('2026-11-21T12:00:00.000Z');

const open = async () => {
  const asked: { amount?: { micros: bigint } | undefined; happenedAt?: Date | undefined }[] = [];
  const { backends } = fakeBackends({
    'balances.recordAdjustment': (request) => {
      asked.push(request);
      return { adjustment: { ...request, id: newId(), happenedAt: request.happenedAt ?? at, recordedAt: at, recordedBy: 'user:u' } };
    },
    'balances.listAdjustments': () => ({ adjustments: [], nextCursor: '' }),
  });
  const app = await createServer({
    ...{ backends, live: fakeLive() },
    authenticate: async () => ({ tenantId: newId(), subject: 'user:u', roles: ['owner', 'operator'], scopes: ['*'], plan: 'pro' }),
    readiness: async () => ({ ready: true, parts: {} }),
    logger: createLogger({ service: 'gateway', level: 'silent' }),
    metrics: createMetrics(metricTable),
    ...{ publicUrl: 'http://gateway.test', corsOrigins: [], rateLimitFactor: 1, requestBudgetMs: 5_000 },
    ...{ bodyLimitBytes: 2_048, maxEventLoopDelayMs: 0 },
  });
  const headers = { authorization: 'Bearer x' };
  const url = '/v2/admin/providers/handler-api/adjustments';
  return {
    ...{ app, asked },
    post: (over: object) =>
      app.inject({
        method: 'POST',
        url,
        headers,
        payload: { kind: 'top_up', amount: '500.00', reference: 'INV-1', note: 'card', ...over },
      }),
    get: () => app.inject({ url, headers }),
  };
};

describe('adjustments of accounts at providers over HTTP', () => {
  it('carry an amount with its sign, and a time', async () => {
    const { app, asked, post, get } = await open();
    const made = await post({});
    assert.equal(made.statusCode, 201);
    assert.deepEqual([made.json().amount, made.json().provider, made.json().happenedAt], ['500.00', 'handler-api', at.toISOString()]);
    const corrected = await post({ kind: 'correction', amount: '-0.70', happenedAt: '2026-11-21T08:00:00Z' });
    assert.deepEqual([corrected.statusCode, corrected.json().amount], [201, '-0.70']);
    assert.deepEqual(
      asked.map(({ amount }) => amount?.micros),
      [500_000_000n, -700_000n],
    );
    assert.equal(asked[1]?.happenedAt?.toISOString(), '2026-11-21T08:00:00.000Z');
    assert.deepEqual((await get()).json(), { data: [], nextCursor: null });
    await app.close();
  });

  it('are refused with the field', async () => {
    const { app, post } = await open();
    for (const over of [
      { kind: 'gift' },
      { amount: '1e3' },
      { amount: 5 },
      { reference: '' },
      { note: '' },
      { happenedAt: 'now' },
      { extra: 1 },
    ])
      assert.equal((await post(over)).statusCode, 422, JSON.stringify(over));
    await app.close();
  });
});
