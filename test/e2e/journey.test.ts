/** What a customer does first: register, pay, rent a number, receive its code, send a small campaign. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { expectStatus, mailsTo, newCustomer, pay, until, type Customer } from '../support/client.ts';
import { openSse, type StreamClient } from '../../services/gateway/testing/stream-client.ts';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';

const telegram = { service: 'telegram', country: 'ID', capability: 'sms' };

describe('a customer', () => {
  let platform: TestPlatform;
  let customer: Customer;
  before(async () => {
    platform = await startTestPlatform();
    customer = await newCustomer(platform.gatewayUrl);
  });
  after(() => platform?.stop());

  const wallet = async () => expectStatus(await customer.api.get('/v2/wallet'), 200);
  const charges = async () => expectStatus(await customer.api.get('/v2/transactions?type=charge&limit=100'), 200).data;

  it('starts with nothing and is told so', async () => {
    assert.deepEqual(await wallet(), {
      currency: 'USD',
      balance: '0.00',
      held: '0.00',
      available: '0.00',
      paid: '0.00',
      promotional: '0.00',
      nextExpiry: null,
    });
    const refused = await customer.api.post('/v2/verifications', telegram);
    assert.equal(expectStatus(refused, 402).code, 'billing.insufficient_credit');
  });
  it('confirms the address by the mail that came', async () => {
    const [mail] = await until(
      'verification mail',
      () => mailsTo(platform.simulatorUrl, customer.email),
      (mails) => mails.length > 0,
    );
    const link = /(https?:\/\/\S+\/verify-email\?token=[\w.~%-]+)/.exec(mail?.text ?? '')?.[1];
    assert.ok(link, `no link in: ${mail?.text}`);
    const token = new URL(link).searchParams.get('token') ?? '';
    const page = await (await fetch(link)).text();
    assert.match(page, /<button/);
    assert.equal(expectStatus(await customer.api.get('/v2/me'), 200).user.emailVerified, false, 'looking at the page is not confirming');
    const confirmed = await fetch(`${platform.gatewayUrl}/verify-email`, { method: 'POST', body: new URLSearchParams({ token }) });
    assert.equal(confirmed.status, 200);
    assert.equal(expectStatus(await customer.api.get('/v2/me'), 200).user.emailVerified, true);
  });
  it('pays once, and a refused payment credits nothing', async () => {
    assert.equal((await pay(customer.api, '20.00')).status, 'succeeded');
    assert.equal((await pay(customer.api, '7.00', 'failure')).status, 'failed');
    assert.equal((await wallet()).balance, '20.00');
  });
  it('finds a service, a country and a price', async () => {
    const { data } = expectStatus(await customer.api.get('/v2/services?search=telegrm'), 200);
    assert.equal(data[0].code, 'telegram');
    const prices = expectStatus(await customer.api.get('/v2/services/telegram/prices?country=ID'), 200);
    assert.equal(prices.data.length, 1);
    assert.ok(expectStatus(await customer.api.get('/v2/countries?limit=100'), 200).nextCursor);
  });
  it('rents a number, follows the stream to the code, and is charged exactly once', async () => {
    const before = await wallet();
    const rented = expectStatus(await customer.api.post('/v2/verifications', telegram, { 'idempotency-key': 'first' }), 201);
    assert.match(rented.phoneNumber, /^\+62\d{6,12}$/);
    assert.equal((await wallet()).held, rented.price);
    const again = expectStatus(await customer.api.post('/v2/verifications', telegram, { 'idempotency-key': 'first' }), 201);
    assert.equal(again.id, rented.id, 'the same key gives the same verification');
    assert.equal(
      (await customer.api.post('/v2/verifications', { ...telegram, country: 'GB' }, { 'idempotency-key': 'first' })).status,
      409,
    );

    const response = await fetch(`${platform.gatewayUrl}/v2/verifications/${rented.id}/events`, {
      headers: { authorization: `Bearer ${customer.tokens.accessToken}` },
      signal: AbortSignal.timeout(20_000),
    });
    let stream = '';
    for await (const chunk of response.body ?? []) stream += Buffer.from(chunk).toString();
    const last = JSON.parse(
      stream
        .split('\n')
        .filter((line) => line.startsWith('data: '))
        .at(-1)
        ?.slice(6) ?? '{}',
    );
    assert.equal(last.status, 'completed');
    assert.match(last.code, /^\d{4,8}$/);

    await until('charged', wallet, ({ held }) => held === '0.00');
    const [charge, ...others] = await charges();
    assert.equal(others.length, 0);
    assert.deepEqual([charge.product, charge.reference], ['verification', rented.id]);
    assert.equal(charge.amount, `-${rented.price}`);
    assert.equal(Number((await wallet()).balance).toFixed(4), (Number(before.balance) - Number(rented.price)).toFixed(4));
    assert.equal(
      expectStatus(await customer.api.post(`/v2/verifications/${rented.id}/cancel`), 409).code,
      'verification.code_already_received',
    );
  });
  it('hears on one stream of everything that happens, and goes on where it was', async () => {
    const headers = { authorization: `Bearer ${customer.tokens.accessToken}` };
    const stream = await openSse(`${platform.gatewayUrl}/v2/stream?types=verification.*`, headers);
    await until(
      'the stream is open',
      async () => stream.seen.length,
      (count) => count > 0,
    );
    const rented = expectStatus(await customer.api.post('/v2/verifications', telegram), 201);
    const named = (client: StreamClient, name: string) =>
      until(
        name,
        async () => client.events().find((event) => event.name === name && event.data.data.id === rented.id),
        (event) => event !== undefined,
      );
    await named(stream, 'verification.created');
    stream.close();
    const resumed = await openSse(`${platform.gatewayUrl}/v2/stream?lastEventId=${stream.lastCursor()}`, headers);
    const received = await named(resumed, 'verification.code_received');
    assert.match(received?.data.data.code, /^\d{4,8}$/);
    await named(resumed, 'verification.completed');
    assert.deepEqual(
      [...stream.events(), ...resumed.events()].filter(({ name }) => name.startsWith('verification.')).map(({ name }) => name),
      ['verification.created', 'verification.code_received', 'verification.completed'],
    );
    resumed.close();
  });
  it('cancels before a code and gets everything back', async () => {
    await platform.simulator({ handlerApi: { noCodeRatio: 1 } });
    const before = await wallet();
    const rented = expectStatus(await customer.api.post('/v2/verifications', telegram), 201);
    assert.equal(expectStatus(await customer.api.post(`/v2/verifications/${rented.id}/cancel`), 200).status, 'cancelled');
    assert.equal(expectStatus(await customer.api.post(`/v2/verifications/${rented.id}/cancel`), 200).status, 'cancelled');
    await until('given back', wallet, ({ held }) => held === '0.00');
    assert.deepEqual(await wallet(), before);
    await platform.simulator({ handlerApi: { noCodeRatio: 0 } });
  });
  it('is refused what the policy blocks and what costs too much', async () => {
    const [blocked] = expectStatus(await customer.api.get('/v2/services?search=paypal'), 200).data;
    assert.equal(blocked?.policyClass, 'blocked');
    assert.equal(
      expectStatus(await customer.api.post('/v2/verifications', { ...telegram, service: blocked.code }), 403).code,
      'verification.service_blocked',
    );
    assert.equal(
      expectStatus(await customer.api.post('/v2/verifications', { ...telegram, maxPrice: '0.01' }), 409).code,
      'verification.price_exceeded',
    );
    const unknown = expectStatus(await customer.api.post('/v2/verifications', { ...telegram, service: 'no-such-thing' }), 422);
    assert.equal(unknown.errors[0].field, 'service');
  });
  it('sends a small campaign; receipts come back; STOP is respected', async () => {
    const people = ['Ada', 'Grace', 'Edith', 'Joan', 'Mary'];
    for (const [index, firstName] of people.entries())
      expectStatus(await customer.api.post('/v2/contacts', { phone: `+4477009001${10 + index}`, firstName }), 201);
    const draft = { name: 'News', body: 'Hello {{ firstName | default: "there" }}', audience: { all: true } };
    const launch = async () => {
      const { id } = expectStatus(await customer.api.post('/v2/campaigns', draft), 201);
      expectStatus(await customer.api.post(`/v2/campaigns/${id}/launch`), 202);
      return until(
        'campaign done',
        async () => expectStatus(await customer.api.get(`/v2/campaigns/${id}`), 200),
        ({ status, counts }) => status === 'completed' && counts.delivered + counts.failed + counts.suppressed === counts.planned,
        20_000,
      );
    };
    const first = await launch();
    assert.deepEqual([first.counts.planned, first.counts.submitted, first.counts.delivered], [5, 5, 5]);
    const sent = (await (await fetch(`${platform.simulatorUrl}/control/submissions`)).json()) as {
      data: { text: string; to: string; from: string }[];
    };
    assert.deepEqual(sent.data.map(({ text }) => text).toSorted(), people.map((name) => `Hello ${name}`).toSorted());

    const stopped = sent.data[0];
    assert.ok(stopped);
    await fetch(`${platform.simulatorUrl}/control/inbound`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ from: stopped.to, to: stopped.from, text: 'Stop.' }),
    });
    const phone = stopped.to.startsWith('+') ? stopped.to : `+${stopped.to}`;
    await until(
      'opted out',
      async () => expectStatus(await customer.api.get(`/v2/contacts?search=${encodeURIComponent(phone)}`), 200).data[0],
      (contact) => contact?.doNotContact === true,
    );
    const second = await launch();
    assert.deepEqual([second.counts.planned, second.counts.submitted, second.counts.delivered, second.counts.suppressed], [5, 4, 4, 1]);
    const charged = (await charges()).filter(({ product }: { product: string }) => product === 'campaign');
    assert.equal(new Set(charged.map(({ reference }: { reference: string }) => reference)).size, 2);
    await until('nothing held any more', wallet, ({ held }) => held === '0.00');
  });
  it('sees the same figures in analytics', async () => {
    const summary = await until(
      'analytics caught up',
      async () => expectStatus(await customer.api.get('/v2/analytics/summary'), 200),
      ({ verifications, messages, spend }) =>
        verifications.completed === 2 && verifications.cancelled === 1 && messages.delivered === 9 && spend.length === 1,
    );
    assert.deepEqual([summary.verifications.purchased, summary.verifications.received], [3, 2]);
    assert.deepEqual(summary.messages, { planned: 10, submitted: 9, delivered: 9, failed: 0, suppressed: 1 });
    assert.deepEqual(summary.toppedUp, [{ currency: 'USD', amount: '20.00' }]);
    const { balance } = await wallet();
    assert.equal((20 - Number(summary.spend[0].amount)).toFixed(4), Number(balance).toFixed(4), 'spend is what left the wallet');
  });
});
