/** A customer pays by each of the four gateways; the money arrives once, and a refused card credits nothing. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { expectStatus, newCustomer, pay, until, type Customer } from '../support/client.ts';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';

describe('payments', () => {
  let platform: TestPlatform;
  let customer: Customer;
  before(async () => {
    platform = await startTestPlatform();
    customer = await newCustomer(platform.gatewayUrl);
  });
  after(() => platform?.stop());

  const balance = async () => expectStatus(await customer.api.get('/v2/wallet'), 200).balance;
  const gateways = ['simulator', 'stripe', 'paystack', 'flutterwave'];

  it('by each gateway, with webhooks that come twice', async () => {
    await platform.simulator({ payments: { nextWebhookFaults: gateways.map(() => 'duplicate') } });
    for (const [index, gateway] of gateways.entries()) {
      const payment = await pay(customer.api, '12.34', 'success', gateway);
      assert.deepEqual([payment.status, payment.gateway, payment.amount], ['succeeded', gateway, '12.34']);
      assert.equal(await balance(), ((1234 * (index + 1)) / 100).toFixed(2));
    }
  });
  it('credits nothing for a declined payment', async () => {
    const before = await balance();
    for (const gateway of gateways) assert.equal((await pay(customer.api, '5.00', 'failure', gateway)).status, 'failed', gateway);
    assert.equal(await balance(), before);
  });
  it('finds a payment whose webhook was lost when the customer looks', async () => {
    await platform.simulator({ payments: { nextWebhookFaults: gateways.map(() => 'lost') } });
    for (const gateway of gateways) assert.equal((await pay(customer.api, '1.00', 'success', gateway)).status, 'succeeded', gateway);
    await until('credited', balance, (value) => value === '53.36');
  });
  it('gives a payment back in parts by each gateway, with the story told by the log; the rest stays', async () => {
    for (const gateway of gateways) {
      const payment = await pay(customer.api, '10.00', 'success', gateway);
      const before = Number(await balance());
      const asked = expectStatus(
        await customer.api.post('/v2/refunds', { paymentId: payment.id, amount: '4.00', reason: 'Not needed' }),
        201,
      );
      assert.equal(Number(await balance()).toFixed(2), (before - 4).toFixed(2), 'at once');
      const done = await until(
        `a refund by ${gateway}`,
        async () => expectStatus(await customer.api.get(`/v2/refunds/${asked.id}`), 200),
        ({ status }) => status !== 'pending',
      );
      assert.deepEqual([done.status, done.amount, done.gateway, done.cause], ['succeeded', '4.00', gateway, 'customer']);
      const more = expectStatus(await customer.api.post('/v2/refunds', { paymentId: payment.id, amount: '6.01', reason: 'r' }), 409);
      assert.equal(more.code, 'billing.refund_exceeds_payment');
      const { data } = expectStatus(await customer.api.get(`/v2/payments/${payment.id}/log`), 200);
      const kinds: string[] = data.map(({ kind }: { kind: string }) => kind);
      for (const kind of ['attempt_started', 'notification_received', 'attempt_succeeded', 'refund_requested', 'refund_succeeded'])
        assert.ok(kinds.includes(kind), `${gateway}: ${kind} in ${kinds.join(', ')}`);
    }
    assert.equal(expectStatus(await customer.api.get('/v2/refunds'), 200).data.length, gateways.length);
  });
  it('pays by another gateway when the customer tries again; what is paid twice goes back by itself', async () => {
    const before = Number(await balance());
    const first = expectStatus(await customer.api.post('/v2/payments', { amount: '7.00', currency: 'USD', gateway: 'stripe' }), 201);
    const again = expectStatus(await customer.api.post(`/v2/payments/${first.id}/retry`, { gateway: 'paystack' }), 200);
    assert.deepEqual([again.id, again.gateway, again.status], [first.id, 'paystack', 'pending']);
    for (const { checkoutUrl } of [first, again])
      await fetch(checkoutUrl, { method: 'POST', body: new URLSearchParams({ outcome: 'success' }), redirect: 'manual' });
    const refunds = await until(
      'the surplus goes back',
      async () => expectStatus(await customer.api.get(`/v2/refunds?paymentId=${first.id}`), 200).data,
      ([refund]) => refund?.status === 'succeeded',
    );
    assert.deepEqual([refunds.length, refunds[0].cause, refunds[0].amount], [1, 'surplus', '7.00']);
    assert.equal(Number(await balance()).toFixed(2), (before + 7).toFixed(2));
    assert.equal(expectStatus(await customer.api.post(`/v2/payments/${first.id}/retry`, {}), 409).code, 'billing.payment_settled');
  });
  it('takes what is disputed out of the wallet, and gives it back when the dispute is won', async () => {
    for (const [gateway, outcome] of [
      ['stripe', 'won'],
      ['paystack', 'lost'],
      ['simulator', 'won'],
    ] as const) {
      const payment = await pay(customer.api, '3.00', 'success', gateway);
      const before = Number(await balance());
      const disputeId = await platform.dispute(payment.checkoutUrl);
      const find = async () => expectStatus(await customer.api.get(`/v2/disputes?paymentId=${payment.id}`), 200).data[0];
      const open = await until(`a dispute by ${gateway}`, find, (dispute) => dispute !== undefined);
      assert.deepEqual([open.status, open.amount, open.uncovered, open.reason], ['open', '3.00', '0.00', 'fraudulent']);
      assert.equal(Number(await balance()).toFixed(2), (before - 3).toFixed(2));
      await platform.decideDispute(disputeId, outcome);
      await until(`it is ${outcome}`, find, ({ status }) => status === outcome);
      assert.equal(Number(await balance()).toFixed(2), (outcome === 'won' ? before : before - 3).toFixed(2));
    }
  });
  it('keeps a card at each gateway, charges it without a page, and fills the wallet from it when it runs low', async () => {
    const other = await newCustomer(platform.gatewayUrl);
    const methods = async () => expectStatus(await other.api.get('/v2/payment-methods'), 200).data;
    const funds = async () => expectStatus(await other.api.get('/v2/wallet'), 200).balance;
    for (const [index, gateway] of gateways.entries()) {
      await pay(other.api, '2.00', 'success', gateway, { saveMethod: true });
      await until(`a card of ${gateway}`, methods, (saved) => saved.length === index + 1);
    }
    for (const { id, gateway, last4 } of await methods()) {
      assert.equal(last4, '4242');
      const asked = { amount: '3.00', currency: 'USD', paymentMethodId: id };
      const payment = expectStatus(await other.api.post('/v2/payments', asked), 201);
      assert.deepEqual([payment.gateway, payment.checkoutUrl], [gateway, null]);
      const done = await until(
        `charged by ${gateway}`,
        async () => expectStatus(await other.api.get(`/v2/payments/${payment.id}`), 200),
        ({ status }) => status !== 'pending',
      );
      assert.equal(done.status, 'succeeded', gateway);
    }
    assert.equal(await funds(), '20.00');
    const rule = { enabled: true, threshold: '25.00', amount: '40.00', monthlyLimit: '40.00', currency: 'USD' };
    assert.equal(expectStatus(await other.api.call('PUT', '/v2/top-up', rule), 200).enabled, true);
    await until('the wallet fills itself', funds, (balance) => balance === '60.00');
    const wrong = expectStatus(await other.api.call('PUT', '/v2/top-up', { ...rule, monthlyLimit: '39.00' }), 422);
    assert.equal(wrong.errors.length, 1);
    assert.equal(expectStatus(await customer.api.call('PUT', '/v2/top-up', rule), 409).code, 'billing.no_payment_method');
  });
  it('chooses a gateway, and the next when it does not answer', async () => {
    await platform.simulator({ payments: { nextCreateFaults: ['http_503'] } });
    const payment = expectStatus(await customer.api.post('/v2/payments', { amount: '5.00', currency: 'USD' }), 201);
    assert.equal(payment.status, 'pending');
    const { data } = expectStatus(await customer.api.get(`/v2/payments/${payment.id}/log`), 200);
    assert.equal(new Set(data.map(({ gateway }: { gateway: string }) => gateway)).size, 2);
  });
  it('refuses a forged webhook and a gateway that does not exist', async () => {
    for (const gateway of gateways) {
      const response = await fetch(`${platform.gatewayUrl}/v2/callbacks/payments/${gateway}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'stripe-signature': 't=1,v1=00', 'x-paystack-signature': 'ab', 'verif-hash': 'no' },
        body: '{}',
      });
      assert.ok(response.status >= 400 && response.status < 500, `${gateway}: ${response.status}`);
    }
    const refused = expectStatus(await customer.api.post('/v2/payments', { amount: '5.00', currency: 'USD', gateway: 'paypal' }), 422);
    assert.ok(refused.errors.some(({ field }: { field: string }) => field === 'gateway'));
  });
});
