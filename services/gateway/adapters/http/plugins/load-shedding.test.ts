import assert from 'node:assert/strict';
import { test } from 'node:test';
import fastify from 'fastify';
import { isAppError } from '#platform/errors/index.ts';
import { eventually } from '#platform/testing/index.ts';
import { loadShedding } from './load-shedding.ts';

const holdUpLoop = (ms: number): void => {
  for (const until = performance.now() + ms; performance.now() < until;);
};

test('a loop that is held up sheds new work, except by the start, and except what is always served', async () => {
  const app = fastify();
  app.setErrorHandler((error, _request, reply) => reply.code(isAppError(error, 'platform.overloaded') ? 503 : 500).send());
  loadShedding(app, { maxEventLoopDelayMs: 300 });
  app.get('/work', async () => 'done');
  app.get('/health', { config: { alwaysServed: true } as never }, async () => 'fine');
  await app.ready();
  holdUpLoop(3_000);
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const listeningAt = performance.now();
  const status = async (path: string): Promise<number> => (await fetch(`${url}${path}`)).status;
  try {
    for (let found = await status('/work'); performance.now() - listeningAt < 1_500; found = await status('/work')) {
      assert.equal(found, 200, 'what the start took is no load');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await eventually(
      async () => {
        holdUpLoop(1_000);
        assert.equal(await status('/work'), 503);
        assert.equal(await status('/health'), 200);
      },
      { timeoutMs: 30_000 },
    );
  } finally {
    await app.close();
  }
});
