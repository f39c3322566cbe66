import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import fastify from 'fastify';
import { eventually } from '#platform/testing/index.ts';
import { type Sink } from './sink.ts';
import { sseSink } from './sse.ts';

test('a client that left before its stream began has left it: its place is free at once', async () => {
  const app = fastify();
  const left = Promise.withResolvers<void>();
  let sink: Sink | undefined;
  let freed = 0;
  app.get('/', async (_request, reply) => {
    left.resolve();
    await once(reply.raw, 'close');
    sink = sseSink(reply);
    sink.onClose(() => (freed += 1));
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  try {
    const leaving = new AbortController();
    const answer = fetch(url, { signal: leaving.signal });
    await left.promise;
    leaving.abort();
    await assert.rejects(answer);
    await eventually(() => assert.deepEqual([sink?.closed(), freed], [true, 1]));
    await sink?.send([{ name: 'late', cursor: '1', json: '{}' }]);
  } finally {
    await app.close();
  }
});
