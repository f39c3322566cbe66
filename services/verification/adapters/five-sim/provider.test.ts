import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import { startTestServer, type TestServer } from '#platform/testing/index.ts';
import { testCatalogue as catalogue } from '../../testing/harness.ts';
import { providerContract } from '../../testing/provider.contract.ts';
import { type RunningSimulator, startSimulator } from '../../testing/simulator.ts';
import { createFiveSimProvider } from './provider.ts';

const actionOf = {
  acquire: '',
  requestAnother: 'fiveSimCheck',
  cancel: 'fiveSimCancel',
  status: 'fiveSimCheck',
  listActive: 'fiveSimOrders',
} as const;
const order = (maxMicros = 900_000n) => ({
  orderId: newId(),
  service: catalogue.service('telegram') ?? assert.fail(),
  country: catalogue.country('ID') ?? assert.fail(),
  maxPrice: money('USD', maxMicros),
});

describe('against the simulator', () => {
  let simulator: RunningSimulator;
  let provider: ReturnType<typeof createFiveSimProvider>;
  before(async () => {
    simulator = await startSimulator();
    provider = createFiveSimProvider({ url: simulator.fiveSimUrl, token: simulator.fiveSimToken, timeoutMs: 1_000, catalogue });
    await simulator.configure({ handlerApi: { noCodeRatio: 1 } });
  });
  after(async () => {
    await provider.close();
    await simulator.close();
  });

  providerContract('5sim', async () => ({
    provider,
    takesOrderKey: false,
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
  }));

  it('insists on an operator; what it has no name for is refused without a call', async () => {
    const [indonesia, us] = ['ID', 'US'].map((code) => catalogue.country(code) ?? assert.fail());
    assert.ok(indonesia && us);
    const operator = catalogue.operators(indonesia).find(({ code }) => code === 'telkomsel') ?? assert.fail();
    assert.equal((await provider.acquire({ ...order(), chosen: { operator } })).kind, 'granted');
    assert.equal((await simulator.activations()).at(0)?.operator, 'telkomsel');
    const before = (await simulator.activations()).length;
    const areaCode = catalogue.areaCodes(us)[0] ?? assert.fail();
    const refused = await provider.acquire({ ...order(), country: us, chosen: { areaCode } });
    assert.deepEqual([refused.kind, refused.kind === 'refused' && refused.reason], ['refused', 'not_offered']);
    assert.equal((await simulator.activations()).length, before);
  });

  for (const [fault, expected, bought] of [
    ['no_balance', 'refused', 0],
    ['channels_limit', 'refused', 0],
    ['banned', 'refused', 0],
    ['bad_service', 'refused', 0],
    ['wrong_max_price', 'refused', 0],
    ['bad_key', 'refused', 0],
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

  it('buys nothing above the price that was sold', async () => {
    await simulator.configure({ handlerApi: { cost: '0.30' } });
    assert.deepEqual((await provider.acquire(order(299_999n))).kind, 'refused');
    assert.equal((await provider.acquire(order(300_000n))).kind, 'granted');
    await simulator.configure({ handlerApi: { cost: null } });
  });

  it('a code that arrives during the cancellation wins', async () => {
    const grant = await provider.acquire(order());
    assert.ok(grant.kind === 'granted');
    await simulator.configure({ handlerApi: { nextFaultsOf: { fiveSimCancel: ['code_during_cancel'] } } });
    const answer = await provider.cancel(grant.activationId);
    assert.ok(answer.kind === 'code' && answer.message !== undefined);
  });

  it('reads histories of any length to the moment that is asked for', async () => {
    const grants = await Promise.all(Array.from({ length: 230 }, () => provider.acquire(order())));
    const ids = grants.map((grant) => (grant.kind === 'granted' ? grant.activationId : assert.fail()));
    const listing = await provider.listActive(new Date(0));
    assert.ok(listing.kind === 'listed');
    const found = new Set(listing.activations.map((row) => row.activationId));
    assert.ok(ids.every((id) => found.has(id)));
  });
});

describe('the wire', () => {
  let wire: TestServer;
  let url = '';
  before(async () => {
    wire = await startTestServer();
    url = `${wire.url}/v1`;
  });
  after(() => wire?.close());
  const open = (over: object = {}) => createFiveSimProvider({ url, token: 'secret-token', timeoutMs: 2_000, catalogue, ...over });

  it('asks for exactly what was sold, with its token and at no more than its price', async () => {
    let asked: { path: string | undefined; token: string | undefined } = { path: '', token: '' };
    wire.listener = (request, response) => {
      asked = { path: request.url, token: request.headers.authorization };
      response.end('no free phones');
    };
    const provider = open();
    assert.equal((await provider.acquire(order())).kind, 'refused');
    assert.deepEqual(asked, { path: '/v1/user/buy/activation/indonesia/any/telegram?maxPrice=0.90', token: 'Bearer secret-token' });
    await provider.close();
  });

  it('refuses at home what has no name there, and ids that are none', async () => {
    let calls = 0;
    wire.listener = (_, response) => {
      calls += 1;
      response.end('{}');
    };
    const provider = open();
    const nowhere = { ...(catalogue.country('ID') ?? assert.fail()), providerCodes: { handlerApi: 6 } };
    assert.deepEqual((await provider.acquire({ ...order(), country: nowhere })).kind, 'refused');
    assert.deepEqual(await provider.status('../../profile'), { kind: 'absent' });
    assert.deepEqual(await provider.cancel('1?x=y'), { kind: 'absent' });
    assert.equal(calls, 0);
    await provider.close();
  });

  it('a refused connection is a refusal; silence and an unreadable order are unknown', async () => {
    const nobody = open({ url: 'http://127.0.0.1:1/v1' });
    assert.deepEqual(await nobody.acquire(order()), { kind: 'refused', reason: 'unreachable', detail: 'ECONNREFUSED' });
    await nobody.close();
    const provider = open();
    wire.listener = () => {};
    assert.equal((await provider.acquire(order())).kind, 'unknown');
    for (const body of [
      '{"id":1}',
      '{"id":"x","phone":"+6281234567","status":"PENDING"}',
      '{"id":1,"phone":"+6281234567","status":"NEW"}',
      '[]',
    ]) {
      wire.listener = (_, response) => void response.end(body);
      assert.equal((await provider.acquire(order())).kind, 'unknown', body);
    }
    await provider.close();
  });

  it('a history with a row that cannot be read, or that changes under the reader, proves nothing', async () => {
    const provider = open();
    wire.listener = (_, response) => void response.end('{"Data":[{"id":1}],"Total":1}');
    assert.equal((await provider.listActive(new Date(0))).kind, 'unknown');
    let page = 0;
    wire.listener = (_, response) => {
      page += 1;
      const row = (index: number) => ({ id: page * 1_000 + index, phone: '+6281234567', status: 'PENDING', product: 'telegram' });
      response.end(JSON.stringify({ Data: Array.from({ length: 100 }, (_unused, index) => row(index)), Total: 1_000 }));
    };
    assert.equal((await provider.listActive(new Date(0))).kind, 'unknown');
    await provider.close();
  });
});
