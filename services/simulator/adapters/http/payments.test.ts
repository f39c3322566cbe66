import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { eventually, type ReceivedRequest } from '#platform/testing/index.ts';
import { startReceiver, startSimulator, testKeys, type TestSimulator } from '../../testing/start-simulator.ts';

interface PaymentJson {
  id: string;
  reference: string;
  status: string;
  amount: string;
  currency: string;
  checkoutUrl: string;
}
interface WebhookJson {
  id: string;
  type: string;
  data: { id: string; reference: string; amount: string; currency: string; status: string };
}

const authorization = `Bearer ${testKeys.paymentSecret}`;

const create = (simulator: TestSimulator, body: object, key: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${simulator.url}/payments`, {
    method: 'POST',
    headers: { authorization, 'idempotency-key': key, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({
      reference: 'ref-1',
      amount: '12.50',
      currency: 'USD',
      webhookUrl: 'http://127.0.0.1:9/hook',
      returnUrl: 'https://shop.example/done?id=1',
      ...body,
    }),
  });

const created = async (simulator: TestSimulator, body: object, key: string): Promise<PaymentJson> => {
  const response = await create(simulator, body, key);
  assert.equal(response.status, 201);
  return (await response.json()) as PaymentJson;
};

const get = async (simulator: TestSimulator, path: string): Promise<Response> =>
  fetch(simulator.url + path, { headers: { authorization } });

const press = (payment: PaymentJson, outcome: string): Promise<Response> =>
  fetch(payment.checkoutUrl, { method: 'POST', body: new URLSearchParams({ outcome }), redirect: 'manual' });

const webhook = (received: ReceivedRequest | undefined): WebhookJson => JSON.parse(received?.body.toString() ?? '{}') as WebhookJson;

/** As the platform has to verify it. @returns the age of the signature in seconds, or undefined when it is not genuine */
const verified = (received: ReceivedRequest): number | undefined => {
  const match = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(received.headers['x-simulator-signature']));
  if (match === null) return undefined;
  const [, seconds = '', signature] = match;
  const expected = createHmac('sha256', testKeys.paymentSecret).update(`${seconds}.${received.body.toString()}`).digest('hex');
  return signature === expected ? Math.round(Date.now() / 1000 - Number(seconds)) : undefined;
};

test('a payment from creation to the signed webhook', async (t) => {
  const receiver = await startReceiver(t, (nth) => (nth === 1 ? 503 : 200));
  const simulator = await startSimulator(t);
  await simulator.settings({ outgoing: { retryFirstMs: 5 } });
  const payment = await created(simulator, { webhookUrl: `${receiver.url}/hook` }, 'key-1');
  assert.deepEqual(
    { ...payment, id: '', checkoutUrl: '', createdAt: '' },
    { id: '', reference: 'ref-1', status: 'pending', amount: '12.50', currency: 'USD', checkoutUrl: '', card: null, createdAt: '' },
  );

  const page = await fetch(payment.checkoutUrl);
  assert.match(page.headers.get('content-type') ?? '', /^text\/html/);
  assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'/);
  const html = await page.text();
  assert.match(html, /<html lang="en">/);
  assert.match(html, /12\.50 USD/);
  assert.match(html, /ref-1/);
  assert.match(html, new RegExp(`<form method="post" action="/checkout/${payment.id}">`));
  assert.match(html, /<button type="submit" name="outcome" value="success">Pay 12\.50 USD<\/button>/);
  assert.match(html, /<button type="submit" name="outcome" value="failure">/);

  const pressed = await press(payment, 'success');
  assert.deepEqual([pressed.status, pressed.headers.get('location')], [303, 'https://shop.example/done?id=1']);
  await eventually(() => assert.equal(receiver.received.length, 2));
  const [refused, accepted] = receiver.received;
  assert.deepEqual(refused?.body, accepted?.body);
  assert.equal(accepted?.path, '/hook');
  assert.ok((verified(accepted!) ?? 1e9) <= 5);
  const body = webhook(accepted);
  assert.equal(body.type, 'payment.succeeded');
  assert.deepEqual(body.data, { id: payment.id, reference: 'ref-1', amount: '12.50', currency: 'USD', status: 'succeeded' });

  assert.equal((await press(payment, 'failure')).status, 303);
  const found = (await (await get(simulator, `/payments/${payment.id}`)).json()) as PaymentJson;
  assert.equal(found.status, 'succeeded');
  assert.match(await (await fetch(payment.checkoutUrl)).text(), /Payment succeeded/);
  await eventually(async () => assert.equal((await simulator.get<{ webhooks: number }>('/control/statistics')).webhooks, 1));
});

test('idempotency: the same key gives the same payment, another order is a conflict', async (t) => {
  const simulator = await startSimulator(t);
  const first = await created(simulator, {}, 'key-1');
  assert.equal((await created(simulator, { amount: '12.5' }, 'key-1')).id, first.id);
  assert.equal((await create(simulator, { amount: '12.51' }, 'key-1')).status, 409);
  assert.notEqual((await created(simulator, {}, 'key-2')).id, first.id);
  const list = (await (await get(simulator, '/payments?reference=ref-1')).json()) as { data: PaymentJson[] };
  assert.equal(list.data.length, 2);
  assert.deepEqual(((await (await get(simulator, '/payments?reference=none')).json()) as { data: unknown[] }).data, []);
});

test('what is refused', async (t) => {
  const simulator = await startSimulator(t);
  assert.equal((await create(simulator, {}, 'k', { authorization: 'Bearer wrong' })).status, 401);
  assert.equal((await fetch(`${simulator.url}/payments`)).status, 401);
  assert.equal((await create(simulator, {}, '')).status, 422);
  for (const [field, value] of [
    ['amount', '0'],
    ['amount', '-1'],
    ['amount', 'ten'],
    ['currency', 'usd'],
    ['reference', ''],
    ['webhookUrl', 'ftp://x'],
    ['surprise', 1],
  ] as const) {
    const response = await create(simulator, { [field]: value }, `k-${field}`);
    const problem = (await response.json()) as { code: string; errors: { field: string }[] };
    assert.deepEqual([response.status, problem.code, problem.errors.map((error) => error.field)], [422, 'request.invalid', [field]]);
  }
  const malformed = await fetch(`${simulator.url}/payments`, {
    method: 'POST',
    headers: { authorization, 'idempotency-key': 'k', 'content-type': 'application/json' },
    body: '{',
  });
  assert.equal(malformed.status, 400);
  assert.equal((await get(simulator, '/payments/none')).status, 404);
  assert.equal((await fetch(`${simulator.url}/checkout/none`)).status, 404);
  const payment = await created(simulator, {}, 'k-ok');
  assert.equal((await press(payment, 'maybe')).status, 422);
});

test('creation faults: the reply is lost after the payment was made, or nothing was made', async (t) => {
  const simulator = await startSimulator(t);
  const rows = [
    ['http_429', 429, false],
    ['http_500', 500, false],
    ['http_503', 503, false],
    ['timeout', 'cut', false],
    ['reset', 'cut', false],
    ['timeout_after_create', 'cut', true],
    ['reset_after_create', 'cut', true],
    ['http_500_after_create', 500, true],
  ] as const;
  for (const [fault, seen, made] of rows) {
    await simulator.settings({ payments: { hangMs: 30, nextCreateFaults: [fault] } });
    const attempt = create(simulator, { reference: fault }, fault);
    if (seen === 'cut') await assert.rejects(attempt, Error, fault);
    else assert.equal((await attempt).status, seen, fault);
    const list = (await (await get(simulator, `/payments?reference=${fault}`)).json()) as { data: PaymentJson[] };
    assert.equal(list.data.length, made ? 1 : 0, fault);
    const repeated = await created(simulator, { reference: fault }, fault);
    if (made) assert.equal(repeated.id, list.data[0]?.id, fault);
  }
  await simulator.settings({ payments: { outage: '503' } });
  assert.equal((await create(simulator, {}, 'out')).status, 503);
  assert.equal((await get(simulator, '/payments/x')).status, 503);
  await simulator.settings({ payments: { outage: 'reset' } });
  await assert.rejects(create(simulator, {}, 'out'));
});

const settled = async (t: Parameters<typeof startSimulator>[0], fault: string, outcome: string, count: number, settings: object = {}) => {
  const receiver = await startReceiver(t);
  const simulator = await startSimulator(t);
  await simulator.settings({ payments: { nextWebhookFaults: [fault], webhookReorderMs: 30, ...settings } });
  const payment = await created(simulator, { webhookUrl: receiver.url, amount: '9.99' }, fault);
  await press(payment, outcome);
  const quiet = (): Promise<void> =>
    eventually(async () => {
      assert.equal(receiver.received.length, count);
      const { planned, outgoingWaiting } = await simulator.get<{ planned: number; outgoingWaiting: number }>('/control/statistics');
      assert.deepEqual([planned, outgoingWaiting], [0, 0]);
    });
  await quiet();
  const now = (await (await get(simulator, `/payments/${payment.id}`)).json()) as PaymentJson;
  return { received: receiver.received, events: receiver.received.map(webhook), now };
};

test('webhook faults: duplicate, lost, failure, forged and stale signatures', async (t) => {
  const duplicate = await settled(t, 'duplicate', 'success', 2);
  assert.equal(duplicate.events[0]?.id, duplicate.events[1]?.id);
  const lost = await settled(t, 'lost', 'success', 0);
  assert.equal(lost.now.status, 'succeeded');
  const failed = await settled(t, 'none', 'failure', 1);
  assert.deepEqual([failed.events[0]?.type, failed.events[0]?.data.status, failed.now.status], ['payment.failed', 'failed', 'failed']);
  const unlucky = await settled(t, 'none', 'success', 1, { failureRatio: 1 });
  assert.equal(unlucky.events[0]?.type, 'payment.failed');
  const forged = await settled(t, 'bad_signature', 'success', 2);
  assert.equal(forged.received.filter((request) => verified(request) === undefined).length, 1);
  const stale = await settled(t, 'stale_signature', 'success', 2);
  assert.equal(stale.received.filter((request) => (verified(request) ?? 0) > 300).length, 1);
  assert.equal(stale.received.filter((request) => (verified(request) ?? 1e9) <= 5).length, 1);
});

test('webhook faults: a declined card first, in order and reordered; another amount, another currency', async (t) => {
  const inOrder = await settled(t, 'declined_first', 'success', 2);
  assert.deepEqual(
    inOrder.events.map(({ type }) => type),
    ['payment.failed', 'payment.succeeded'],
  );
  const reordered = await settled(t, 'reordered', 'success', 2);
  assert.deepEqual(
    reordered.events.map(({ type }) => type),
    ['payment.succeeded', 'payment.failed'],
  );
  assert.equal(reordered.now.status, 'succeeded');
  assert.notEqual(reordered.events[0]?.id, reordered.events[1]?.id);
  const amount = await settled(t, 'wrong_amount', 'success', 1);
  assert.deepEqual([amount.events[0]?.data.amount, amount.now.amount], ['4.995', '4.995']);
  const currency = await settled(t, 'wrong_currency', 'success', 1);
  assert.deepEqual([currency.events[0]?.data.currency, currency.now.currency], ['EUR', 'EUR']);
});

test('payments may settle by themselves, and a page escapes what it shows', async (t) => {
  const receiver = await startReceiver(t);
  const simulator = await startSimulator(t);
  await simulator.settings({ payments: { autoOutcome: 'success', autoOutcomeDelayMs: 5 } });
  await created(simulator, { webhookUrl: receiver.url }, 'auto');
  await eventually(() => assert.equal(webhook(receiver.received[0]).type, 'payment.succeeded'));
  await simulator.settings({ payments: { autoOutcome: null } });
  const hostile = await created(simulator, { reference: '<script>alert("1")</script>', returnUrl: '' }, 'hostile');
  const html = await (await fetch(hostile.checkoutUrl)).text();
  assert.doesNotMatch(html, /<script/);
  assert.match(html, /&lt;script&gt;/);
  const result = await press(hostile, 'success');
  assert.equal(result.status, 200);
  assert.match(await result.text(), /Payment succeeded/);
});
