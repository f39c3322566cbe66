import assert from 'node:assert/strict';
import test from 'node:test';
import { startService } from '#platform/lifecycle/index.ts';
import { createLogger } from '#platform/logging/index.ts';
import { eventually } from '#platform/testing/index.ts';
import { startAdminServer } from './index.ts';

const silent = createLogger({ service: 'test', level: 'silent' });
const config = { logLevel: 'silent', adminHost: '127.0.0.1', adminPort: 0, shutdownTimeoutMs: 2_000 } as const;

test('readiness names the part that is not ready, and why; liveness does not mind', async () => {
  let broken: Error | undefined;
  const service = await startService(
    'billing',
    config,
    async (life) => {
      life.readiness('postgres', () => (broken === undefined ? Promise.resolve() : Promise.reject(broken)));
      life.readiness('nats', () => true);
      life.readiness('lazy', () => (broken === undefined ? true : false));
      await Promise.resolve();
    },
    { logger: silent },
  );
  const get = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${service.addresses['admin']}${path}`);
  try {
    assert.equal((await get('/health/ready')).status, 200);
    broken = new Error('connect postgres://app:hunter2@db refused');
    const response = await get('/health/ready');
    assert.equal(response.status, 503);
    const body = (await response.json()) as { ready: boolean; parts: Record<string, { ready: boolean; reason?: string }> };
    assert.equal(body.ready, false);
    assert.deepEqual([body.parts['postgres']?.ready, body.parts['nats']?.ready, body.parts['lazy']?.ready], [false, true, false]);
    assert.match(body.parts['postgres']?.reason ?? '', /refused/);
    assert.doesNotMatch(JSON.stringify(body), /hunter2/);
    assert.equal((await get('/health/live')).status, 200);
    const metrics = await (await get('/metrics')).text();
    assert.match(metrics, /^ready 0$/m);
    assert.match(metrics, /part_ready\{part="postgres"\} 0/);
    broken = undefined;
    assert.equal((await get('/health/ready')).status, 200);
  } finally {
    await service.close();
  }
  await assert.rejects(get('/health/live'));
});

test('a part that never answers is not ready, and the probe still answers in time', async () => {
  const service = await startService(
    'slow',
    config,
    (life) => {
      life.readiness('black hole', () => new Promise(() => undefined));
      return Promise.resolve();
    },
    { logger: silent },
  );
  try {
    const startedAt = performance.now();
    const { ready, parts } = await service.ready();
    assert.equal(ready, false);
    assert.match(parts['black hole']?.reason ?? '', /no answer within/);
    assert.ok(performance.now() - startedAt < 4_000);
  } finally {
    await service.close();
  }
});

const freePort = async (): Promise<number> => {
  const probe = await startAdminServer({ host: '127.0.0.1', port: 0, ready: never, metrics: never });
  await probe.close();
  return probe.port;
};
const never = (): Promise<never> => new Promise(() => undefined);

test('until everything is open, and from the stop on, the process is not ready', async () => {
  const gate = Promise.withResolvers<void>();
  const adminPort = await freePort();
  const starting = startService(
    'starting',
    { ...config, adminPort },
    async (life) => {
      life.readiness('always', () => true);
      await gate.promise;
    },
    { logger: silent },
  );
  const answer = await eventually(() => fetch(`http://127.0.0.1:${adminPort}/health/ready`));
  assert.equal(answer.status, 503);
  assert.equal(((await answer.json()) as { state: string }).state, 'starting');
  gate.resolve();
  const service = await starting;
  assert.equal((await service.ready()).state, 'serving');
  const closing = service.close();
  assert.equal((await service.ready()).state, 'stopping');
  await closing;
  assert.equal(service.close(), service.close(), 'closing twice is closing once');
});

test('other paths and methods are refused; a failing exposition is 500 without detail', async () => {
  const server = await startAdminServer({
    host: '127.0.0.1',
    port: 0,
    ready: () => Promise.resolve({ ready: true, state: 'serving', parts: {} }),
    metrics: () => Promise.reject(new Error('internal detail')),
  });
  const get = (path: string, method = 'GET'): Promise<Response> => fetch(`http://127.0.0.1:${server.port}${path}`, { method });
  try {
    assert.equal((await get('/')).status, 404);
    assert.equal((await get('/health/ready?x=1')).status, 200);
    assert.equal((await get('/health/ready', 'HEAD')).status, 200);
    assert.equal((await get('/health/ready', 'POST')).status, 405);
    const failed = await get('/metrics');
    assert.equal(failed.status, 500);
    assert.doesNotMatch(await failed.text(), /internal detail/);
  } finally {
    await server.close();
  }
});
