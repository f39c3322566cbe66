import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Pool } from 'undici';
import { eventually, startTestServer, type TestServer } from '#platform/testing/index.ts';
import { fetchText } from './fetch-text.ts';

const maxBytes = 1_000;
const seen: string[] = [];
const silent = new Set<() => void>();
let server: TestServer;
let pool: Pool;

before(async () => {
  server = await startTestServer((request, response) => {
    seen.push(request.url ?? '');
    if (request.url === '/parts') {
      response.write('ö'.repeat(10));
      setImmediate(() => response.end('end'));
    } else if (request.url === '/large') response.end('x'.repeat(maxBytes + 1));
    else if (request.url === '/cut') response.write('half', () => request.socket.destroy());
    else silent.add(() => response.end('late'));
  });
  pool = new Pool(server.url, { connections: 1, pipelining: 1 });
});
after(async () => {
  await pool.destroy();
  await server.close();
});

const get = (path: string, timeoutMs = 5_000) => fetchText(pool, { path, timeoutMs, maxBytes });

test('an answer in parts is one text', async () => {
  assert.deepEqual(await get('/parts'), { status: 200, text: `${'ö'.repeat(10)}end` });
});

test('more than the limit is refused, half an answer is an error', async () => {
  await assert.rejects(get('/large'), RangeError);
  await assert.rejects(get('/cut'));
  assert.equal((await get('/parts')).status, 200, 'the next call is not spoilt');
});

test('the time-out counts while a call waits for a connection, and such a call is never sent', async () => {
  const first = get('/silent', 60_000);
  await eventually(async () => assert.ok(seen.includes('/silent')));
  await assert.rejects(get('/waits', 20), { name: 'TimeoutError' });
  for (const answer of silent) answer();
  assert.equal((await first).text, 'late');
  assert.equal((await get('/parts')).status, 200);
  assert.ok(!seen.includes('/waits'));
});

test('an answer that does not come is a time-out', async () => {
  await assert.rejects(get('/silent', 50), { name: 'TimeoutError' });
});
