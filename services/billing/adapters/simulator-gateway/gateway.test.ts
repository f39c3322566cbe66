import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import { type Fault, startStubGateway } from '../../testing/payments/stub-gateway.ts';
import { simulatorGateway } from './gateway.ts';
import { sign } from './signature.ts';

const secret = 'test-secret-of-the-gateway';
const amount = money('USD', 12_500_000n);
const now = new Date('2026-05-01T10:00:00Z');
let stub: Awaited<ReturnType<typeof startStubGateway>>;
let gateway: ReturnType<typeof simulatorGateway>;

before(async () => {
  stub = await startStubGateway(secret);
  gateway = simulatorGateway({
    baseUrl: stub.url,
    secret,
    webhookUrl: 'https://me.test/hook',
    returnUrl: (id) => `https://me.test/back/${id}`,
    timeoutMs: 1_000,
  });
});
beforeEach(() => {
  stub.fault = 'none';
});
after(async () => {
  await gateway?.close();
  await stub?.close();
});

test('a start says who, how much and where to, and gives the page to pay', async () => {
  const paymentId = newId();
  const started = await gateway.start({ reference: paymentId, paymentId, amount });
  const made = stub.payments.get(paymentId);
  assert.deepEqual(started, { outcome: 'yes', gatewayPaymentId: made?.id, checkoutUrl: made?.checkoutUrl });
  assert.deepEqual([made?.reference, made?.amount, made?.currency], [paymentId, '12.50', 'USD']);
  assert.deepEqual([made?.webhookUrl, made?.returnUrl], ['https://me.test/hook', `https://me.test/back/${paymentId}`]);
  assert.deepEqual(stub.calls.at(-1), { method: 'POST', authorization: `Bearer ${secret}`, key: paymentId });
});

test('a start whose answer was lost is, when repeated, the same payment', async () => {
  const paymentId = newId();
  stub.fault = 'done-then-drop';
  assert.equal((await gateway.start({ reference: paymentId, paymentId, amount })).outcome, 'unknown');
  const made = stub.payments.get(paymentId);
  assert.ok(made !== undefined);
  stub.fault = 'none';
  assert.deepEqual(await gateway.start({ reference: paymentId, paymentId, amount }), {
    outcome: 'yes',
    gatewayPaymentId: made.id,
    checkoutUrl: made.checkoutUrl,
  });
});

test('silence, a closed connection, a server error and nonsense are unknown; a refusal is no', async () => {
  for (const fault of ['slow', 'drop', 'error', 'garbage'] satisfies Fault[]) {
    stub.fault = fault;
    assert.equal((await gateway.start({ reference: newId(), paymentId: newId(), amount })).outcome, 'unknown', `start ${fault}`);
    assert.equal((await gateway.verify({ reference: newId(), gatewayPaymentId: '' })).outcome, 'unknown', `verify ${fault}`);
  }
  stub.fault = 'refuse';
  assert.equal((await gateway.start({ reference: newId(), paymentId: newId(), amount })).outcome, 'no');
});

test("our own wrong credentials are unknown, never the failure of a customer's payment", async () => {
  const wrong = simulatorGateway({ baseUrl: stub.url, secret: 'another', webhookUrl: 'x', returnUrl: () => 'y', timeoutMs: 1_000 });
  assert.equal((await wrong.start({ reference: newId(), paymentId: newId(), amount })).outcome, 'unknown');
  await wrong.close();
});

test('a verification states reference, amount and status; a payment that is not there is no', async () => {
  const paymentId = newId();
  assert.equal((await gateway.verify({ reference: paymentId, gatewayPaymentId: '' })).outcome, 'no');
  await gateway.start({ reference: paymentId, paymentId, amount });
  const made = stub.payments.get(paymentId);
  if (made !== undefined) made.status = 'succeeded';
  assert.deepEqual(await gateway.verify({ reference: paymentId, gatewayPaymentId: '' }), {
    outcome: 'yes',
    statement: { gatewayPaymentId: made?.id, reference: paymentId, status: 'succeeded', amount },
  });
});

test('a notification is believed only with a fresh signature over these very bytes', () => {
  const paymentId = newId();
  const rawBody = Buffer.from(JSON.stringify({ id: 'evt_1', type: 'payment.succeeded', data: { id: 'p', reference: paymentId } }));
  const parse = (signature: string, body = rawBody, at = now) =>
    gateway.parseNotification({ headers: { 'x-simulator-signature': signature }, rawBody: body, now: at });
  const good = sign(rawBody, secret, now);
  assert.deepEqual(parse(good), { outcome: 'genuine', eventId: 'evt_1', reference: paymentId, about: 'payment' });
  for (const ms of [300_000, -300_000]) assert.equal(parse(good, rawBody, new Date(now.getTime() + ms)).outcome, 'genuine');
  for (const ms of [301_000, -301_000]) assert.equal(parse(good, rawBody, new Date(now.getTime() + ms)).outcome, 'forged');
  assert.equal(parse(good, Buffer.concat([rawBody, Buffer.from(' ')])).outcome, 'forged');
  assert.equal(parse(sign(rawBody, 'another', now)).outcome, 'forged');
  assert.equal(parse(good.replace(/t=\d+/, 't=1')).outcome, 'forged');
  for (const nonsense of ['', 't=1', 'v1=00', `t=1,v1=${'0'.repeat(63)}`]) assert.equal(parse(nonsense).outcome, 'forged');
  assert.equal(gateway.parseNotification({ headers: {}, rawBody, now }).outcome, 'forged');
  for (const text of ['{', '[]', '{"id":1}', '{"id":"e","data":{}}']) {
    const body = Buffer.from(text);
    assert.equal(parse(sign(body, secret, now), body).outcome, 'malformed');
  }
});
