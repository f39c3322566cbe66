/** What a customer and an operator do with transactions, receipts, invoices and adjustments, against the whole platform. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { expectStatus, newCustomer, newOperator, pay, until, type Customer } from '../support/client.ts';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';

describe('transactions, documents, adjustments', () => {
  let platform: TestPlatform;
  let owner: Customer;
  let ann: Customer;
  let bob: Customer;
  const text = async (path: string): Promise<Response> =>
    fetch(`${platform.gatewayUrl}${path}`, { headers: { authorization: `Bearer ${owner.tokens.accessToken}` } });

  before(async () => {
    platform = await startTestPlatform();
    owner = await newCustomer(platform.gatewayUrl, 'Owner Ltd');
    ann = await newOperator(platform);
    bob = await newOperator(platform);
  });
  after(() => platform?.stop());

  it('a payment has a receipt, as JSON and as PDF, for the details of that moment', async () => {
    const details = { name: 'Ünïcode Čo.', address: ['ул. Пушкина 10'], country: 'DE', taxId: 'DE 123456789', timeZone: 'Europe/Berlin' };
    assert.deepEqual(expectStatus(await owner.api.call('PUT', '/v2/billing-details', details), 200), details);
    const bad = expectStatus(await owner.api.call('PUT', '/v2/billing-details', { ...details, timeZone: 'Mars/Olympus' }), 422);
    assert.deepEqual(
      bad.errors.map(({ field }: { field: string }) => field),
      ['timeZone'],
    );
    const payment = await pay(owner.api, '20.00');
    const [receipt] = await until(
      'a receipt',
      async () => expectStatus(await owner.api.get('/v2/receipts'), 200).data,
      (receipts) => receipts.length > 0,
    );
    assert.deepEqual([receipt.payment, receipt.total, receipt.customer.name], [payment.id, '20.00', 'Ünïcode Čo.']);
    const [first, second] = await Promise.all([text(`/v2/receipts/${receipt.id}/pdf`), text(`/v2/receipts/${receipt.id}/pdf`)]);
    assert.equal(first.headers.get('content-type'), 'application/pdf');
    assert.match(first.headers.get('content-disposition') ?? '', new RegExp(`${receipt.number}\\.pdf`));
    const [one, two] = [Buffer.from(await first.arrayBuffer()), Buffer.from(await second.arrayBuffer())];
    assert.equal(one.subarray(0, 5).toString(), '%PDF-');
    assert.equal(Buffer.compare(one, two), 0);
  });

  it('operators credit and debit: alone up to the limit, beyond it two of them; the customer sees the transaction', async () => {
    const { tenantId } = owner;
    const ask = (api: Customer, amount: string, direction = 'credit', key?: string) =>
      api.api.post(
        '/v2/admin/adjustments',
        { tenantId, direction, amount, currency: 'USD', reason: 'goodwill', note: 'Ticket 4711: codes came late' },
        key === undefined ? {} : { 'idempotency-key': key },
      );
    const small = expectStatus(await ask(ann, '5.00', 'credit', 'a-key'), 201);
    assert.deepEqual([small.status, small.amount], ['posted', '5.00']);
    assert.equal(expectStatus(await ask(ann, '5.00', 'credit', 'a-key'), 201).id, small.id);
    assert.equal(expectStatus(await ask(ann, '6.00', 'credit', 'a-key'), 409).code, 'request.idempotency_conflict');
    const large = expectStatus(await ask(ann, '500.00'), 201);
    assert.equal(large.status, 'proposed');
    const approve = (who: Customer) => who.api.post(`/v2/admin/adjustments/${large.id}/approve`, { note: 'seen' });
    assert.equal(expectStatus(await approve(ann), 403).code, 'billing.self_approval');
    const approved = expectStatus(await approve(bob), 200);
    assert.equal(approved.status, 'posted');
    assert.equal(expectStatus(await bob.api.post(`/v2/admin/adjustments/${large.id}/reject`, {}), 409).code, 'billing.adjustment_decided');
    assert.equal(expectStatus(await ask(bob, '90.00', 'debit'), 201).amount, '-90.00');
    assert.equal(expectStatus(await ask(bob, '1.00', 'debit', 'again'), 201).status, 'posted');
    const listed = expectStatus(await bob.api.get(`/v2/admin/adjustments?tenantId=${tenantId}&status=posted`), 200);
    assert.equal(listed.data.length, 4);
    const seen = expectStatus(await owner.api.get(`/v2/transactions/${approved.transactionId}`), 200);
    assert.deepEqual([seen.type, seen.amount, seen.reference], ['adjustment', '500.00', large.id]);
  });

  it('an operator gives a charge back, never more than it was', async () => {
    const bought = expectStatus(await owner.api.post('/v2/verifications', { service: 'telegram', country: 'ID', capability: 'sms' }), 201);
    const [charge] = await until(
      'the charge',
      async () => expectStatus(await owner.api.get(`/v2/transactions?reference=${bought.id}&type=charge`), 200).data,
      (rows) => rows.length > 0,
      30_000,
    );
    const refund = (amount: string) =>
      ann.api.post('/v2/admin/refunds', {
        tenantId: owner.tenantId,
        transactionId: charge.id,
        amount,
        currency: 'USD',
        reason: 'service_failure',
        note: 'the code never worked',
      });
    const whole = charge.amount.slice(1);
    const given = expectStatus(await refund(whole), 201);
    assert.equal(given.refundOf, charge.id);
    assert.equal(expectStatus(await refund('0.000001'), 409).code, 'billing.refund_exceeds_charge');
    const seen = expectStatus(await owner.api.get(`/v2/transactions/${given.transactionId}`), 200);
    assert.deepEqual([seen.type, seen.amount, seen.reverses, seen.product], ['refund', whole, charge.id, 'verification']);
  });

  it('transactions are found by type, product, size and reference, and exported as CSV in the zone that was asked for', async () => {
    const found = async (query: string): Promise<any[]> => expectStatus(await owner.api.get(`/v2/transactions?${query}`), 200).data;
    assert.deepEqual(
      (await found('minAmount=400')).map(({ type }) => type),
      ['adjustment'],
    );
    assert.ok((await found('product=verification')).every(({ product }) => product === 'verification'));
    assert.equal((await found('type=payment')).length, 1);
    for (const query of ['minAmount=-1', 'minAmount=2&maxAmount=1', 'type=odd', 'product=odd', 'cursor=odd'])
      assert.equal((await owner.api.get(`/v2/transactions?${query}`)).status, 422, query);

    const answer = await text('/v2/transactions/export.csv?timeZone=Asia%2FJakarta');
    assert.equal(answer.headers.get('content-type'), 'text/csv; charset=utf-8; header=present');
    const lines = (await answer.text()).split('\r\n');
    assert.equal(lines[0], 'id,time,type,product,amount,currency,balance_after,description,reference,reverses,actor');
    assert.equal(lines.at(-1), '');
    const all = await found('limit=100');
    const ids = lines.slice(1, -1).map((line) => line.split(',')[0]);
    assert.deepEqual(ids, all.map(({ id }) => id).toReversed());
    assert.match(lines[1]?.split(',')[1] ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+07:00$/);
    assert.equal((await text('/v2/transactions/export.csv?timeZone=Mars')).status, 422);
  });

  it('the preview of the running month sums to what was charged', async () => {
    const preview = expectStatus(await owner.api.get('/v2/invoices/preview'), 200);
    const charged = expectStatus(await owner.api.get('/v2/transactions?type=charge&limit=100'), 200).data;
    const cents = (amount: string) => Math.round(Number(amount) * 1e6);
    assert.equal(
      preview.lines.reduce((sum: number, { amount }: { amount: string }) => sum + cents(amount), 0),
      -charged.reduce((sum: number, { amount }: { amount: string }) => sum + cents(amount), 0),
    );
    assert.deepEqual([preview.id, preview.number, preview.timeZone], [null, null, 'Europe/Berlin']);
    assert.deepEqual(expectStatus(await owner.api.get('/v2/invoices'), 200).data, []);
  });
});
