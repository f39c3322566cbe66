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
