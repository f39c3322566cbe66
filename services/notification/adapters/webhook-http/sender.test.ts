/** What customers' addresses can do to us: nothing. The receiver is this machine; only where a test says so may it be reached. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { SendResult } from '../../domain/webhooks/delivery.ts';
import { type Receiver, startReceiver, status, verified } from '../../testing/webhooks/receiver.ts';
import { isPublicAddress } from './addresses.ts';
import { httpWebhookSender, type WebhookSenderOptions } from './sender.ts';

const secret = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDXi0gvqLlDzs=';
const message = (url: string) => ({ url, id: 'wdl_1', at: new Date(), body: '{"a":1}', secrets: [secret] });
const reasonOf = (result: SendResult): string => (result.outcome === 'unanswered' ? result.reason : `answered ${result.status}`);

const send = async (url: string, options: Partial<WebhookSenderOptions> = {}): Promise<SendResult> => {
  const sender = httpWebhookSender({ timeoutMs: 5_000, allowHttpLoopback: false, ...options });
  try {
    return await sender.send(message(url));
  } finally {
    await sender.close();
  }
};

const selfSigned = (): { key: string; cert: string } => {
  const directory = mkdtempSync(join(tmpdir(), 'namaskah-webhook-tls-'));
  try {
    const subject = ['-subj', '/CN=hook.example', '-addext', 'subjectAltName=DNS:hook.example'];
    const files = ['-keyout', 'key.pem', '-out', 'cert.pem'];
    const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1', ...subject, ...files];
    execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
    return { key: readFileSync(join(directory, 'key.pem'), 'utf8'), cert: readFileSync(join(directory, 'cert.pem'), 'utf8') };
  } finally {
    rmSync(directory, { recursive: true });
  }
};

describe('addresses', () => {
  it('special ones are not public, however they are written', () => {
    for (const address of [
      ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '127.0.0.1', '169.254.169.254', '172.16.0.1', '172.31.255.255', '192.168.1.1'],
      ...['192.0.0.1', '192.0.2.1', '198.18.0.1', '198.51.100.1', '203.0.113.1', '224.0.0.1', '255.255.255.255'],
      ...['::', '::1', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '::ffff:a9fe:a9fe', '64:ff9b::7f00:1', 'fc00::1', 'fd00:ec2::254', 'fe80::1'],
      ...['fec0::1', 'ff02::1', '2001:db8::1', '2002:7f00:1::', '2001::1', '3fff::1', 'nonsense', ''],
    ])
      assert.equal(isPublicAddress(address), false, address);
    for (const address of ['8.8.8.8', '1.1.1.1', '172.32.0.1', '2606:4700:4700::1111', '2a00:1450:4001:80b::200e'])
      assert.equal(isPublicAddress(address), true, address);
  });
});

describe('requests to customers', () => {
  let http: Receiver;
  let https: Receiver;
  const tls = selfSigned();
  /** hook.example is this machine, and for once that is allowed. */
  const here: Partial<WebhookSenderOptions> = { resolve: async () => ['127.0.0.1'], isAllowed: () => true, ca: tls.cert };
  const secureUrl = (path: string): string => `https://hook.example:${https.port}${path}`;
  before(async () => {
    [http, https] = await Promise.all([startReceiver(), startReceiver(tls)]);
  });
  after(async () => {
    await Promise.all([http.close(), https.close()]);
  });

  it('arrive over TLS with both signatures and our name', async () => {
    https.answer('/ok', status(200, 'thanks\u0000\u001b[31m'));
    const result = await send(secureUrl('/ok'), here);
    assert.deepEqual({ ...result, latencyMs: 0 }, { outcome: 'answered', status: 200, answer: 'thanks\ufffd\ufffd[31m', latencyMs: 0 });
    const [received] = https.at('/ok');
    assert.ok(received);
    assert.deepEqual(verified(received, secret), { a: 1 });
    assert.match(received.headers['x-webhook-signature'] ?? '', /^t=\d+,v1=[0-9a-f]{64}$/);
    assert.deepEqual([received.headers['content-type'], received.headers['user-agent']], ['application/json', 'Namaskah-Webhooks/1']);
  });

  it('a certificate that nobody vouches for, or of another name, is refused', async () => {
    assert.equal(reasonOf(await send(secureUrl('/tls'), { ...here, ca: selfSigned().cert })), 'tls');
    assert.equal(reasonOf(await send(`https://other.example:${https.port}/tls`, here)), 'tls');
    assert.equal(https.at('/tls').length, 0);
  });

  it('DNS that changes its answer gains nothing: each connection goes to what was judged, and a private answer is refused', async () => {
    const before = https.state.connections;
    const answers = [['8.8.8.8'], ['127.0.0.1'], ['8.8.8.8', '127.0.0.1'], ['::ffff:127.0.0.1'], ['169.254.169.254'], ['fd00:ec2::254']];
    let asked = 0;
    const resolve = async (): Promise<readonly string[]> => answers[asked++] ?? assert.fail('asked once too often');
    const sender = httpWebhookSender({ timeoutMs: 300, allowHttpLoopback: true, resolve, ca: tls.cert });
    const reasons: string[] = [];
    for (let count = 0; count < answers.length; count++) reasons.push(reasonOf(await sender.send(message(secureUrl('/rebound')))));
    await sender.close();
    // The first went out to 8.8.8.8 and found nobody on that port: had it been looked up again, the second answer would have led here.
    assert.ok(['timeout', 'connection'].includes(reasons[0] ?? ''), reasons[0]);
    assert.deepEqual(reasons.slice(1), ['address', 'address', 'address', 'address', 'address']);
    assert.equal(asked, answers.length, 'one look-up for each connection');
    assert.equal(https.state.connections, before);
  });

  it('an address instead of a name is judged as well, in every spelling', async () => {
    const { port } = https;
    for (const host of [
      '127.0.0.1',
      '0x7f.1',
      '2130706433',
      '017700000001',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '[::ffff:7f00:1]',
      '169.254.169.254',
    ])
      assert.equal(reasonOf(await send(`https://${host}:${port}/literal`, { ca: tls.cert })), 'address', host);
    assert.equal(reasonOf(await send(http.url('/literal'))), 'address', 'http');
    assert.equal(reasonOf(await send(`http://10.0.0.1:${http.port}/`, { allowHttpLoopback: true })), 'address', 'http elsewhere');
    assert.equal(https.at('/literal').length + http.at('/literal').length, 0);
  });

  it('a name that does not exist is told apart', async () => {
    const resolve = (): Promise<readonly string[]> => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }));
    assert.equal(reasonOf(await send('https://nowhere.example/', { resolve })), 'dns');
  });

  const local = { allowHttpLoopback: true };
  it('redirects are not followed', async () => {
    http.answer('/moved', status(307, '', { location: http.url('/inside') }));
    assert.equal(reasonOf(await send(http.url('/moved'), local)), 'answered 307');
    assert.equal(http.at('/inside').length, 0);
  });

  it('an answer without end costs neither memory nor time, and its status counts', async () => {
    let written = 0;
    http.answer('/flood', (response) => {
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(16_384))) written += 16_384;
        if (!response.destroyed) response.once('drain', more);
      };
      response.writeHead(200);
      more();
    });
    const result = await send(http.url('/flood'), local);
    assert.equal(result.outcome === 'answered' && result.status, 200);
    assert.equal(result.outcome === 'answered' && result.answer.length, 1_024);
    assert.ok(written < 64_000_000, `${written} bytes were written`);
  });

  it('who answers drop by drop, or never, is left after the time-out', async () => {
    http.answer('/drops', (response) => {
      response.writeHead(202);
      const timer = setInterval(() => response.write('.'), 20);
      response.once('close', () => clearInterval(timer));
    });
    http.answer('/never', () => {});
    const [drops, never] = await Promise.all([
      send(http.url('/drops'), { ...local, timeoutMs: 400 }),
      send(http.url('/never'), { ...local, timeoutMs: 400 }),
    ]);
    assert.equal(reasonOf(drops), 'answered 202');
    assert.equal(reasonOf(never), 'timeout');
    assert.ok(never.latencyMs >= 390);
  });

  it('a connection that breaks, a head without end and a closed port are "connection"', async () => {
    http.answer('/broken', (response) => response.destroy());
    http.answer('/head', (response) => response.writeHead(200, { 'x-long': 'y'.repeat(15_000), 'x-longer': 'y'.repeat(15_000) }).end());
    for (const url of [http.url('/broken'), http.url('/head'), 'http://127.0.0.1:1/'])
      assert.equal(reasonOf(await send(url, local)), 'connection', url);
  });

  it('a host that is slow for one does not make another wait', async () => {
    http.answer('/slow', () => {});
    const sender = httpWebhookSender({ timeoutMs: 3_000, allowHttpLoopback: true });
    const slow = Promise.all(Array.from({ length: 40 }, () => sender.send(message(http.url('/slow')))));
    const quick = await sender.send(message(http.url('/quick')));
    assert.equal(reasonOf(quick), 'answered 204');
    assert.ok((await slow).every((each) => reasonOf(each) === 'timeout'));
    await sender.close();
  });
});
