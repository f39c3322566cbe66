import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import { startTestServer, type TestServer } from '#platform/testing/index.ts';
import { testCatalogue as catalogue } from '../../testing/harness.ts';
import { providerContract } from '../../testing/provider.contract.ts';
import { type RunningSimulator, startSimulator } from '../../testing/simulator.ts';
import { createHandlerApiProvider } from './provider.ts';

const actionOf = {
  acquire: '',
  requestAnother: 'setStatus',
  cancel: 'setStatus',
  status: 'getStatusV2',
  listActive: 'getActiveActivations',
} as const;
const order = () => ({
  orderId: newId(),
  service: catalogue.service('telegram') ?? assert.fail(),
  country: catalogue.country('ID') ?? assert.fail(),
  maxPrice: money('USD', 900_000n),
});

describe('against the simulator', () => {
  let simulator: RunningSimulator;
  let provider: ReturnType<typeof createHandlerApiProvider>;
  before(async () => {
    simulator = await startSimulator();
    provider = createHandlerApiProvider({ url: simulator.apiUrl, apiKey: simulator.apiKey, timeoutMs: 1_000, catalogue });
    await simulator.configure({ handlerApi: { noCodeRatio: 1 } });
  });
  after(async () => {
    await provider.close();
    await simulator.close();
  });

  providerContract('handler_api', async () => ({
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
    ['server_error', 'unknown', 0],
    ['error_sql', 'unknown', 0],
    ['banned', 'refused', 0],
    ['channels_limit', 'refused', 0],
    ['bad_service', 'refused', 0],
    ['wrong_max_price', 'refused', 0],
    ['http_402', 'unknown', 0],
    ['http_403', 'unknown', 0],
    ['http_429', 'unknown', 0],
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
      const request = order();
      assert.equal((await provider.acquire(request)).kind, expected);
      assert.equal((await simulator.activations()).filter((row) => row.orderId === request.orderId).length, bought);
    });

  it('the classic style of conflicts means the same', async () => {
    await simulator.configure({ handlerApi: { errorStyle: 'classic' } });
    const grant = await provider.acquire(order());
    assert.ok(grant.kind === 'granted');
    await simulator.deliver(grant.activationId, { text: 'code 1357', code: '1357' });
    const answer = await provider.cancel(grant.activationId);
    assert.equal(answer.kind === 'code' && answer.message?.code, '1357');
    await simulator.configure({ handlerApi: { errorStyle: 'hero' } });
  });

  it('reads lists of any length to their end', async () => {
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
    url = `${wire.url}/stubs/handler_api.php`;
  });
  after(() => wire?.close());
  const open = (over: object = {}) => createHandlerApiProvider({ url, apiKey: 'secret-key', timeoutMs: 2_000, catalogue, ...over });

  it('asks for exactly what was sold, at no more than its price', async () => {
    let asked = new URLSearchParams();
    wire.listener = (request, response) => {
      asked = new URL(request.url ?? '', url).searchParams;
      response.end('NO_NUMBERS');
    };
    const provider = open();
    const request = order();
    await provider.acquire(request);
    assert.deepEqual(Object.fromEntries(asked), {
      api_key: 'secret-key',
      action: 'getNumberV2',
      service: 'tg',
      country: '6',
      maxPrice: '0.90',
      orderId: request.orderId,
    });
    await provider.close();
  });

  it('a refused connection is a refusal; silence and a broken body are unknown', async () => {
    const nobody = open({ url: 'http://127.0.0.1:1/stubs/handler_api.php' });
    assert.deepEqual(await nobody.acquire(order()), { kind: 'refused', reason: 'unreachable', detail: 'ECONNREFUSED' });
    await nobody.close();
    const provider = open({ timeoutMs: 300 });
    wire.listener = () => {};
    assert.equal((await provider.acquire(order())).kind, 'unknown');
    wire.listener = (_, response) => {
      response.writeHead(200, { 'content-length': '500' });
      response.write('{"activationId":"1","phoneNumber":"6281234567"');
      setImmediate(() => response.destroy());
    };
    assert.equal((await provider.acquire(order())).kind, 'unknown');
    await provider.close();
  });

  it('old clones without getStatusV2 are asked for getStatus', async () => {
    wire.listener = (request, response) => void response.end(request.url?.includes('getStatusV2') ? 'BAD_ACTION' : 'STATUS_OK:1234');
    const provider = open();
    const status = await provider.status('1');
    assert.equal(status.kind === 'code' && status.message.code, '1234');
    await provider.close();
  });

  it('a list that changes under the reader is unknown, never a proof', async () => {
    let page = 0;
    wire.listener = (_, response) => {
      page += 1;
      const rows = Array.from({ length: 100 }, (_unused, index) => ({
        activationId: `${page}-${index}`,
        serviceCode: 'tg',
        countryCode: '6',
        phoneNumber: '1',
        activationTime: '2026-11-21 03:00:00',
      }));
      response.end(JSON.stringify({ status: 'success', data: rows }));
    };
    const provider = open();
    assert.equal((await provider.listActive(new Date(0))).kind, 'unknown');
    await provider.close();
  });
});
