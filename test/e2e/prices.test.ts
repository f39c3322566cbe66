/** A price is promised, changed, discounted, charged and explained, through the whole platform. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Api, type Customer, expectStatus, newCustomer, newOperator, pay, until } from '../support/client.ts';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';

const telegram = { service: 'telegram', country: 'ID' };

/** Exact decimals, added. */
const sum = (amounts: readonly string[]): bigint =>
  amounts.reduce((total, amount) => {
    const [whole = '', fraction = ''] = amount.replace('-', '').split('.');
    const attos = BigInt(whole + fraction.padEnd(18, '0'));
    return amount.startsWith('-') ? total - attos : total + attos;
  }, 0n);

describe('prices', () => {
  let platform: TestPlatform;
  let customer: Customer;
  let ada: Api;
  let bob: Api;
  before(async () => {
    platform = await startTestPlatform();
    const [shop, first, second] = await Promise.all([
      newCustomer(platform.gatewayUrl, 'Shop'),
      newOperator(platform),
      newOperator(platform),
    ]);
    customer = shop;
    ada = first.api;
    bob = second.api;
    await pay(customer.api, '20.00');
  });
  after(() => platform?.stop());

  const ownPrice = async (): Promise<string> =>
    expectStatus(await customer.api.get('/v2/prices?service=telegram&country=ID'), 200).data[0].price;
  const buy = async (body: object = {}) => expectStatus(await customer.api.post('/v2/verifications', { ...telegram, ...body }), 201);
  const charged = async (reference: string) =>
    until(
      'a charge',
      async () => expectStatus(await customer.api.get(`/v2/transactions?type=charge&reference=${reference}`), 200).data[0],
      (entry) => entry !== undefined,
    );
  const assertExplained = (story: any, amount: string): void => {
    assert.equal(story.quote.total, amount);
    for (const { unit } of story.quote.items) assert.equal(sum(unit.lines.map((line: any) => line.amount)), sum([unit.price]));
  };

  it('are the list price at first, for visitors and for a new customer', async () => {
    const visitor = await customer.api.as(undefined).get('/v2/services/telegram/prices?country=ID');
    assert.equal(expectStatus(visitor, 200).data[0].price, '0.28');
    assert.match(visitor.headers.get('cache-control') ?? '', /public/);
    assert.equal(await ownPrice(), '0.28');
  });

  it('are promised by a quote, which holds when they change, and explained line by line', async () => {
    const quote = expectStatus(await customer.api.post('/v2/quotes', { product: 'verification', ...telegram }), 201);
    assert.equal(quote.total, '0.28');
    assert.deepEqual(expectStatus(await customer.api.get(`/v2/quotes/${quote.id}`), 200).items, quote.items);

    const book = {
      ...{ scope: 'tenant', tenantId: customer.tenantId, note: 'Contract 7' },
      rules: [{ match: { product: 'verification', service: 'telegram' }, price: { multiple: '0.9' }, rounding: 'micro' }],
    };
    const draft = expectStatus(await ada.post('/v2/admin/price-books', book), 201);
    assert.equal(expectStatus(await ada.post(`/v2/admin/price-books/${draft.id}/publish`, {}), 403).code, 'billing.second_person_needed');
    const trial = { tenantId: customer.tenantId, item: { product: 'verification', ...telegram }, listPrice: '0.28', draftId: draft.id };
    assert.equal(expectStatus(await ada.post('/v2/admin/price-books/try', trial), 200).unit.price, '0.252');
    assert.equal(await ownPrice(), '0.28');
    expectStatus(await ada.post(`/v2/admin/price-books/${draft.id}/propose`, {}), 200);
    assert.equal(
      expectStatus(await ada.post(`/v2/admin/price-books/${draft.id}/decide`, { approve: true }), 403).code,
      'billing.second_person_needed',
    );
    const published = expectStatus(await bob.post(`/v2/admin/price-books/${draft.id}/decide`, { approve: true }), 200);
    assert.deepEqual([published.state, published.version], ['published', 1]);
    assert.equal(await ownPrice(), '0.252');

    const promised = await buy({ quoteId: quote.id });
    assert.equal(promised.price, '0.28');
    // Purchases hear of the new book by an event.
    const cheaper = await until('the new price', buy, ({ price }) => price === '0.252');
    expectStatus(await customer.api.post('/v2/verifications', { ...telegram, country: 'GB', quoteId: quote.id }), 409);

    const entry = await charged(promised.id);
    assert.equal(entry.amount, '-0.28');
    const story = expectStatus(await customer.api.get(`/v2/transactions/${entry.id}/explain`), 200);
    assert.equal(story.quote.id, quote.id);
    assertExplained(story, '0.28');
    await charged(cheaper.id);
    const price = expectStatus(await customer.api.get(`/v2/verifications/${cheaper.id}/price`), 200);
    assertExplained(price, '0.252');
    assert.deepEqual(
      price.quote.items[0].unit.lines.map(({ kind, amount }: any) => `${kind} ${amount}`),
      ['list 0.28', 'rule -0.028'],
    );
    assert.equal(price.quote.items[0].unit.book, `tenant:${customer.tenantId}`);
  });

  it('get lower by a code, and a credit is in the wallet once', async () => {
    const make = async (body: object) => expectStatus(await ada.post('/v2/admin/promotions', body), 201);
    await make({ code: 'half-off', kind: 'percent', percent: '50', products: ['verification'], benefitDays: 30 });
    await make({ code: 'WELCOME-5', kind: 'credit', amount: '5.00', totalLimit: 10 });
    expectStatus(await customer.api.post('/v2/promotions/redeem', { code: 'HALF-OFF' }), 201);
    assert.equal(await ownPrice(), '0.126');
    await until('the discount', buy, ({ price }) => price === '0.126');

    const before = Number(expectStatus(await customer.api.get('/v2/wallet'), 200).balance);
    const key = { 'idempotency-key': 'redeem-once' };
    const answers = await Promise.all([1, 2, 3].map(() => customer.api.post('/v2/promotions/redeem', { code: 'welcome-5' }, key)));
    assert.equal(new Set(answers.map((answer) => expectStatus(answer, 201).id)).size, 1);
    const again = expectStatus(await customer.api.post('/v2/promotions/redeem', { code: 'welcome-5' }), 409);
    assert.equal(again.code, 'billing.promotion_refused');
    const promotions = expectStatus(await customer.api.get('/v2/transactions?type=promotion'), 200).data;
    assert.deepEqual(
      promotions.map(({ amount }: any) => amount),
      ['5.00'],
    );
    assert.ok(Number(expectStatus(await customer.api.get('/v2/wallet'), 200).balance) > before);
    assert.equal(expectStatus(await customer.api.get('/v2/promotions'), 200).data.length, 2);
  });

  it('of a campaign are one: promised for its countries, held, charged, explained', async () => {
    expectStatus(await customer.api.post('/v2/contacts', { phone: '+447700900123', firstName: 'Ada' }), 201);
    expectStatus(await customer.api.post('/v2/contacts', { phone: '+12025550123', firstName: 'Bob' }), 201);
    const rules = [{ match: { product: 'campaign', country: 'GB' }, price: { fixed: '0.0333' }, net: true, rounding: 'micro' }];
    const draft = expectStatus(await ada.post('/v2/admin/price-books', { scope: 'plan', plan: 'starter', rules }), 201);
    expectStatus(await ada.post(`/v2/admin/price-books/${draft.id}/publish`, {}), 200);
    const toBritain = expectStatus(await customer.api.get('/v2/prices?product=campaign&country=gb'), 200).data;
    assert.deepEqual([toBritain.length, toBritain[0].price], [1, '0.0333']);
    assert.equal(expectStatus(await customer.api.get('/v2/prices?product=campaign'), 422).errors[0].field, 'country');
    const campaign = expectStatus(
      await customer.api.post('/v2/campaigns', { name: 'c', body: 'Hello {{ firstName }}', audience: { all: true } }),
      201,
    );
    const launched = await customer.api.post(`/v2/campaigns/${campaign.id}/launch`, {});
    assert.ok(launched.status < 300, JSON.stringify(launched.body));
    await until(
      'completed',
      async () => expectStatus(await customer.api.get(`/v2/campaigns/${campaign.id}`), 200),
      ({ status }) => status === 'completed',
    );
    const entry = await charged(campaign.id);
    const story = expectStatus(await customer.api.get(`/v2/transactions/${entry.id}/explain`), 200);
    const units = Object.fromEntries(story.quote.items.map(({ item, unit }: any) => [item.country, unit.price]));
    assert.equal(units.GB, '0.0333');
    assert.notEqual(units.US, units.GB);
    await until(
      'all of it charged',
      async () => expectStatus(await customer.api.get(`/v2/transactions/${entry.id}/explain`), 200),
      ({ charged: total }) => total === story.quote.total,
    );
  });
});
