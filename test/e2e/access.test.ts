/**
 * Every route × every wrong caller, against the whole platform. The table must name every route of the gateway: a new
 * route without a row fails here.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { routeTable } from '../../services/gateway/testing/route-table.ts';
import { expectStatus, newCustomer, newMember, newOperator, pay, until, type Api, type Customer } from '../support/client.ts';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';

interface Row {
  /** operator: for those who run the platform; nobody in a tenant, its owner included, may call it. */
  readonly kind: 'public' | 'read' | 'write' | 'admin' | 'operator';
  /** Names a resource of the owner's tenant in the path. */
  readonly resource?:
    | 'verification'
    | 'rental'
    | 'payment'
    | 'refund'
    | 'dispute'
    | 'paymentMethod'
    | 'transaction'
    | 'receipt'
    | 'contact'
    | 'campaign'
    | 'apiKey'
    | 'quote'
    | 'batch'
    | 'budget'
    | 'usageAlert'
    | 'webhook';
  readonly body?: unknown;
  /** What a route insists on in its query, with the question mark. */
  readonly query?: string;
}

const table: Readonly<Record<string, Row>> = {
  'POST /v2/auth/register': { kind: 'public' },
  'POST /v2/auth/login': { kind: 'public' },
  'POST /v2/auth/refresh': { kind: 'public' },
  'POST /v2/auth/logout': { kind: 'public' },
  'POST /v2/auth/verify-email': { kind: 'public' },
  'POST /v2/auth/resend-verification': { kind: 'public' },
  'GET /v2/me': { kind: 'read' },
  'GET /.well-known/jwks.json': { kind: 'public' },
  'GET /v2/members': { kind: 'read' },
  'POST /v2/invitations': { kind: 'admin', body: { email: 'new@example.com', role: 'staff' } },
  'POST /v2/invitations/accept': { kind: 'public' },
  'GET /v2/email-deliveries': { kind: 'read' },
  'POST /v2/api-keys': { kind: 'admin', body: { name: 'k' } },
  'GET /v2/api-keys': { kind: 'read' },
  'DELETE /v2/api-keys/:id': { kind: 'admin', resource: 'apiKey' },
  'GET /v2/services': { kind: 'public' },
  'GET /v2/service-status': { kind: 'public' },
  'GET /v2/verifications/:id/route': { kind: 'read', resource: 'verification' },
  'GET /v2/admin/providers': { kind: 'operator' },
  'GET /v2/admin/providers/:name/adjustments': { kind: 'operator' },
  'POST /v2/admin/providers/:name/adjustments': {
    kind: 'operator',
    body: { kind: 'top_up', amount: '1.00', reference: 'r', note: 'n' },
  },
  'GET /v2/admin/routes': { kind: 'operator' },
  'POST /v2/admin/providers/:name/pause': { kind: 'operator', body: { note: 'maintenance' } },
  'POST /v2/admin/providers/:name/resume': { kind: 'operator' },
  'GET /v2/countries': { kind: 'public' },
  'GET /v2/operators': { kind: 'public' },
  'GET /v2/area-codes': { kind: 'public' },
  'GET /v2/services/:code/prices': { kind: 'public' },
  'GET /v2/wallet': { kind: 'read' },
  'GET /v2/wallet/credits': { kind: 'read' },
  'GET /v2/transactions': { kind: 'read' },
  'GET /v2/transactions/export.csv': { kind: 'read' },
  'GET /v2/transactions/:id': { kind: 'read', resource: 'transaction' },
  'GET /v2/invoices': { kind: 'read' },
  'GET /v2/invoices/preview': { kind: 'read' },
  'GET /v2/invoices/:id': { kind: 'read', resource: 'receipt' },
  'GET /v2/invoices/:id/pdf': { kind: 'read', resource: 'receipt' },
  'GET /v2/receipts': { kind: 'read' },
  'GET /v2/receipts/:id': { kind: 'read', resource: 'receipt' },
  'GET /v2/receipts/:id/pdf': { kind: 'read', resource: 'receipt' },
  'GET /v2/billing-details': { kind: 'read' },
  'PUT /v2/billing-details': { kind: 'admin', body: { name: 'Acme', address: ['1 Street'], country: 'GB' } },
  'POST /v2/admin/adjustments': { kind: 'operator' },
  'POST /v2/admin/refunds': { kind: 'operator' },
  'GET /v2/admin/adjustments': { kind: 'operator' },
  'GET /v2/admin/adjustments/:id': { kind: 'operator' },
  'GET /v2/admin/margins': { kind: 'operator' },
  'POST /v2/admin/adjustments/:id/approve': { kind: 'operator' },
  'POST /v2/admin/adjustments/:id/reject': { kind: 'operator' },
  'GET /v2/plans': { kind: 'public' },
  'GET /v2/subscription': { kind: 'read' },
  'POST /v2/subscription': { kind: 'admin', body: { plan: 'pro', interval: 'month' } },
  'POST /v2/subscription/preview': { kind: 'read', body: { plan: 'pro', interval: 'month' } },
  'POST /v2/subscription/cancel': { kind: 'admin' },
  'POST /v2/subscription/resume': { kind: 'admin' },
  'PUT /v2/subscription/time-zone': { kind: 'admin', body: { timeZone: 'Europe/Berlin' } },
  'GET /v2/subscription/periods': { kind: 'read' },
  'POST /v2/payments': { kind: 'write', body: { amount: '5.00', currency: 'USD', gateway: 'simulator' } },
  'GET /v2/payments': { kind: 'read' },
  'GET /v2/payments/:id': { kind: 'read', resource: 'payment' },
  'GET /v2/payments/:id/log': { kind: 'read', resource: 'payment' },
  'POST /v2/payments/:id/retry': { kind: 'admin', resource: 'payment' },
  'POST /v2/refunds': { kind: 'admin', body: { paymentId: 'pay_00000000000000000000000000', reason: 'r' } },
  'GET /v2/refunds': { kind: 'read' },
  'GET /v2/refunds/:id': { kind: 'read', resource: 'refund' },
  'GET /v2/payment-methods': { kind: 'read' },
  'DELETE /v2/payment-methods/:id': { kind: 'admin', resource: 'paymentMethod' },
  'POST /v2/payment-methods/:id/default': { kind: 'admin', resource: 'paymentMethod' },
  'GET /v2/top-up': { kind: 'read' },
  'PUT /v2/top-up': {
    kind: 'admin',
    body: { enabled: false, threshold: '1.00', amount: '5.00', monthlyLimit: '50.00', currency: 'USD' },
  },
  'GET /v2/disputes': { kind: 'read' },
  'GET /v2/disputes/:id': { kind: 'read', resource: 'dispute' },
  'GET /v2/admin/disputes': { kind: 'operator' },
  'POST /v2/admin/payment-refunds': { kind: 'operator' },
  'GET /v2/prices': { kind: 'read' },
  'POST /v2/quotes': { kind: 'write', body: { product: 'verification', service: 'telegram', country: 'ID' } },
  'GET /v2/quotes/:id': { kind: 'read', resource: 'quote' },
  'GET /v2/transactions/:id/explain': { kind: 'read', resource: 'transaction' },
  'GET /v2/verifications/:id/price': { kind: 'read', resource: 'verification' },
  'POST /v2/promotions/redeem': { kind: 'admin', body: { code: 'NO-SUCH-CODE' } },
  'GET /v2/promotions': { kind: 'read' },
  'GET /v2/admin/price-books': { kind: 'operator' },
  'POST /v2/admin/price-books': { kind: 'operator', body: { scope: 'default', rules: [] } },
  'POST /v2/admin/price-books/try': { kind: 'operator' },
  'GET /v2/admin/price-books/:id': { kind: 'operator' },
  'PUT /v2/admin/price-books/:id': { kind: 'operator' },
  'POST /v2/admin/price-books/:id/publish': { kind: 'operator' },
  'POST /v2/admin/price-books/:id/propose': { kind: 'operator' },
  'POST /v2/admin/price-books/:id/decide': { kind: 'operator', body: { approve: true } },
  'POST /v2/admin/price-books/:id/end': { kind: 'operator' },
  'POST /v2/admin/promotions': { kind: 'operator', body: { code: 'X', kind: 'percent' } },
  'GET /v2/admin/promotions': { kind: 'operator' },
  'POST /v2/admin/promotions/:id/end': { kind: 'operator' },
  'POST /v2/verifications': { kind: 'write', body: { service: 'telegram', country: 'ID', capability: 'sms' } },
  'GET /v2/verifications': { kind: 'read' },
  'GET /v2/verifications/:id': { kind: 'read', resource: 'verification' },
  'POST /v2/verifications/:id/cancel': { kind: 'write', resource: 'verification' },
  'GET /v2/rentals/offers': { kind: 'read', query: '?service=telegram&country=ID' },
  'POST /v2/rentals': { kind: 'write', body: { service: 'telegram', country: 'ID', duration: '1h' } },
  'GET /v2/rentals': { kind: 'read' },
  'GET /v2/rentals/:id': { kind: 'read', resource: 'rental' },
  'PATCH /v2/rentals/:id': { kind: 'write', resource: 'rental', body: { autoRenew: false } },
  'GET /v2/rentals/:id/messages': { kind: 'read', resource: 'rental' },
  'GET /v2/rentals/export.csv': { kind: 'read' },
  'GET /v2/rentals/:id/messages/export.csv': { kind: 'read', resource: 'rental' },
  'POST /v2/rentals/:id/extend': { kind: 'write', resource: 'rental', body: { duration: '1h' } },
  'POST /v2/rentals/:id/release': { kind: 'write', resource: 'rental' },
  'GET /v2/verifications/:id/events': { kind: 'read', resource: 'verification' },
  'GET /v2/verifications/export.csv': { kind: 'read' },
  'GET /v2/verifications/:id/messages': { kind: 'read', resource: 'verification' },
  'GET /v2/verifications/:id/events.json': { kind: 'read', resource: 'verification' },
  'POST /v2/verifications/:id/another-code': { kind: 'write', resource: 'verification' },
  'POST /v2/verifications/:id/retry': { kind: 'write', resource: 'verification' },
  'POST /v2/verifications/:id/report': { kind: 'write', resource: 'verification', body: { reason: 'number_already_used' } },
  'POST /v2/verifications/bulk': { kind: 'write', body: { items: [{ service: 'telegram', country: 'ID' }] } },
  'GET /v2/verifications/bulk': { kind: 'read' },
  'GET /v2/verifications/bulk/:id': { kind: 'read', resource: 'batch' },
  'POST /v2/verifications/bulk/:id/cancel': { kind: 'write', resource: 'batch' },
  'GET /v2/policy': { kind: 'read' },
  'POST /v2/policy/acknowledge': { kind: 'admin' },
  'GET /v2/admin/tenants/:id/policy': { kind: 'operator' },
  'GET /v2/admin/tenants/:id/plan': { kind: 'operator' },
  'PUT /v2/admin/tenants/:id/plan': { kind: 'operator', body: { plan: 'pro', reason: 'because of a test' } },
  'PUT /v2/admin/tenants/:id/kyc': { kind: 'operator', body: { level: 0, note: 'because of a test' } },
  'PUT /v2/admin/tenants/:id/limits': { kind: 'operator', body: { limits: {}, note: 'because of a test' } },
  'PUT /v2/admin/tenants/:id/services/:service': { kind: 'operator', body: { policyClass: 'open', note: 'because of a test' } },
  'GET /v2/admin/kill-switches': { kind: 'operator' },
  'POST /v2/admin/kill-switches': { kind: 'operator', body: { scope: 'service', target: 'no-such', reason: 'because of a test' } },
  'POST /v2/admin/kill-switches/:id/lift': { kind: 'operator', body: { reason: 'because of a test' } },
  'GET /v2/admin/policy-decisions': { kind: 'operator' },
  'GET /v2/stream': { kind: 'read' },
  'GET /v2/admin/leakage': { kind: 'operator' },
  'GET /v2/admin/leakage/export.csv': { kind: 'operator' },
  'GET /v2/admin/bans': { kind: 'operator' },
  'POST /v2/admin/bans': { kind: 'operator', body: { phoneNumber: '+15550100', service: 'no-such', days: 1, reason: 'because of a test' } },
  'POST /v2/admin/bans/:id/lift': { kind: 'operator', body: { reason: 'because of a test' } },
  'POST /v2/abuse-reports': { kind: 'public' },
  'GET /v2/admin/abuse-reports': { kind: 'operator' },
  'POST /v2/admin/abuse-reports/:id/decide': { kind: 'operator', body: { decision: 'dismiss', note: 'because of a test' } },
  'GET /v2/usage': { kind: 'read' },
  'GET /v2/usage/periods': { kind: 'read' },
  'GET /v2/usage/forecast': { kind: 'read' },
  'POST /v2/usage-alerts': { kind: 'write', body: { name: 'a', metric: 'usage_quantity', meter: 'api.calls', threshold: '1000000' } },
  'GET /v2/usage-alerts': { kind: 'read' },
  'GET /v2/usage-alerts/:id': { kind: 'read', resource: 'usageAlert' },
  'PATCH /v2/usage-alerts/:id': { kind: 'write', resource: 'usageAlert', body: { enabled: false } },
  'DELETE /v2/usage-alerts/:id': { kind: 'write', resource: 'usageAlert' },
  'GET /v2/usage-alerts/:id/events': { kind: 'read', resource: 'usageAlert' },
  'POST /v2/budgets': { kind: 'admin', body: { name: 'b', interval: 'daily', amount: '1000.00', currency: 'USD', hard: true } },
  'GET /v2/budgets': { kind: 'read' },
  'GET /v2/budgets/:id': { kind: 'read', resource: 'budget' },
  'PATCH /v2/budgets/:id': { kind: 'admin', resource: 'budget', body: { amount: '1.00' } },
  'DELETE /v2/budgets/:id': { kind: 'admin', resource: 'budget' },
  'GET /v2/spending': { kind: 'read' },
  'POST /v2/spending/pause': { kind: 'admin' },
  'POST /v2/spending/resume': { kind: 'admin' },
  'POST /v2/admin/tenants/:id/spending/pause': { kind: 'operator' },
  'POST /v2/admin/tenants/:id/spending/resume': { kind: 'operator' },
  'POST /v2/contacts': { kind: 'write', body: { phone: '+447700900999' } },
  'GET /v2/contacts': { kind: 'read' },
  'GET /v2/contacts/:id': { kind: 'read', resource: 'contact' },
  'POST /v2/campaigns': { kind: 'write', body: { name: 'n', body: 'b', audience: { all: true } } },
  'GET /v2/campaigns': { kind: 'read' },
  'GET /v2/campaigns/:id': { kind: 'read', resource: 'campaign' },
  'POST /v2/campaigns/:id/launch': { kind: 'write', resource: 'campaign' },
  'POST /v2/campaigns/:id/pause': { kind: 'write', resource: 'campaign' },
  'POST /v2/campaigns/:id/resume': { kind: 'write', resource: 'campaign' },
  'POST /v2/campaigns/:id/cancel': { kind: 'write', resource: 'campaign' },
  'POST /v2/webhooks': { kind: 'admin', body: { url: 'https://example.com/hook', eventTypes: ['*'] } },
  'GET /v2/webhooks': { kind: 'read' },
  'GET /v2/webhooks/:id': { kind: 'read', resource: 'webhook' },
  'PATCH /v2/webhooks/:id': { kind: 'admin', resource: 'webhook', body: { enabled: false } },
  'DELETE /v2/webhooks/:id': { kind: 'admin', resource: 'webhook' },
  'POST /v2/webhooks/:id/rotate-secret': { kind: 'admin', resource: 'webhook' },
  'POST /v2/webhooks/:id/test': { kind: 'admin', resource: 'webhook' },
  'GET /v2/webhooks/:id/deliveries': { kind: 'read', resource: 'webhook' },
  'GET /v2/webhooks/:id/deliveries/:deliveryId': { kind: 'read', resource: 'webhook' },
  'POST /v2/webhooks/:id/deliveries/:deliveryId/redeliver': { kind: 'admin', resource: 'webhook' },
  'POST /v2/webhooks/:id/replay': {
    kind: 'admin',
    resource: 'webhook',
    body: { from: '2026-11-21T00:00:00Z', to: '2026-11-22T00:00:00Z' },
  },
  'GET /v2/webhook-event-types': { kind: 'read' },
  'GET /v2/analytics/summary': { kind: 'read' },
  'GET /v2/analytics/spend': { kind: 'read' },
  'GET /errors': { kind: 'public' },
  'GET /errors/:code': { kind: 'public' },
  'GET /health/live': { kind: 'public' },
  'GET /health/ready': { kind: 'public' },
  'GET /openapi.json': { kind: 'public' },
  'GET /billing': { kind: 'public' },
  'GET /verify-email': { kind: 'public' },
  'POST /verify-email': { kind: 'public' },
  'POST /v2/callbacks/payments/:gateway': { kind: 'public' },
  'POST /v2/callbacks/providers/:provider/:secret': { kind: 'public' },
};

const protectedRows = Object.entries(table)
  .filter(([, row]) => row.kind !== 'public')
  .map(([key, row]) => ({ key, ...row, method: key.split(' ')[0] ?? '', path: key.split(' ')[1] ?? '' }));

describe('every route and every wrong caller', () => {
  let platform: TestPlatform;
  let owner: Customer;
  let stranger: Customer;
  let viewer: Api;
  let staff: Api;
  let limitedKey: Api;
  let operator: Api;
  let operatorKey: Api;
  let webhookDelivery = '';
  const ids: Record<NonNullable<Row['resource']>, string> = {
    verification: '',
    rental: '',
    payment: '',
    refund: '',
    dispute: '',
    paymentMethod: '',
    transaction: '',
    receipt: '',
    contact: '',
    campaign: '',
    apiKey: '',
    quote: '',
    batch: '',
    budget: '',
    usageAlert: '',
    webhook: '',
  };

  before(async () => {
    platform = await startTestPlatform();
    const { gatewayUrl, simulatorUrl } = platform;
    [owner, stranger] = await Promise.all([newCustomer(gatewayUrl, 'Owner Ltd'), newCustomer(gatewayUrl, 'Stranger Ltd')]);
    [viewer, staff] = await Promise.all([
      newMember(owner, gatewayUrl, simulatorUrl, 'viewer'),
      newMember(owner, gatewayUrl, simulatorUrl, 'staff'),
    ]);
    const payment = await pay(owner.api, '10.00');
    ids.payment = payment.id;
    ids.refund = expectStatus(await owner.api.post('/v2/refunds', { paymentId: payment.id, amount: '1.00', reason: 'r' }), 201).id;
    await platform.dispute((await pay(owner.api, '1.00')).checkoutUrl);
    ids.dispute = (
      await until(
        'a dispute',
        async () => expectStatus(await owner.api.get('/v2/disputes'), 200).data,
        (disputes) => disputes.length > 0,
      )
    )[0].id;
    await pay(owner.api, '1.00', 'success', 'simulator', { saveMethod: true });
    ids.paymentMethod = (
      await until(
        'a saved card',
        async () => expectStatus(await owner.api.get('/v2/payment-methods'), 200).data,
        (methods) => methods.length > 0,
      )
    )[0].id;
    expectStatus(await owner.api.call('PUT', '/v2/top-up', table['PUT /v2/top-up']?.body), 200);
    ids.receipt = (
      await until(
        'a receipt',
        async () => expectStatus(await owner.api.get('/v2/receipts'), 200).data,
        (receipts) => receipts.length > 0,
      )
    )[0].id;
    ids.transaction = expectStatus(await owner.api.get('/v2/transactions?limit=1'), 200).data[0].id;
    ids.rental = expectStatus(await owner.api.post('/v2/rentals', table['POST /v2/rentals']?.body), 201).id;
    ids.verification = expectStatus(await owner.api.post('/v2/verifications', table['POST /v2/verifications']?.body), 201).id;
    ids.batch = expectStatus(await owner.api.post('/v2/verifications/bulk', table['POST /v2/verifications/bulk']?.body), 202).id;
    ids.quote = expectStatus(await owner.api.post('/v2/quotes', table['POST /v2/quotes']?.body), 201).id;
    ids.budget = expectStatus(await owner.api.post('/v2/budgets', table['POST /v2/budgets']?.body), 201).id;
    ids.usageAlert = expectStatus(await owner.api.post('/v2/usage-alerts', table['POST /v2/usage-alerts']?.body), 201).id;
    ids.contact = expectStatus(await owner.api.post('/v2/contacts', { phone: '+447700900123', firstName: 'Ada' }), 201).id;
    ids.campaign = expectStatus(
      await owner.api.post('/v2/campaigns', { name: 'c', body: 'Hello {{ firstName }}', audience: { all: true } }),
      201,
    ).id;
    ids.apiKey = expectStatus(await owner.api.post('/v2/api-keys', { name: 'spare' }), 201).id;
    // Endpoints come with a plan.
    await pay(owner.api, '60.00');
    expectStatus(await owner.api.post('/v2/subscription', { plan: 'pro', interval: 'month' }), 200);
    const webhook = await until(
      'an endpoint of the new plan',
      () => owner.api.post('/v2/webhooks', table['POST /v2/webhooks']?.body),
      ({ status }) => status === 201,
    );
    ids.webhook = webhook.body.id;
    webhookDelivery = expectStatus(await owner.api.post(`/v2/webhooks/${ids.webhook}/test`), 202).id;
    limitedKey = owner.api.as(expectStatus(await owner.api.post('/v2/api-keys', { name: 'limited', scopes: ['analytics:read'] }), 201).key);
    operator = (await newOperator(platform)).api;
    operatorKey = operator.as(expectStatus(await operator.post('/v2/api-keys', { name: 'all' }), 201).key);
  });
  after(() => platform?.stop());

  const send = (caller: Api, { method, path, resource, body, query = '' }: (typeof protectedRows)[number]) =>
    caller.call(
      method,
      (resource ? path.replace(':id', ids[resource]).replace(':deliveryId', webhookDelivery) : path) + query,
      method === 'POST' || method === 'PUT' || method === 'PATCH' ? (body ?? {}) : undefined,
    );

  it('the table names every route and no other', async () => {
    const known = (await routeTable()).filter(
      ({ method, url }) => method !== 'HEAD' && method !== 'OPTIONS' && !url.startsWith('/docs') && url !== '*',
    );
    const actual = new Set(known.map(({ method, url }) => `${method} ${url}`));
    assert.deepEqual([...actual].toSorted(), Object.keys(table).toSorted());
    for (const { method, url, access } of known) {
      const isPublic = table[`${method} ${url}`]?.kind === 'public';
      assert.equal(access.kind !== 'member', isPublic, `${method} ${url}: access rule and table differ`);
    }
  });

  for (const row of protectedRows) {
    it(`${row.key}: 401 without and with worthless credentials`, async () => {
      const anonymous = owner.api.as(undefined);
      const [none, garbage, badKey, truncated] = await Promise.all([
        send(anonymous, row),
        send(owner.api.as('garbage'), row),
        send(owner.api.as('nsk_live_000000000000000000000000000000000000'), row),
        send(owner.api.as(owner.tokens.accessToken.slice(0, -4)), row),
      ]);
      for (const answer of [none, garbage, badKey, truncated]) assert.equal(expectStatus(answer, 401).status, 401);
    });
    if (row.kind !== 'read') {
      it(`${row.key}: 403 for a viewer`, async () => {
        expectStatus(await send(viewer, row), 403);
      });
    }
    if (row.kind === 'operator') {
      it(`${row.key}: 403 for a tenant's owner and for a key of an operator`, async () => {
        expectStatus(await send(owner.api, row), 403);
        expectStatus(await send(operatorKey, row), 403);
      });
    }
    if (row.kind === 'admin') {
      it(`${row.key}: 403 for staff`, async () => {
        expectStatus(await send(staff, row), 403);
      });
    }
    if (!row.key.startsWith('GET /v2/analytics/') && row.key !== 'GET /v2/me') {
      it(`${row.key}: 403 for a key without the scope`, async () => {
        expectStatus(await send(limitedKey, row), 403);
      });
    }
    if (row.resource) {
      it(`${row.key}: 404 for another tenant, and nothing changes`, async () => {
        assert.equal(expectStatus(await send(stranger.api, row), 404).code, 'request.not_found');
      });
    }
  }

  it('an operator is let in to what operators do', async () => {
    for (const row of protectedRows.filter(({ kind, resource }) => kind === 'operator' && !resource)) {
      const { status } = await send(operator, row);
      assert.ok(status !== 401 && status !== 403, `${row.key}: ${status}`);
    }
  });
  it('a viewer can read what a viewer may read', async () => {
    for (const row of protectedRows.filter(({ kind, key }) => kind === 'read' && !key.endsWith('/events') && key !== 'GET /v2/stream')) {
      assert.equal((await send(viewer, row)).status, 200, row.key);
    }
  });
  it("another tenant's lists hold nothing of the owner's", async () => {
    for (const path of ['/v2/verifications', '/v2/payments', '/v2/contacts', '/v2/campaigns', '/v2/transactions', '/v2/api-keys']) {
      assert.deepEqual(expectStatus(await stranger.api.get(path), 200).data, [], path);
    }
    assert.equal(expectStatus(await stranger.api.get('/v2/wallet'), 200).balance, '0.00');
    assert.deepEqual(
      expectStatus(await stranger.api.get('/v2/members'), 200).data.map(({ email }: { email: string }) => email),
      [stranger.email],
    );
  });
  it("after all that the owner's things are as they were", async () => {
    expectStatus(await owner.api.get(`/v2/contacts/${ids.contact}`), 200);
    assert.equal(expectStatus(await owner.api.get(`/v2/campaigns/${ids.campaign}`), 200).status, 'draft');
    assert.equal(
      expectStatus(await owner.api.get('/v2/api-keys'), 200).data.find(({ id }: { id: string }) => id === ids.apiKey).revokedAt,
      null,
    );
  });
  it('a revoked key is refused within a second, an ended session too', async () => {
    const created = expectStatus(await owner.api.post('/v2/api-keys', { name: 'short-lived' }), 201);
    const key = owner.api.as(created.key);
    expectStatus(await key.get('/v2/wallet'), 200);
    expectStatus(await owner.api.call('DELETE', `/v2/api-keys/${created.id}`), 204);
    await until(
      'revoked key refused',
      () => key.get('/v2/wallet'),
      ({ status }) => status === 401,
      1_000,
    );
    const leaving = await newCustomer(platform.gatewayUrl);
    expectStatus(await leaving.api.post('/v2/auth/logout'), 204);
    await until(
      'ended session refused',
      () => leaving.api.get('/v2/wallet'),
      ({ status }) => status === 401,
      1_000,
    );
    expectStatus(await leaving.api.post('/v2/auth/refresh', { refreshToken: leaving.tokens.refreshToken }), 401);
  });
});
