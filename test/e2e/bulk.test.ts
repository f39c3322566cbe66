/** Many numbers in one order, through the whole platform: one hold, each charged or given back by itself, and books that agree. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { type Customer, expectStatus, newCustomer, pay, until } from '../support/client.ts';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';

describe('bulk orders', () => {
  let platform: TestPlatform;
  let customer: Customer;
  before(async () => {
    platform = await startTestPlatform();
    customer = await newCustomer(platform.gatewayUrl, 'Bulk');
    await pay(customer.api, '5.00');
  });
  after(() => platform?.stop());

  const look = async (id: string) => expectStatus(await customer.api.get(`/v2/verifications/bulk/${id}?limit=100`), 200);
  const wallet = async () => expectStatus(await customer.api.get('/v2/wallet'), 200);

  it('hold the sum, deliver, charge what was delivered, and give the rest back', async () => {
    const body = {
      items: [
        { service: 'telegram', country: 'ID', count: 4 },
        { service: 'no-such-thing', country: 'ID' },
      ],
    };
    const key = { 'idempotency-key': newId() };
    const taken = expectStatus(await customer.api.post('/v2/verifications/bulk', body, key), 202);
    assert.equal(taken.reserved, '1.12');
    assert.equal(expectStatus(await customer.api.post('/v2/verifications/bulk', body, key), 202).id, taken.id);
    assert.equal(
      expectStatus(await customer.api.post('/v2/verifications/bulk', { items: body.items.slice(0, 1) }, key), 409).code,
      'request.idempotency_conflict',
    );
    const delivered = await until(
      'codes for all',
      () => look(taken.id),
      ({ progress, status }) => progress.received + progress.completed === 4 && status === 'completed',
      30_000,
    );
    assert.deepEqual([delivered.charged, delivered.progress.failed, delivered.progress.total], ['1.12', 1, 5]);
    assert.equal(delivered.items.data[4].reason, 'verification.not_offered');
    assert.ok(delivered.items.data.slice(0, 4).every(({ verification }: any) => verification.code && verification.phoneNumber));
    const after = await until('nothing held', wallet, ({ held }) => held === '0.00');
    assert.equal(after.balance, '3.88');
    const charges = expectStatus(await customer.api.get('/v2/transactions?type=charge&limit=10'), 200).data;
    assert.equal(charges.length, 4);
    const listed = expectStatus(await customer.api.get('/v2/verifications/bulk'), 200).data;
    assert.deepEqual(
      listed.map(({ id }: { id: string }) => id),
      [taken.id],
    );
  });

  it('are refused whole without credit for the sum, and taken back whole before a code comes', async () => {
    const poor = await newCustomer(platform.gatewayUrl, 'Poor');
    const answer = await poor.api.post('/v2/verifications/bulk', { items: [{ service: 'telegram', country: 'ID', count: 100 }] });
    assert.equal(expectStatus(answer, 402).code, 'billing.insufficient_credit');
    assert.deepEqual(expectStatus(await poor.api.get('/v2/verifications'), 200).data, []);
    await platform.simulator({ handlerApi: { codeDelayMinMs: 600_000, codeDelayMaxMs: 600_000 } });
    const { balance } = await wallet();
    const taken = expectStatus(
      await customer.api.post('/v2/verifications/bulk', { items: [{ service: 'telegram', country: 'ID', count: 5 }] }),
      202,
    );
    await until(
      'all bought',
      () => look(taken.id),
      ({ progress }) => progress.pending === 0,
    );
    assert.ok(expectStatus(await customer.api.post(`/v2/verifications/bulk/${taken.id}/cancel`, {}), 202).cancelAskedAt);
    const ended = await until(
      'all cancelled',
      () => look(taken.id),
      ({ status }) => status === 'completed',
      30_000,
    );
    assert.deepEqual([ended.progress.cancelled, ended.charged], [5, '0.00']);
    const after = await until('nothing held', wallet, ({ held }) => held === '0.00');
    assert.equal(after.balance, balance);
    assert.equal(
      (await customer.api.post(`/v2/verifications/bulk/${taken.id}/cancel`, {})).status,
      202,
      'repeated, it answers how far it is',
    );
  });

  it('are limited, and wrong ones are told by field', async () => {
    const over = await customer.api.post('/v2/verifications/bulk', {
      items: [
        { service: 'telegram', country: 'ID', count: 60 },
        { service: 'telegram', country: 'GB', count: 41 },
      ],
    });
    assert.equal(expectStatus(over, 422).errors[0].field, 'items');
    const currency = await customer.api.post('/v2/verifications/bulk', { items: [{ service: 'telegram', country: 'XYZ' }] });
    assert.match(expectStatus(currency, 422).errors[0].field, /items.*country/);
  });
});
