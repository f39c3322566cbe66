/** Requests are counted exactly, budgets and pauses stop purchases, alerts reach the owner: through the whole platform. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { expectStatus, mailsTo, newCustomer, newOperator, until, type Api, type Customer } from '../support/client.ts';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';

const purchase = { service: 'telegram', country: 'ID', capability: 'sms' };

describe('usage, budgets and alerts', () => {
  let platform: TestPlatform;
  let customer: Customer;
  let operator: Api;
  before(async () => {
    platform = await startTestPlatform({
      env: { gateway: { USAGE_REPORT_INTERVAL_MS: '100' }, billing: { USAGE_ALERT_INTERVAL_MS: '100', USAGE_CHARGE_INTERVAL_MS: '100' } },
    });
    customer = await newCustomer(platform.gatewayUrl);
    operator = (await newOperator(platform)).api;
  });
  after(() => platform?.stop());

  const counted = async (api: Api): Promise<number> => {
    const { data } = expectStatus(await api.get('/v2/usage?meter=api.calls'), 200);
    return data.reduce((sum: number, { quantity }: { quantity: string }) => sum + Number(quantity), 0);
  };

  it('counts every request once, refused ones too, and none of a stranger', async () => {
    const { api } = await newCustomer(platform.gatewayUrl);
    let made = 0;
    for (const path of ['/v2/wallet', '/v2/me', '/v2/contacts/nonsense', '/v2/transactions?limit=0'])
      for (let count = 0; count < 10; count++, made++) await api.get(path);
    // Those that look are counted as well: between two looks lies exactly the first of them.
    let looks = 0;
    const settled = await until(
      'all requests are counted',
      async () => {
        const seen = await counted(api);
        looks += 1;
        return { seen, expected: made + looks - 1 };
      },
      ({ seen, expected }) => seen === expected,
    );
    assert.equal(settled.seen, settled.expected);
    const [period] = expectStatus(await api.get('/v2/usage/periods?meter=api.calls'), 200).data;
    assert.deepEqual([period.plan, period.included, period.overage, period.amount, period.owed], ['starter', '100000', '0', '0.00', false]);
    const forecast = expectStatus(await api.get('/v2/usage/forecast'), 200);
    assert.equal(forecast.startsAt, period.startsAt);
    assert.ok(Number(forecast.lines[0].expectedQuantity) >= Number(forecast.lines[0].quantity));
  });

  it('a verification counts when its code has come', async () => {
    await platform.grantCredit(customer.tenantId, '20.00');
    expectStatus(await customer.api.post('/v2/verifications', purchase), 201);
    await until(
      'the verification is counted',
      async () => expectStatus(await customer.api.get('/v2/usage?meter=verifications'), 200).data,
      (data) => data.length === 1 && data[0].quantity === '1',
    );
  });

  it('a hard budget and a pause refuse a purchase with the reason; lifted, it goes on', async () => {
    const { api } = customer;
    const [spent] = await until(
      'the verification is charged',
      async () => expectStatus(await api.get('/v2/transactions?type=charge'), 200).data,
      (data) => data.length === 1,
    );
    const amount = String(spent.amount).replace('-', '');
    const budget = expectStatus(
      await api.post('/v2/budgets', { name: 'Today', interval: 'daily', amount, currency: 'USD', hard: true, alertAtPercent: [100] }),
      201,
    );
    assert.deepEqual([budget.spent, budget.remaining], [amount, '0.00']);
    assert.equal(expectStatus(await api.post('/v2/verifications', purchase), 402).code, 'billing.budget_exhausted');
    expectStatus(await api.call('PATCH', `/v2/budgets/${budget.id}`, { amount: '50.00' }), 200);
    expectStatus(await api.post('/v2/verifications', purchase), 201);
    assert.equal(expectStatus(await api.post('/v2/spending/pause', { reason: 'Key was leaked' }), 200).paused, true);
    assert.equal(expectStatus(await api.post('/v2/verifications', purchase), 402).code, 'billing.spending_paused');
    expectStatus(await operator.post(`/v2/admin/tenants/${customer.tenantId}/spending/pause`), 200);
    const left = expectStatus(await api.post('/v2/spending/resume'), 200);
    assert.deepEqual(
      left.pauses.map(({ source }: { source: string }) => source),
      ['operator'],
    );
    assert.equal(expectStatus(await api.post('/v2/verifications', purchase), 402).code, 'billing.spending_paused');
    expectStatus(await operator.post(`/v2/admin/tenants/${customer.tenantId}/spending/resume`), 200);
    expectStatus(await api.post('/v2/verifications', purchase), 201);
    expectStatus(await api.call('DELETE', `/v2/budgets/${budget.id}`), 204);
    expectStatus(await api.get(`/v2/budgets/${budget.id}`), 404);
  });

  it('an alert fires once, is in its history, and one mail goes to the owner', async () => {
    const { api } = customer;
    const alert = expectStatus(
      await api.post('/v2/usage-alerts', { name: 'Balance is low', metric: 'wallet_balance', threshold: '1000.00', direction: 'down' }),
      201,
    );
    const events = await until(
      'the alert has fired',
      async () => expectStatus(await api.get(`/v2/usage-alerts/${alert.id}/events`), 200).data,
      (data) => data.length > 0,
    );
    assert.deepEqual([events.length, events[0].number, events[0].threshold], [1, '1', '1000.00']);
    const about = async () =>
      (await mailsTo(platform.simulatorUrl, customer.email)).filter(({ subject }) => subject === 'Alert: Balance is low');
    const [mail] = await until('the mail was sent', about, (mails) => mails.length > 0);
    assert.match(mail?.text ?? '', /balance.*1000\.00/is);
    // Spent again below the threshold: nothing is crossed, nobody is told again.
    expectStatus(await api.post('/v2/verifications', purchase), 201);
    await until(
      'every purchase is charged',
      async () => expectStatus(await api.get('/v2/wallet'), 200),
      ({ held }) => held === '0.00',
    );
    assert.equal(expectStatus(await api.get(`/v2/usage-alerts/${alert.id}`), 200).fired, '1');
    assert.equal((await about()).length, 1);
    assert.equal(expectStatus(await api.call('PATCH', `/v2/usage-alerts/${alert.id}`, { enabled: false }), 200).enabled, false);
  });

  it('names the field that is wrong', async () => {
    const { api } = customer;
    const fields = async (path: string, body: unknown): Promise<string[]> =>
      expectStatus(await api.post(path, body), 422).errors.map(({ field }: { field: string }) => field);
    assert.deepEqual(await fields('/v2/usage-alerts', { name: 'x', metric: 'included_percent', threshold: '80' }), ['meter']);
    assert.deepEqual(
      await fields('/v2/budgets', { name: 'x', interval: 'daily', amount: '1.00', currency: 'USD', hard: true, timeZone: 'Mars/Olympus' }),
      ['timeZone'],
    );
    assert.equal(expectStatus(await api.get('/v2/usage?from=2026-02-30'), 422).errors[0].field, 'from');
    assert.equal(expectStatus(await api.get('/v2/usage?meter=nonsense'), 422).errors[0].field, 'meter');
  });
});
