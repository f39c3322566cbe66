import assert from 'node:assert/strict';
import { test } from 'node:test';
import fastify from 'fastify';
import fc from 'fast-check';
import { isAppError } from '#platform/errors/index.ts';
import type { Caller } from '../../../app/ports.ts';
import { routeOf } from './fastify-inside.ts';
import { rateLimit, requestsPerMinute } from './rate-limit.ts';

const callers: Readonly<Record<string, Pick<Caller, 'tenantId' | 'plan'>>> = {
  small: { tenantId: 'small', plan: 'starter' },
  other: { tenantId: 'other', plan: 'starter' },
  large: { tenantId: 'large', plan: 'enterprise' },
  unknown: { tenantId: 'unknown', plan: 'of next year' },
};

const setUp = async () => {
  const clock = { nowMs: 1_234.5 };
  const app = fastify();
  app.setErrorHandler((error, _request, reply) => reply.code(isAppError(error, 'request.rate_limited') ? 429 : 500).send());
  app.decorateRequest('caller', undefined);
  app.decorateRequest('route', null as never);
  app.decorateRequest('startedAtMs', 0);
  app.addHook('onRequest', (request, _reply, done) => {
    request.route = routeOf(request);
    request.startedAtMs = clock.nowMs;
    request.caller = callers[String(request.headers['x-who'])] as Caller | undefined;
    done();
  });
  rateLimit(app, { rateLimitFactor: 0.05 });
  app.get('/work', async () => 'done');
  app.get('/health', { config: { alwaysServed: true } as never }, async () => 'fine');
  await app.ready();
  const ask = async (who: string, path = '/work') => {
    const { statusCode, headers } = await app.inject({ url: path, headers: { 'x-who': who } });
    return {
      status: statusCode,
      left: headers['ratelimit-remaining'],
      reset: headers['ratelimit-reset'],
      limit: headers['ratelimit-limit'],
    };
  };
  return { app, ask, clock };
};

test('a window begins with its first request and lasts a minute, whatever comes in it', async () => {
  const { app, ask, clock } = await setUp();
  for (let left = 4; left >= 0; left--) assert.deepEqual(await ask('small'), { status: 200, left: String(left), reset: '60', limit: '5' });
  clock.nowMs += 59_999;
  assert.deepEqual(await ask('small'), { status: 429, left: '0', reset: '1', limit: '5' });
  clock.nowMs += 1;
  assert.deepEqual(await ask('small'), { status: 200, left: '4', reset: '60', limit: '5' });
  await app.close();
});

test('tenants, and addresses of callers without credentials, are counted apart; an unknown plan is the smallest', async () => {
  const { app, ask } = await setUp();
  const limits: Record<string, number> = { small: 5, other: 5, large: requestsPerMinute['enterprise']! * 0.05, unknown: 5, nobody: 15 };
  for (const [who, limit] of Object.entries(limits))
    for (let left = limit - 1; left >= -1; left--) assert.deepEqual((await ask(who)).status, left < 0 ? 429 : 200, `${who}, ${left} left`);
  await app.close();
});

test('what is always served and what does not exist is not counted', async () => {
  const { app, ask } = await setUp();
  for (const path of ['/health', '/nowhere']) assert.equal((await ask('small', path)).left, undefined);
  assert.equal((await ask('small')).left, '4');
  await app.close();
});

test('at any times, no tenant gets more than the limit from the first request of a window on', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: 20_000 }), { maxLength: 40 }), async (pauses) => {
      const { app, ask, clock } = await setUp();
      let beganMs = Number.NEGATIVE_INFINITY;
      let served = 0;
      for (const pause of pauses) {
        clock.nowMs += pause;
        if (clock.nowMs >= beganMs + 60_000) [beganMs, served] = [clock.nowMs, 0];
        assert.equal((await ask('small')).status, ++served > 5 ? 429 : 200);
      }
      await app.close();
    }),
    { numRuns: 30 },
  );
});
