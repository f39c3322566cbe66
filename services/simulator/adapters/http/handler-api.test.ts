import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testClock } from '#platform/time/index.ts';
import { eventually } from '#platform/testing/index.ts';
import { handlerFaults, type HandlerFault } from '../../domain/settings.ts';
import { startReceiver, startSimulator, testKeys, type TestSimulator } from '../../testing/start-simulator.ts';

interface Bought {
  activationId: string;
  phoneNumber: string;
}
interface ActiveList {
  status: string;
  data: { activationId: string; activationStatus: string; smsCode: string | null }[];
}

const buy = async (simulator: TestSimulator, parameters: Record<string, string> = {}): Promise<Bought> =>
  JSON.parse((await simulator.api('getNumberV2', { service: 'tg', country: '6', ...parameters })).text) as Bought;

const text = async (simulator: TestSimulator, action: string, parameters: Record<string, string> = {}): Promise<string> =>
  (await simulator.api(action, parameters)).text;

const active = async (simulator: TestSimulator): Promise<ActiveList['data']> =>
  (JSON.parse(await text(simulator, 'getActiveActivations')) as ActiveList).data;

/** Everything that is due has been done, and nothing is on the wire. */
const quiet = (simulator: TestSimulator): Promise<void> =>
  eventually(async () => {
    const { nextDueInMs, outgoingWaiting } = await simulator.get<{ nextDueInMs: number | null; outgoingWaiting: number }>(
      '/control/statistics',
    );
    assert.ok((nextDueInMs === null || nextDueInMs > 0) && outgoingWaiting === 0);
  });

const noCodes = { handlerApi: { noCodeRatio: 1 } };
const fastCodes = { handlerApi: { codeDelayMinMs: 1, codeDelayMaxMs: 5 } };

test('golden answers of the protocol', async (t) => {
  const clock = testClock(new Date('2026-03-01T12:00:00Z'));
  const simulator = await startSimulator(t, { clock });
  assert.equal(await text(simulator, 'getBalance'), 'ACCESS_BALANCE:1000000.00');
  const { status, text: answer } = await simulator.api('getNumberV2', { service: 'wa', country: '16', orderId: 'o-1', operator: 'o2' });
  assert.equal(status, 200);
  const bought = JSON.parse(answer) as Bought;
  assert.deepEqual(bought, {
    activationId: '17723664000001',
    phoneNumber: bought.phoneNumber,
    activationCost: 0.2,
    currency: 840,
    countryCode: 16,
    countryPhoneCode: 44,
    canGetAnotherSms: true,
    activationTime: '2026-03-01T12:00:00+00:00',
    activationEndTime: '2026-03-01T12:20:00+00:00',
    activationOperator: 'o2',
  });
  assert.match(bought.phoneNumber, /^447\d{9}$/);
  assert.match(await text(simulator, 'getNumber', { service: 'tg', country: '0' }), /^ACCESS_NUMBER:17723664000002:79\d{9}$/);
  assert.equal(await text(simulator, 'getNumberV2', { service: 'wa', country: '16', orderId: 'o-1' }), 'ORDER_ALREADY_EXISTS');
  assert.equal(await text(simulator, 'getBalance'), 'ACCESS_BALANCE:999999.60');
  assert.equal(await text(simulator, 'getStatus', { id: bought.activationId }), 'STATUS_WAIT_CODE');
  assert.equal(await text(simulator, 'getStatusV2', { id: bought.activationId }), '{"verificationType":0,"sms":null,"call":null}');
  assert.equal(await text(simulator, 'setStatus', { id: bought.activationId, status: '1' }), 'ACCESS_READY');
  assert.equal(await text(simulator, 'setStatus', { id: bought.activationId, status: '3' }), 'BAD_STATUS');
  assert.equal(await text(simulator, 'setStatus', { id: bought.activationId, status: '6' }), 'BAD_STATUS');
  assert.equal(await text(simulator, 'setStatus', { id: bought.activationId, status: '7' }), 'BAD_STATUS');
  assert.equal(await text(simulator, 'setStatus', { id: '1', status: '8' }), 'NO_ACTIVATION');
  assert.equal(await text(simulator, 'getStatus', { id: '1' }), 'NO_ACTIVATION');

  const code = await simulator.post(`/control/activations/${bought.activationId}/code`, { code: '123456', text: 'Your code: 123456' });
  assert.equal(code.status, 200);
  assert.equal(await text(simulator, 'getStatus', { id: bought.activationId }), 'STATUS_OK:123456');
  assert.equal(await text(simulator, 'getFullSms', { id: bought.activationId }), 'FULL_SMS:Your code: 123456');
  assert.deepEqual(JSON.parse(await text(simulator, 'getStatusV2', { id: bought.activationId })), {
    verificationType: 0,
    sms: { dateTime: '2026-03-01T12:00:00+00:00', code: '123456', text: 'Your code: 123456' },
    call: null,
  });
  assert.equal(await text(simulator, 'setStatus', { id: bought.activationId, status: '3' }), 'ACCESS_RETRY_GET');
  assert.equal(await text(simulator, 'getStatus', { id: bought.activationId }), 'STATUS_WAIT_RETRY:123456');
  const [newest, older] = await active(simulator);
  assert.equal(newest?.activationId, '17723664000002');
  assert.deepEqual(older, {
    activationId: '17723664000001',
    serviceCode: 'wa',
    phoneNumber: bought.phoneNumber,
    activationCost: 0.2,
    activationStatus: '4',
    smsCode: '123456',
    smsText: 'Your code: 123456',
    activationTime: '2026-03-01T12:00:00+00:00',
    discount: '0.00',
    repeated: '0',
    countryCode: '16',
    countryName: 'United Kingdom',
    canGetAnotherSms: '1',
    currency: '840',
  });
  assert.equal(await text(simulator, 'setStatus', { id: bought.activationId, status: '6' }), 'ACCESS_ACTIVATION');
  assert.equal(await text(simulator, 'getStatus', { id: bought.activationId }), 'STATUS_OK:123456');
  assert.deepEqual(
    (await active(simulator)).map(({ activationId }) => activationId),
    ['17723664000002'],
  );
});

test('keys, actions and parameters are refused in the words of the protocol', async (t) => {
  const simulator = await startSimulator(t);
  const raw = async (query: string, init: RequestInit = {}): Promise<string> =>
    (await fetch(`${simulator.url}/stubs/handler_api.php?${query}`, init)).text();
  assert.equal(await raw('action=getBalance'), 'NO_KEY');
  assert.equal(await raw('api_key=wrong&action=getBalance'), 'BAD_KEY');
  assert.equal(await raw(`api_key=${testKeys.handlerApiKey}`), 'BAD_ACTION');
  assert.equal(await raw(`api_key=${testKeys.handlerApiKey}&action=getEverything`), 'BAD_ACTION');
  assert.equal(await raw(`api_key=${testKeys.handlerApiKey}&action=getBalance`, { method: 'POST' }), 'ACCESS_BALANCE:1000000.00');
  const form = new URLSearchParams({ api_key: testKeys.handlerApiKey, action: 'getBalance' });
  assert.equal(await raw('', { method: 'POST', body: form }), 'ACCESS_BALANCE:1000000.00');
  assert.equal(await text(simulator, 'getNumber', { service: 'Telegram!', country: '6' }), 'BAD_SERVICE');
  assert.equal(await text(simulator, 'getNumber', { service: 'tg', country: 'ID' }), 'WRONG_COUNTRY');
  assert.equal(await text(simulator, 'getNumber', { service: 'tg', country: '6', maxPrice: '0.19' }), 'WRONG_MAX_PRICE:0.20');
  assert.match(await text(simulator, 'getNumber', { service: 'tg', country: '6', maxPrice: '0.2' }), /^ACCESS_NUMBER:/);
  assert.equal(await text(simulator, 'getNumber', { service: 'tg', phoneException: '7abc' }), 'WRONG_EXCEPTION_PHONE');
  assert.match(await text(simulator, 'getNumber', { service: 'my_own_service', country: '98765' }), /^ACCESS_NUMBER:\d+:\d{12}$/);
});

test('prices, stock and balance follow the settings', async (t) => {
  const simulator = await startSimulator(t);
  await simulator.settings({
    handlerApi: { cost: '0.50', costs: { 'tg/6': '1.25', wa: '0.75', '*/6': '0.10' }, stock: { 'tg/6': 1 }, balance: '2.50' },
  });
  const prices = JSON.parse(await text(simulator, 'getPrices', { country: '6' })) as Record<
    string,
    Record<string, { cost: number; count: number }>
  >;
  assert.deepEqual(prices['6']?.['tg'], { cost: 1.25, count: 1, physicalCount: 1 });
  assert.deepEqual([prices['6']?.['wa']?.cost, prices['6']?.['fb']?.cost], [0.75, 0.1]);
  assert.equal(JSON.parse(await text(simulator, 'getPrices', { service: 'fb', country: '0' }))['0'].fb.cost, 0.5);
  assert.equal(JSON.parse(await text(simulator, 'getNumbersStatus', { country: '6' })).tg_0, 1);
  const { activationId } = await buy(simulator);
  assert.equal(await text(simulator, 'getNumber', { service: 'tg', country: '6' }), 'NO_NUMBERS');
  assert.equal(await text(simulator, 'getBalance'), 'ACCESS_BALANCE:1.25');
  assert.match(await text(simulator, 'getNumber', { service: 'wa', country: '0' }), /^ACCESS_NUMBER/);
  assert.equal(await text(simulator, 'getNumber', { service: 'wa', country: '0' }), 'NO_BALANCE');
  assert.equal(await text(simulator, 'setStatus', { id: activationId, status: '8' }), 'ACCESS_CANCEL');
  assert.equal(await text(simulator, 'getBalance'), 'ACCESS_BALANCE:1.75');
});

test('the lists of countries and services', async (t) => {
  const simulator = await startSimulator(t);
  const countries = JSON.parse(await text(simulator, 'getCountries')) as Record<string, { id: number; eng: string; rus: string }>;
  assert.ok(Object.keys(countries).length >= 200);
  assert.deepEqual([countries['6']?.eng, countries['6']?.rus], ['Indonesia', 'Индонезия']);
  const services = JSON.parse(await text(simulator, 'getServicesList')) as { status: string; services: { code: string; name: string }[] };
  assert.equal(services.status, 'success');
  assert.ok(services.services.some(({ code, name }) => code === 'tg' && name === 'Telegram'));
});

test('a code arrives by itself between 0.5 and 3 seconds, and is pushed', async (t) => {
  const receiver = await startReceiver(t);
  const clock = testClock();
  const simulator = await startSimulator(t, { pushUrl: `${receiver.url}/push/secret`, clock });
  const { activationId } = await buy(simulator);
  clock.advance(499);
  assert.equal(await text(simulator, 'getStatus', { id: activationId }), 'STATUS_WAIT_CODE');
  clock.advance(2_501);
  const answer = await eventually(async () => {
    const found = await text(simulator, 'getStatus', { id: activationId });
    assert.match(found, /^STATUS_OK:\d{5}$/);
    return found;
  });
  const push = await eventually(() => {
    assert.equal(receiver.received.length, 1);
    return receiver.received[0]!;
  });
  const body = JSON.parse(push.body.toString()) as Record<string, unknown>;
  assert.equal(push.path, '/push/secret');
  assert.deepEqual(Object.keys(body), ['activationId', 'service', 'text', 'code', 'country', 'receivedAt']);
  assert.deepEqual([body['activationId'], body['service'], body['country']], [activationId, 'tg', 6]);
  assert.equal(`STATUS_OK:${String(body['code'])}`, answer);
  assert.ok(String(body['text']).includes(String(body['code'])));
});

test('a push is repeated until it is answered 2xx', async (t) => {
  const receiver = await startReceiver(t, (nth) => (nth < 3 ? 500 : 204));
  const simulator = await startSimulator(t, { pushUrl: receiver.url });
  await simulator.settings({ ...fastCodes, outgoing: { retryFirstMs: 5, retryMaxMs: 10 } });
  await buy(simulator);
  await eventually(async () => assert.equal((await simulator.get<{ pushes: number }>('/control/statistics')).pushes, 1));
  assert.equal(receiver.received.length, 3);
  assert.equal(new Set(receiver.received.map(({ body }) => body.toString())).size, 1);
});

test('life: it ends after 20 minutes, the money comes back, the number is free', async (t) => {
  const clock = testClock();
  const simulator = await startSimulator(t, { clock });
  await simulator.settings(noCodes);
  const { activationId } = await buy(simulator);
  clock.advance(20 * 60_000 - 1);
  assert.equal(await text(simulator, 'getStatus', { id: activationId }), 'STATUS_WAIT_CODE');
  clock.advance(1);
  await eventually(async () => assert.equal(await text(simulator, 'getStatus', { id: activationId }), 'STATUS_CANCEL'));
  assert.equal(await text(simulator, 'getBalance'), 'ACCESS_BALANCE:1000000.00');
  assert.deepEqual(await active(simulator), []);
  const late = await simulator.api('setStatus', { id: activationId, status: '8' });
  assert.equal(late.status, 409);
  assert.equal(JSON.parse(late.text).title, 'ACTIVATION_NOT_ACTIVE');
});

test('cancel: refused early, refused after a code, and a code may win the race', async (t) => {
  const clock = testClock();
  const simulator = await startSimulator(t, { clock });
  await simulator.settings({ handlerApi: { noCodeRatio: 1, earlyCancelMs: 120_000 } });
  const first = await buy(simulator);
  assert.equal(await text(simulator, 'setStatus', { id: first.activationId, status: '8' }), 'EARLY_CANCEL_DENIED');
  clock.advance(120_000);
  assert.equal(await text(simulator, 'setStatus', { id: first.activationId, status: '8' }), 'ACCESS_CANCEL');
  await simulator.settings({ handlerApi: { earlyCancelMs: 0, nextFaultsOf: { setStatus: ['code_during_cancel'] } } });

  const second = await buy(simulator);
  const raced = await simulator.api('setStatus', { id: second.activationId, status: '8' });
  assert.equal(raced.status, 409);
  const problem = JSON.parse(raced.text) as { title: string; info: { sms: { code: string } } };
  assert.equal(problem.title, 'NEW_OTP_RECEIVED');
  assert.equal(await text(simulator, 'getStatus', { id: second.activationId }), `STATUS_OK:${problem.info.sms.code}`);
  const again = await simulator.api('setStatus', { id: second.activationId, status: '8' });
  assert.deepEqual([again.status, JSON.parse(again.text).title], [409, 'OTP_RECEIVED']);

  await simulator.settings({ handlerApi: { errorStyle: 'classic', codeDuringCancelRatio: 1 } });
  assert.deepEqual(await simulator.api('setStatus', { id: second.activationId, status: '8' }), { status: 200, text: 'BAD_STATUS' });
  const third = await buy(simulator);
  assert.equal(await text(simulator, 'setStatus', { id: third.activationId, status: '8' }), 'BAD_STATUS');
  assert.match(await text(simulator, 'getStatus', { id: third.activationId }), /^STATUS_OK:/);
});

interface Fate {
  readonly fate: string;
  readonly codes: number;
  readonly pushes: number;
}
const fates: readonly Fate[] = [
  { fate: 'normal', codes: 1, pushes: 1 },
  { fate: 'two_codes', codes: 2, pushes: 2 },
  { fate: 'hyphenated', codes: 1, pushes: 1 },
  { fate: 'duplicate_push', codes: 1, pushes: 2 },
  { fate: 'reordered_push', codes: 2, pushes: 2 },
  { fate: 'no_push', codes: 1, pushes: 0 },
  { fate: 'no_code', codes: 0, pushes: 0 },
];
for (const { fate, codes, pushes } of fates) {
  test(`the fate of a code: ${fate}`, async (t) => {
    const receiver = await startReceiver(t);
    const clock = testClock();
    const simulator = await startSimulator(t, { pushUrl: receiver.url, clock });
    await simulator.settings({ handlerApi: { nextCodes: [fate] } });
    const { activationId } = await buy(simulator, { service: 'fb' });
    // A second purchase shows that the queue was for one only.
    const witness = await buy(simulator, { service: 'fb' });
    for (let second = 0; second < 6; second += 1) {
      clock.advance(1_000);
      await quiet(simulator);
    }
    await eventually(() => assert.equal(receiver.received.length, pushes + 1));
    const record = await simulator.get<{ codes: { code: string; text: string }[] }>(`/control/activations/${activationId}`);
    assert.equal(record.codes.length, codes);
    assert.match(await text(simulator, 'getStatus', { id: witness.activationId }), /^STATUS_OK:\d{5}$/);
    const own = receiver.received
      .map(({ body }) => JSON.parse(body.toString()) as { activationId: string; code: string })
      .filter((push) => push.activationId === activationId);
    assert.equal(own.length, pushes);
    const pushed = own.map(({ code }) => code);
    const arrived = record.codes.map(({ code }) => code);
    if (fate === 'hyphenated') assert.match(arrived[0] ?? '', /^\d+-\d+$/);
    if (fate === 'duplicate_push') assert.equal(pushed[0], pushed[1]);
    if (fate === 'two_codes') assert.deepEqual(pushed, arrived);
    if (fate === 'reordered_push') assert.deepEqual(pushed, arrived.toReversed());
  });
}

test('a late code comes after the cancellation: pushed, never shown', async (t) => {
  const receiver = await startReceiver(t);
  const simulator = await startSimulator(t, { pushUrl: receiver.url });
  await simulator.settings({ handlerApi: { nextCodes: ['late_code'], lateCodeDelayMs: 20 } });
  const { activationId } = await buy(simulator);
  assert.equal(await text(simulator, 'setStatus', { id: activationId, status: '8' }), 'ACCESS_CANCEL');
  await eventually(() => assert.equal(receiver.received.length, 1));
  assert.equal(JSON.parse(receiver.received[0]!.body.toString()).activationId, activationId);
  assert.equal(await text(simulator, 'getStatus', { id: activationId }), 'STATUS_CANCEL');
  const record = await simulator.get<{ codes: { late: boolean }[] }>(`/control/activations/${activationId}`);
  assert.deepEqual(
    record.codes.map(({ late }) => late),
    [true],
  );
});

/** What the client sees, and whether a number was bought. */
const faultTable: Readonly<
  Record<Exclude<HandlerFault, 'none' | 'code_during_cancel'>, readonly [status: number | 'cut', text: RegExp, bought: boolean]>
> = {
  no_numbers: [200, /^NO_NUMBERS$/, false],
  no_balance: [200, /^NO_BALANCE$/, false],
  server_error: [200, /^SERVER_ERROR$/, false],
  error_sql: [200, /^ERROR_SQL$/, false],
  banned: [200, /^BANNED:'[\d: -]+'$/, false],
  account_inactive: [200, /^ACCOUNT_INACTIVE$/, false],
  channels_limit: [200, /^CHANNELS_LIMIT$/, false],
  sim_offline: [200, /^SIM_OFFLINE$/, false],
  bad_service: [200, /^BAD_SERVICE$/, false],
  wrong_country: [200, /^WRONG_COUNTRY$/, false],
  wrong_max_price: [200, /^WRONG_MAX_PRICE:0\.20$/, false],
  bad_key: [200, /^BAD_KEY$/, false],
  no_activation: [200, /^NO_ACTIVATION$/, false],
  http_402: [402, /<html>.*Payment Required/s, false],
  http_403: [403, /<html>.*Error 1020/s, false],
  http_429: [429, /<html>.*Too Many Requests/s, false],
  http_500: [500, /<html>.*Internal Server Error/s, false],
  http_503: [503, /<html>.*Unavailable/s, false],
  html: [200, /<html>.*Just a moment/s, false],
  garbled: [200, /ACCESS_NUM.*Warning/s, false],
  empty: [200, /^$/, false],
  timeout: ['cut', /^/, false],
  reset: ['cut', /^/, false],
  timeout_after_buy: ['cut', /^/, true],
  reset_after_buy: ['cut', /^/, true],
  garbled_after_buy: [200, /ACCESS_NUM.*Warning/s, true],
  empty_after_buy: [200, /^$/, true],
  html_after_buy: [200, /<html>.*Just a moment/s, true],
  http_402_after_buy: [402, /<html>.*Payment Required/s, true],
  http_403_after_buy: [403, /<html>.*Error 1020/s, true],
  http_429_after_buy: [429, /<html>.*Too Many Requests/s, true],
  http_502_after_buy: [502, /<html>.*Bad Gateway/s, true],
};

test('every fault of a purchase: what the client sees, and whether the number was bought', async (t) => {
  const simulator = await startSimulator(t);
  assert.deepEqual(
    Object.keys(faultTable).toSorted(),
    handlerFaults.filter((fault) => fault !== 'none' && fault !== 'code_during_cancel').toSorted(),
  );
  for (const [fault, [status, pattern, bought]] of Object.entries(faultTable)) {
    await simulator.post('/control/reset', {});
    await simulator.settings({ handlerApi: { noCodeRatio: 1, hangMs: 30, nextFaults: [fault, 'none'] } });
    const attempt = simulator.api('getNumberV2', { service: 'tg', country: '6', orderId: `order-${fault}` });
    if (status === 'cut') {
      await assert.rejects(attempt, Error, fault);
    } else {
      const answer = await attempt;
      assert.equal(answer.status, status, fault);
      assert.match(answer.text, pattern, fault);
    }
    assert.equal((await active(simulator)).length, bought ? 1 : 0, fault);
    const repeated = await text(simulator, 'getNumberV2', { service: 'tg', country: '6', orderId: `order-${fault}` });
    assert.match(repeated, bought ? /^ORDER_ALREADY_EXISTS$/ : /"activationId"/, fault);
  }
});

test('faults of other actions, by queue and by ratio', async (t) => {
  const simulator = await startSimulator(t);
  await simulator.settings({
    handlerApi: {
      noCodeRatio: 1,
      nextFaultsOf: { setStatus: ['reset_after_buy'], getStatus: ['http_429'] },
      faultRatiosOf: { getBalance: { server_error: 1 } },
    },
  });
  const { activationId } = await buy(simulator);
  assert.equal((await simulator.api('getStatus', { id: activationId })).status, 429);
  assert.equal(await text(simulator, 'getStatus', { id: activationId }), 'STATUS_WAIT_CODE');
  await assert.rejects(simulator.api('setStatus', { id: activationId, status: '8' }));
  assert.equal(await text(simulator, 'getStatus', { id: activationId }), 'STATUS_CANCEL');
  assert.equal(await text(simulator, 'getBalance'), 'SERVER_ERROR');
});

test('an outage: 503 or a broken connection for every action', async (t) => {
  const simulator = await startSimulator(t);
  await simulator.settings({ handlerApi: { outage: '503' } });
  assert.equal((await simulator.api('getBalance')).status, 503);
  await simulator.settings({ handlerApi: { outage: 'reset' } });
  await assert.rejects(simulator.api('getBalance'));
  await simulator.settings({ handlerApi: { outage: null, latencyMs: 60 } });
  const startedAt = performance.now();
  assert.match(await text(simulator, 'getBalance'), /^ACCESS_BALANCE/);
  assert.ok(performance.now() - startedAt >= 55);
});

test('the same seed gives the same numbers, fates and codes; another seed others; a reset starts again', async (t) => {
  const settings = {
    handlerApi: {
      codeDelayMinMs: 1,
      codeDelayMaxMs: 40,
      noCodeRatio: 0.2,
      hyphenatedRatio: 0.3,
      faultRatios: { no_numbers: 0.2, http_500: 0.1 },
    },
  };
  const story = async (simulator: TestSimulator): Promise<string[]> => {
    await simulator.settings(settings);
    const lines: string[] = [];
    for (let index = 0; index < 40; index += 1) {
      const answer = await text(simulator, 'getNumber', { service: index % 2 === 0 ? 'tg' : 'wa', country: String(index % 20) });
      lines.push(answer.replace(/^ACCESS_NUMBER:\d+/, 'ACCESS_NUMBER:id'));
    }
    // Once only the ends of the activations are still planned, every code that will come has come.
    await eventually(async () => {
      const { planned, liveActivations } = await simulator.get<{ planned: number; liveActivations: number }>('/control/statistics');
      assert.equal(planned, liveActivations);
    });
    const { data: records } = await simulator.get<{ data: { phone: string; codes: { text: string }[] }[] }>('/control/activations');
    return [...lines, ...records.map(({ phone, codes }) => `${phone} ${codes.map(({ text: message }) => message).join('|')}`).toSorted()];
  };
  const first = await startSimulator(t, { seed: 'one' });
  const told = await story(first);
  assert.deepEqual(await story(await startSimulator(t, { seed: 'one' })), told);
  assert.notDeepEqual(await story(await startSimulator(t, { seed: 'two' })), told);
  await first.post('/control/reset', {});
  assert.deepEqual(await story(first), told);
});
