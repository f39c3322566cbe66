/** Clients that others wrote for the real services drive the simulator unchanged: it speaks their protocols, not our idea of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FiveSimAPI, GuestService, InsufficientBalanceError, OrderHasSMSError, UserService } from 'fivesim-api';
import { HeroSMSClient } from 'hero-sms';
import { startSimulator, testKeys } from '../../testing/start-simulator.ts';

test('npm fivesim-api: profile, prices, buy, check, code, finish, cancel, ban, history, errors', async (t) => {
  const simulator = await startSimulator(t);
  await simulator.settings({ handlerApi: { noCodeRatio: 1, balance: '10.00', cost: '0.20' } });
  // The two static members are the package's own way to another address; its types call them private.
  Object.assign(UserService, { baseURL: `${simulator.url}/5sim/v1` });
  Object.assign(GuestService, { baseURL: `${simulator.url}/5sim/v1` });
  const client = new FiveSimAPI(testKeys.fiveSimToken);

  assert.equal((await client.getProfile()).balance, 10);
  assert.ok('indonesia' in (await FiveSimAPI.getCountries()));
  const prices = await FiveSimAPI.getPricesByCountryAndProduct('indonesia', 'telegram');
  assert.equal(prices['indonesia']?.['telegram']?.['any']?.cost, 0.2);
  assert.equal((await FiveSimAPI.getProducts('indonesia', 'any'))['telegram']?.Price, 0.2);

  const order = await client.buyActivationNumber('indonesia', 'any', 'telegram');
  assert.match(order.phone, /^\+62\d{8,12}$/);
  assert.deepEqual([order.status, order.product, order.country, order.price], ['PENDING', 'telegram', 'indonesia', 0.2]);
  assert.equal((await client.getProfile()).balance, 9.8);
  await simulator.post(`/control/activations/${order.id}/code`, { text: 'Telegram code 54321', code: '54321' });
  const received = await client.checkOrder(order.id);
  assert.deepEqual([received.status, received.sms?.[0]?.code, received.sms?.[0]?.text], ['RECEIVED', '54321', 'Telegram code 54321']);
  assert.equal((await client.getSMSInbox(order.id)).Total, 1);
  await assert.rejects(client.cancelOrder(order.id), OrderHasSMSError);
  assert.equal((await client.finishOrder(order.id)).status, 'FINISHED');

  const second = await client.buyActivationNumber('england', 'any', 'whatsapp');
  assert.equal((await client.cancelOrder(second.id)).status, 'CANCELED');
  assert.equal((await client.getProfile()).balance, 9.8, 'a cancelled number costs nothing');
  const third = await client.buyActivationNumber('usa', 'any', 'google');
  assert.equal((await client.banOrder(third.id)).status, 'BANNED');
  const history = await client.getOrderHistory({ category: 'activation', limit: 2, offset: 0, order: 'id', reverse: true });
  assert.deepEqual([history.Total, history.Data.map(({ id }) => id)], [3, [third.id, second.id]]);

  await simulator.settings({ handlerApi: { nextFaults: ['no_numbers', 'no_balance', 'http_503'] } });
  assert.equal(await client.buyActivationNumber('usa', 'any', 'google'), 'no free phones', 'status 200 and a text, as 5sim documents it');
  await assert.rejects(client.buyActivationNumber('usa', 'any', 'google'), InsufficientBalanceError);
  await assert.rejects(client.buyActivationNumber('usa', 'any', 'google'));
  await assert.rejects(new FiveSimAPI('someone-else').getProfile());
  assert.deepEqual((await simulator.get<{ data: { service: string }[] }>('/control/activations')).data.length, 3);
});

test('npm hero-sms: balance, prices, buy, code, resend, complete, cancel, active list', async (t) => {
  const simulator = await startSimulator(t);
  await simulator.settings({ handlerApi: { noCodeRatio: 1, balance: '10.00', cost: '0.20' } });
  const client = new HeroSMSClient({ apiKey: testKeys.handlerApiKey, baseUrl: `${simulator.url}/stubs/handler_api.php` });
  assert.equal(await client.getBalance(), 10);
  assert.ok(Object.keys(await client.getCountries()).length > 100);
  assert.ok(JSON.stringify(await client.getServicesList()).includes('Telegram'));
  assert.equal(JSON.stringify(await client.getPrices({ service: 'tg', country: 6 })).includes('0.2'), true);

  const bought = await client.getNumberV2({ service: 'tg', country: 6 });
  const id = Number(bought.activationId);
  assert.match(String(bought.phoneNumber), /^62\d+$/);
  assert.equal((await client.getActiveActivations()).data.length, 1);
  assert.equal((await client.getStatus(id)).status, 'STATUS_WAIT_CODE');
  await simulator.post(`/control/activations/${id}/code`, { text: 'code 4711', code: '4711' });
  const status = await client.getStatus(id);
  assert.deepEqual([status.status, status.code], ['STATUS_OK', '4711']);
  assert.equal((await client.getStatusV2(id)).sms?.code, '4711');
  assert.equal(await client.requestResend(id), 'ACCESS_RETRY_GET');
  await simulator.post(`/control/activations/${id}/code`, { text: 'code 0815', code: '0815' });
  assert.equal(await client.complete(id), 'ACCESS_ACTIVATION');

  const second = await client.getNumber({ service: 'wa', country: 16 });
  assert.equal(await client.cancel(Number(second.activationId)), 'ACCESS_CANCEL');
  await simulator.settings({ handlerApi: { nextFaults: ['no_numbers'] } });
  await assert.rejects(client.getNumber({ service: 'tg', country: 6 }), /NO_NUMBERS|numbers/i);
});
