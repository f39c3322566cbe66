/** Who spent it, and what stops it: actors of transactions and a budget of one product, through the whole platform. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { type Api, type Customer, expectStatus, newCustomer, newOperator, pay, until } from '../support/client.ts';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';

describe('actors and budgets', () => {
  let platform: TestPlatform;
  let customer: Customer;
  before(async () => {
    platform = await startTestPlatform();
    customer = await newCustomer(platform.gatewayUrl, 'Actors');
    await pay(customer.api, '5.00');
  });
  after(() => platform?.stop());

  const buy = (api: Api) =>
    api.post('/v2/verifications', { service: 'telegram', country: 'ID', capability: 'sms' }, { 'idempotency-key': newId() });
  const charges = (query: string) =>
    until(
      `charges ${query}`,
      async () => expectStatus(await customer.api.get(`/v2/transactions?type=charge&${query}`), 200).data as any[],
      (found) => found.length > 0,
      30_000,
    );

  it('a charge names the member or the key that asked for the number; lists and the file filter by it', async () => {
    const key = expectStatus(await customer.api.post('/v2/api-keys', { name: 'shop', scopes: ['*'] }), 201);
    const byKey = expectStatus(await buy(customer.api.as(key.key)), 201);
    const byOwner = expectStatus(await buy(customer.api), 201);
    const [ofKey, ...others] = await charges(`actor=${key.id}`);
    assert.deepEqual([ofKey.reference, ofKey.actor, others.length], [byKey.id, key.id, 0]);
    const [ofOwner] = await charges(`actor=${customer.userId}`);
    assert.deepEqual([ofOwner.reference, ofOwner.actor], [byOwner.id, customer.userId]);
    const csv = expectStatus(await customer.api.get(`/v2/transactions/export.csv?actor=${key.id}`), 200);
    const lines = String(csv).trimEnd().split('\r\n');
    assert.equal(lines.length, 2);
    assert.ok(lines[1]?.endsWith(`,${key.id}`));
    const wrong = expectStatus(await customer.api.get('/v2/transactions?actor=somebody'), 422);
    assert.equal(wrong.errors[0].field, 'actor');
  });

  it('what the provider takes for a number is in the books, and what is left of the charge is told to operators', async () => {
    const operator = await newOperator(platform);
    const day = new Date().toISOString().slice(0, 10);
    const [line] = await until(
      'costs of both numbers',
      async () => expectStatus(await operator.api.get(`/v2/admin/margins?from=${day}&to=${day}&product=verification`), 200).data as any[],
      (lines) => lines.length === 1 && lines[0].charges === 2 && lines[0].cost !== '0.00',
    );
    assert.ok(line.provider !== null && Number(line.cost) > 0 && Number(line.charged) > Number(line.cost), JSON.stringify(line));
    assert.equal(Number(line.margin).toFixed(6), (Number(line.charged) - Number(line.refunded) - Number(line.cost)).toFixed(6));
    expectStatus(await customer.api.get(`/v2/admin/margins?from=${day}&to=${day}`), 403);
    assert.equal(expectStatus(await operator.api.get(`/v2/admin/margins?from=${day}&to=2020-01-01`), 422).errors[0].field, 'to');
  });

  it('a hard budget of one product refuses it by name, with the moment at which it begins anew', async () => {
    const budget = expectStatus(
      await customer.api.post('/v2/budgets', {
        ...{ name: 'Numbers', interval: 'daily', product: 'verification', amount: '0.01', currency: 'USD', hard: true },
        timeZone: 'Asia/Jakarta',
      }),
      201,
    );
    const refused = expectStatus(await buy(customer.api), 402);
    assert.deepEqual(
      [refused.code, refused.budget, refused.product, refused.resetsAt],
      ['billing.budget_exhausted', 'Numbers', 'verification', budget.windowEndsAt],
    );
    expectStatus(await customer.api.call('DELETE', `/v2/budgets/${budget.id}`), 204);
    expectStatus(await buy(customer.api), 201);
  });
});
