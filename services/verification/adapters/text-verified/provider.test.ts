import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import { bodyOf, eventually, startTestReceiver, startTestServer, type TestReceiver, type TestServer } from '#platform/testing/index.ts';
import { minuteMs, systemClock, testClock } from '#platform/time/index.ts';
import { testCatalogue as catalogue } from '../../testing/harness.ts';
import { providerContract } from '../../testing/provider.contract.ts';
import { type RunningSimulator, startSimulator } from '../../testing/simulator.ts';
import { createTextVerifiedProvider } from './provider.ts';
import { createTextVerifiedPush } from './push.ts';

const webhookSecret = 'webhook-secret-of-textverified';
const actionOf = {
  acquire: '',
  requestAnother: 'textVerifiedReactivate',
  cancel: 'textVerifiedCancel',
  status: 'textVerifiedRead',
  listActive: 'textVerifiedList',
} as const;
const order = (maxMicros = 900_000n) => ({
  orderId: newId(),
  service: catalogue.service('telegram') ?? assert.fail(),
  country: catalogue.country('US') ?? assert.fail(),
  maxPrice: money('USD', maxMicros),
});

describe('against the simulator', () => {
  let simulator: RunningSimulator;
  let provider: ReturnType<typeof createTextVerifiedProvider>;
  let receiver: TestReceiver;
  before(async () => {
    receiver = await startTestReceiver();
    simulator = await startSimulator({ textVerifiedWebhook: { url: `${receiver.url}/hook`, secret: webhookSecret } });
    const { textVerifiedUrl, textVerifiedKey: apiKey, textVerifiedUsername: username } = simulator;
    provider = createTextVerifiedProvider({ url: textVerifiedUrl, apiKey, username, timeoutMs: 1_000, clock: systemClock, catalogue });
    await simulator.configure({ handlerApi: { noCodeRatio: 1 } });
  });
  after(async () => {
    await provider.close();
    await simulator.close();
    await receiver.close();
  });

  providerContract(
    'textverified',
    async () => ({
      provider,
      now: () => new Date(),
      deliver: (activationId, text, code) => simulator.deliver(activationId, { text, code }),
      runOut: () => simulator.configure({ handlerApi: { nextFaults: ['no_numbers'] } }),
      lose: (operation, how) => {
        const fault = how === 'after' ? 'reset_after_buy' : 'reset';
        return simulator.configure({
          handlerApi: operation === 'acquire' ? { nextFaults: [fault] } : { nextFaultsOf: { [actionOf[operation]]: [fault] } },
        });
      },
      earlyCancel: (on) => simulator.configure({ handlerApi: { earlyCancelMs: on ? 60_000 : 0 } }),
    }),
    'US',
  );

  for (const [fault, expected, bought] of [
    ['no_balance', 'refused', 0],
    ['channels_limit', 'refused', 0],
    ['banned', 'refused', 0],
    ['bad_service', 'refused', 0],
    ['wrong_max_price', 'refused', 0],
    ['http_402', 'unknown', 0],
    ['http_403', 'unknown', 0],
    ['http_429', 'unknown', 0],
    ['server_error', 'unknown', 0],
    ['http_500', 'unknown', 0],
    ['http_503', 'unknown', 0],
    ['garbled', 'unknown', 0],
    ['empty', 'unknown', 0],
    ['reset', 'unknown', 0],
    ['timeout', 'unknown', 0],
    ['timeout_after_buy', 'unknown', 1],
    ['reset_after_buy', 'unknown', 1],
    ['garbled_after_buy', 'unknown', 1],
    ['empty_after_buy', 'unknown', 1],
    ['html_after_buy', 'unknown', 1],
    ['http_402_after_buy', 'unknown', 1],
    ['http_403_after_buy', 'unknown', 1],
    ['http_429_after_buy', 'unknown', 1],
    ['http_502_after_buy', 'unknown', 1],
  ] as const)
    it(`${fault}: ${expected}, ${bought} bought`, async () => {
      await simulator.configure({ handlerApi: { nextFaults: [fault] } });
      const before = (await simulator.activations()).length;
      assert.equal((await provider.acquire(order())).kind, expected);
      assert.equal((await simulator.activations()).length - before, bought);
    });

  it('rents a number for calls: the code is heard, with its transcription and where it can be heard, by poll and by push', async () => {
    const granted = await provider.acquire({ ...order(2_000_000n), capability: 'voice' });
    assert.ok(granted.kind === 'granted');
    const { activationId } = granted;
    assert.deepEqual(await provider.status(activationId), { kind: 'waiting' });
    const transcription = 'Your Telegram code is 4, 8, 2, 9, 1. Goodbye.';
    await simulator.deliver(activationId, { text: transcription, code: '48291' });
    const status = await provider.status(activationId);
    assert.ok(status.kind === 'code');
    assert.deepEqual([status.message.text, status.message.code], [transcription, '48291']);
    assert.match(status.message.audioUrl ?? '', new RegExp(`^http://.*/calls/${activationId}-0/recording$`));
    const reader = createTextVerifiedPush({ secret: 'secret-in-the-address', webhookSecret });
    const pushed = await eventually(
      () => receiver.received.map(({ body }) => reader.read(body)).find((push) => push?.activationId === activationId) ?? assert.fail(),
    );
    assert.deepEqual([pushed.text, pushed.code], [transcription, '48291']);
    assert.match(pushed.audioUrl ?? '', /^https:\/\/www\.textverified\.com\//);
    await simulator.configure({ handlerApi: { nextFaultsOf: { textVerifiedCalls: ['http_503'] } } });
    assert.equal((await provider.status(activationId)).kind, 'unknown', 'no list of calls is not "no calls"');
  });

  it('insists on a carrier and an area code, together and alone; what it has no name for is refused without a call', async () => {
    const us = catalogue.country('US') ?? assert.fail();
    const [operator, rural] = ['verizon', 'us-cellular'].map((code) => catalogue.operators(us).find((row) => row.code === code));
    const areaCode = catalogue.areaCodes(us).find((row) => row.code === '212');
    assert.ok(operator && rural && areaCode);
    const granted = await provider.acquire({ ...order(), chosen: { operator, areaCode } });
    assert.match(granted.kind === 'granted' ? granted.phoneNumber : granted.kind, /^\+1212\d{7}$/);
    assert.equal((await simulator.activations()).at(0)?.operator, 'verizon');
    assert.equal((await provider.acquire({ ...order(), chosen: { areaCode } })).kind, 'granted');
    const before = (await simulator.activations()).length;
    const refused = await provider.acquire({ ...order(), chosen: { operator: rural } });
    assert.deepEqual([refused.kind, refused.kind === 'refused' && refused.reason], ['refused', 'not_offered']);
    assert.equal((await simulator.activations()).length, before);
  });

  it('a number that was bought but cannot be read is unknown, and stands in the list', async () => {
    const before = (await simulator.activations()).length;
    await simulator.configure({ handlerApi: { nextFaultsOf: { textVerifiedRead: ['http_503'] } } });
    assert.equal((await provider.acquire(order())).kind, 'unknown');
    assert.equal((await simulator.activations()).length - before, 1);
  });

  it('a token that is refused is renewed once, and the call made again', async () => {
    await simulator.configure({ handlerApi: { nextFaultsOf: { textVerifiedList: ['bad_key'] } } });
    assert.equal((await provider.listActive(new Date())).kind, 'listed');
    await simulator.configure({ handlerApi: { nextFaultsOf: { textVerifiedList: ['bad_key', 'bad_key'] } } });
    assert.equal((await provider.listActive(new Date())).kind, 'unknown');
  });

  it('a wrong key buys nothing', async () => {
    const { textVerifiedUrl: url, textVerifiedUsername: username } = simulator;
    const stranger = createTextVerifiedProvider({ url, apiKey: 'not-the-key', username, timeoutMs: 1_000, clock: systemClock, catalogue });
    assert.equal((await stranger.acquire(order())).kind, 'refused');
    await stranger.close();
  });

  it('a message during the cancellation wins', async () => {
    const grant = await provider.acquire(order());
    assert.ok(grant.kind === 'granted');
    await simulator.configure({ handlerApi: { nextFaultsOf: { textVerifiedCancel: ['code_during_cancel'] } } });
    const answer = await provider.cancel(grant.activationId);
    assert.ok(answer.kind === 'code' && answer.message !== undefined);
  });

  it('reads lists of many pages to the moment that is asked for', async () => {
    const grants = await Promise.all(Array.from({ length: 130 }, () => provider.acquire(order())));
    const ids = grants.map((grant) => (grant.kind === 'granted' ? grant.activationId : assert.fail()));
    const listing = await provider.listActive(new Date(0));
    assert.ok(listing.kind === 'listed');
    const found = new Set(listing.activations.map((row) => row.activationId));
    assert.ok(ids.every((id) => found.has(id)));
  });

  it('its webhook is genuine by address and signature, and says what the list of messages says', async () => {
    const grant = await provider.acquire(order());
    assert.ok(grant.kind === 'granted');
    receiver.received.length = 0;
    await simulator.deliver(grant.activationId, { text: 'code 8642', code: '8642' });
    await eventually(() => assert.equal(receiver.received.length, 1));
    const [{ headers, body } = assert.fail()] = receiver.received;
    const reader = createTextVerifiedPush({ secret: 'address-secret', webhookSecret });
    assert.ok(reader.accepts({ secret: 'address-secret', headers, body }));
    assert.ok(!reader.accepts({ secret: 'address-secret', headers, body: Buffer.concat([body, Buffer.from(' ')]) }));
    assert.ok(!reader.accepts({ secret: 'another', headers, body }));
    assert.ok(!reader.accepts({ secret: 'address-secret', headers: {}, body }));
    const message = reader.read(body);
    const status = await provider.status(grant.activationId);
    assert.deepEqual([message?.activationId, message?.code, message?.text], [grant.activationId, '8642', 'code 8642']);
    assert.equal(status.kind === 'code' && status.message.text, message?.text);
  });
});

describe('webhooks', () => {
  const reader = createTextVerifiedPush({ secret: 'address-secret', webhookSecret });
  const read = (body: unknown) => reader.read(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)));
  it('of other kinds concern nobody; broken ones are refused', () => {
    assert.equal(read({ id: '1', event: 'v2.rental.billingcycle.renewed', attempt: 1, data: { billingCycleId: 'x' } }), undefined);
    assert.equal(read({ event: 'v2.sms.received', data: { smsContent: 'code 1', reservationId: null } }), undefined);
    for (const broken of ['', '[]', '{', { event: 'v2.sms.received' }, { event: 'v2.sms.received', data: { reservationId: '1' } }])
      assert.throws(
        () => read(broken),
        (error) => isAppError(error, 'request.malformed'),
      );
  });
  it('are signed with HMAC-SHA512 in base64', () => {
    const body = Buffer.from('{"id":"1"}');
    const signature = `HMAC-SHA512=${createHmac('sha512', webhookSecret).update(body).digest('base64')}`;
    assert.ok(reader.accepts({ secret: 'address-secret', headers: { 'x-webhook-signature': signature }, body }));
  });
});

describe('the wire', () => {
  let wire: TestServer;
  let origin = '';
  before(async () => {
    wire = await startTestServer();
    origin = wire.url;
  });
  after(() => wire?.close());
  const clock = testClock();
  const open = () =>
    createTextVerifiedProvider({ url: `${origin}/api/pub/v2`, apiKey: 'key', username: 'me', timeoutMs: 2_000, clock, catalogue });
  const token = JSON.stringify({ token: 'T', expiresIn: 900, expiresAt: '' });

  it('asks for exactly what was sold, under its key, and follows Location; one token serves many calls until it is nearly over', async () => {
    const calls: string[] = [];
    wire.listener = (request, response) =>
      void bodyOf(request).then((sent) => {
        calls.push(`${request.method} ${request.url}`);
        if (request.url === '/api/pub/v2/auth') return response.end(token);
        assert.equal(request.headers.authorization, 'Bearer T');
        if (request.method === 'GET')
          return response.end(
            '{"id":"a1","number":"5551234567","state":"verificationPending","totalCost":0.5,"endsAt":"2026-11-21T04:00:00Z"}',
          );
        assert.deepEqual(JSON.parse(sent.toString()), { serviceName: 'telegram', capability: 'sms', maxPrice: 0.9 });
        assert.match(String(request.headers['idempotency-key']), /^[0-9a-f-]{36}$/);
        return response.writeHead(201, { location: `${origin}/api/pub/v2/verifications/a1` }).end('{}');
      });
    const provider = open();
    const grants = await Promise.all([provider.acquire(order()), provider.acquire(order())]);
    for (const grant of grants)
      assert.ok(grant.kind === 'granted' && grant.phoneNumber === '+15551234567' && grant.costMicros === 500_000n);
    assert.equal(calls.filter((call) => call.endsWith('/auth')).length, 1);
    clock.advance(15 * minuteMs);
    await provider.status('a1');
    assert.equal(calls.filter((call) => call.endsWith('/auth')).length, 2);
    await provider.close();
  });

  it('never carries its token elsewhere, whatever a link says', async () => {
    const provider = open();
    for (const location of ['http://127.0.0.1:1/api/pub/v2/verifications/1', '/admin', `${origin}/api/pub/v2/../../secret`, '::']) {
      const paths: string[] = [];
      wire.listener = (request, response) => {
        paths.push(request.url ?? '');
        if (request.url === '/api/pub/v2/auth') return void response.end(token);
        response.writeHead(201, { location }).end('{}');
      };
      assert.equal((await provider.acquire(order())).kind, 'unknown', location);
      assert.ok(
        paths.every((path) => path === '/api/pub/v2/auth' || path === '/api/pub/v2/verifications'),
        location,
      );
    }
    await provider.close();
  });

  it('a list without an end or with a row that cannot be read proves nothing', async () => {
    const provider = open();
    let page = '{"data":[{"id":"1"}],"hasNext":false,"links":{}}';
    wire.listener = (request, response) => void response.end(request.url === '/api/pub/v2/auth' ? token : page);
    assert.equal((await provider.listActive(new Date(0))).kind, 'unknown');
    page = '{"data":[],"hasNext":true,"links":{"next":{"href":null,"method":null}}}';
    assert.equal((await provider.listActive(new Date(0))).kind, 'unknown');
    page = '{"data":[],"hasNext":true,"links":{"next":{"href":"http://evil.test/x","method":"GET"}}}';
    assert.equal((await provider.listActive(new Date(0))).kind, 'unknown');
    await provider.close();
  });
});
