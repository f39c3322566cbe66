import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { money } from '#platform/money/index.ts';
import { startTestServer } from '#platform/testing/index.ts';
import { flutterwaveGateway } from '../../adapters/flutterwave/gateway.ts';
import { paystackGateway } from '../../adapters/paystack/gateway.ts';
import { simulatorGateway } from '../../adapters/simulator-gateway/gateway.ts';
import { stripeGateway } from '../../adapters/stripe/gateway.ts';
import { worldKeys } from './outside-world.ts';
import { paymentGatewayContract } from './payment-gateway.contract.ts';

const shared = { returnUrl: (id: string) => `https://me.test/back/${id}`, timeoutMs: 1_000, contactEmail: 'payments@me.test' };
const foreign = 'somebody-elses-key';
const covered = { signsTime: true, signsBody: true, tellsFailures: true, tellsDisputes: true };

paymentGatewayContract({
  ...covered,
  name: 'simulator',
  open: ({ url, webhookUrl }) =>
    simulatorGateway({ ...shared, baseUrl: url, secret: worldKeys.simulator, webhookUrl: webhookUrl('simulator') }),
  openWithWrongKey: ({ url }) => simulatorGateway({ ...shared, baseUrl: url, secret: foreign, webhookUrl: url }),
  signatureHeader: 'x-simulator-signature',
});
paymentGatewayContract({
  ...covered,
  name: 'stripe',
  open: ({ url }) => stripeGateway({ ...shared, apiUrl: url, secretKey: worldKeys.stripe, webhookSecret: worldKeys.stripeWebhook }),
  openWithWrongKey: ({ url }) => stripeGateway({ ...shared, apiUrl: url, secretKey: foreign, webhookSecret: foreign }),
  signatureHeader: 'stripe-signature',
});
paymentGatewayContract({
  ...covered,
  name: 'paystack',
  open: ({ url }) => paystackGateway({ ...shared, baseUrl: url, secretKey: worldKeys.paystack }),
  openWithWrongKey: ({ url }) => paystackGateway({ ...shared, baseUrl: url, secretKey: foreign }),
  signatureHeader: 'x-paystack-signature',
  signsTime: false,
  tellsFailures: false,
});
paymentGatewayContract({
  ...covered,
  name: 'flutterwave',
  open: ({ url }) =>
    flutterwaveGateway({ ...shared, baseUrl: url, secretKey: worldKeys.flutterwave, webhookHash: worldKeys.flutterwaveHash }),
  openWithWrongKey: ({ url }) => flutterwaveGateway({ ...shared, baseUrl: url, secretKey: foreign, webhookHash: foreign }),
  signatureHeader: 'verif-hash',
  signsTime: false,
  signsBody: false,
  tellsDisputes: false,
});

// As described at developer.flutterwave.com/v3.0.0/reference/get-all-refunds.
const flutterwaveStub = async (refunds: readonly object[], chargebacks: readonly object[] = []) => {
  const { url, close } = await startTestServer((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://flutterwave.test');
    const payment = { id: 71, tx_ref: 'ours', amount: 20, currency: 'USD', status: 'successful', created_at: '2026-03-01T12:00:00Z' };
    const listed = { '/v3/refunds': refunds, '/v3/chargebacks': chargebacks }[pathname] ?? [];
    const data = pathname === '/v3/transactions/71/verify' ? payment : listed;
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ status: 'success', data }));
  });
  const gateway = flutterwaveGateway({ ...shared, baseUrl: url, secretKey: worldKeys.flutterwave, webhookHash: worldKeys.flutterwaveHash });
  const end = async (): Promise<void> => {
    await gateway.close();
    await close();
  };
  return { gateway, close: end };
};

test('flutterwave: a refund of an earlier payment is in the statement when it is done, whatever way it went', async () => {
  const statuses = ['completed', 'completed-bank-transfer', 'completed-momo', 'completed-mpgs', 'pending', 'pending-momo', 'failed'];
  const { gateway, close } = await flutterwaveStub(
    statuses.map((status, index) => ({
      id: index + 1,
      transaction_id: 71,
      amount_refunded: 5,
      created_at: '2026-04-01T12:00:00Z',
      status,
    })),
  );
  const listed = await gateway.listStatement(new Date('2026-04-01T00:00:00Z'), new Date('2026-04-02T00:00:00Z'));
  await close();
  const line = { kind: 'refund', reference: 'ours', amount: money('USD', 5_000_000n), at: new Date('2026-04-01T12:00:00Z') };
  assert.deepEqual(
    listed.outcome === 'yes' && listed.lines,
    ['1', '2', '3', '4'].map((gatewayId) => ({ ...line, gatewayId })),
  );
});

test('flutterwave: a refund is found by its note; where one has none, nobody knows that it is not ours', async () => {
  const row = (id: number, comment: string | null) => ({ id, transaction_id: 71, amount_refunded: 5, status: 'completed-momo', comment });
  const refund = { reference: 'ours', gatewayPaymentId: '71', gatewayRefundId: '', requestedAt: new Date() };
  const cases = [
    [[row(1, 'other'), row(2, 'note')], 'yes'],
    [[row(1, 'other')], 'no'],
    [[row(1, 'other'), row(2, null)], 'unknown'],
  ] as const;
  for (const [refunds, outcome] of cases) {
    const { gateway, close } = await flutterwaveStub(refunds);
    const found = await gateway.verifyRefund({ ...refund, refundId: 'note' });
    await close();
    assert.equal(found.outcome, outcome);
  }
});

// As described at developer.flutterwave.com/v3.0/docs/chargebacks.
test('flutterwave: a chargeback that goes to its next stage has another id, and is the same dispute unless the one before was won', async () => {
  const stage = (id: number, status: string, name: string, tx_ref = 'ours') => ({
    ...{ id, amount: 20, flw_ref: '0550726510071683619721660', status, stage: name, comment: 'not received' },
    ...{
      meta: { uploaded_proof: null, history: [] },
      settlement_id: 'N/A',
      created_at: '2026-04-01T12:00:00Z',
      transaction_id: 71,
      tx_ref,
    },
  });
  const cases = [
    [[stage(2221, 'lost', 'pre-arbitration'), stage(2209, 'declined', 'new')], [['2209', 'lost']]],
    [[stage(2221, 'initiated', 'pre-arbitration'), stage(2209, 'lost', 'new')], [['2209', 'open']]],
    [
      [stage(2221, 'lost', 'pre-arbitration'), stage(2209, 'won', 'new')],
      [
        ['2209', 'won'],
        ['2221', 'lost'],
      ],
    ],
    [
      [stage(2221, 'initiated', 'new', 'other'), stage(2209, 'accepted', 'new')],
      [
        ['2209', 'lost'],
        ['2221', 'open'],
      ],
    ],
  ] as const;
  for (const [chargebacks, expected] of cases) {
    const { gateway, close } = await flutterwaveStub([], chargebacks);
    const listed = await gateway.listDisputes(new Date('2026-04-01T00:00:00Z'), new Date('2026-04-02T00:00:00Z'));
    await close();
    const disputes = listed.outcome === 'yes' ? listed.disputes : [];
    assert.deepEqual(
      disputes.map(({ gatewayDisputeId, status }) => [gatewayDisputeId, status]),
      expected,
    );
  }
});

// As described at paystack.com/docs/api/refund and in github.com/PaystackOSS/openapi.
test('paystack: a refund is found on whatever page of those since it was asked for, however long pages are', async () => {
  const all = Array.from({ length: 7 }, (_, index) => ({ id: index + 1, status: 'needs-attention', merchant_note: `note-${index}` }));
  const asked: (string | null)[] = [];
  const { url, close } = await startTestServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://paystack.test');
    const page = Number(searchParams.get('page'));
    asked.push(searchParams.get('from'));
    const data = searchParams.has('transaction') ? [] : all.slice((page - 1) * 3, page * 3);
    const meta = { total: 7, perPage: '3', page, pageCount: 3 };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ status: true, data, meta }));
  });
  const gateway = paystackGateway({ ...shared, baseUrl: url, secretKey: worldKeys.paystack });
  const refund = { reference: 'ours', gatewayPaymentId: 'ours', gatewayRefundId: '', requestedAt: new Date('2026-04-02T12:00:00Z') };
  const found = await gateway.verifyRefund({ ...refund, refundId: 'note-6' });
  const none = await gateway.verifyRefund({ ...refund, refundId: 'note-7' });
  await gateway.close();
  await close();
  assert.deepEqual(found, { outcome: 'yes', gatewayRefundId: '7', status: 'pending' });
  assert.equal(none.outcome, 'no');
  assert.deepEqual(new Set(asked), new Set(['2026-04-01T12:00:00.000Z']));
});

test('paystack: an event of a refund has no id, and is known again when it is repeated', async () => {
  const gateway = paystackGateway({ ...shared, baseUrl: 'http://127.0.0.1:9', secretKey: worldKeys.paystack });
  const told = (amount: string) => {
    const data = { status: 'pending', transaction_reference: 'ours-2', refund_reference: null, amount, currency: 'USD' };
    const rawBody = Buffer.from(JSON.stringify({ event: 'refund.pending', data }));
    const signature = createHmac('sha512', worldKeys.paystack).update(rawBody).digest('hex');
    const parsed = gateway.parseNotification({ headers: { 'x-paystack-signature': signature }, rawBody, now: new Date() });
    return parsed.outcome === 'genuine' ? parsed : assert.fail(parsed.outcome);
  };
  const [first, again, other] = [told('500'), told('500'), told('501')];
  await gateway.close();
  assert.deepEqual([first.reference, first.about], ['ours', 'refund']);
  assert.equal(again.eventId, first.eventId);
  assert.notEqual(other.eventId, first.eventId);
});

// As described at paystack.com/docs/payments/recurring-charges and developer.flutterwave.com/docs/tokenization.
test('a charge of a saved card that waits for its owner, whom nobody asks, is no', async () => {
  const order = { reference: 'ours', amount: money('USD', 20_000_000n), token: 'card me@me.test' };
  const answers = {
    '/transaction/charge_authorization': {
      status: true,
      message: 'Please, redirect your customer to the authorization url provided',
      data: { authorization_url: 'https://checkout.test/resume/1', reference: 'ours', access_code: '1', paused: true },
    },
    '/v3/tokenized-charges': {
      status: 'success',
      message: 'Charge initiated',
      data: {
        ...{ id: 71, tx_ref: 'ours', amount: 20, currency: 'USD', status: 'pending', auth_model: 'VBVSECURECODE' },
        meta: { authorization: { mode: 'redirect', redirect: 'https://checkout.test/3ds' } },
      },
    },
  };
  const { url, close } = await startTestServer((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://gateway.test');
    const answer = Object.entries(answers).find(([path]) => path === pathname)?.[1];
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  });
  const gateways = [
    paystackGateway({ ...shared, baseUrl: url, secretKey: worldKeys.paystack }),
    flutterwaveGateway({ ...shared, baseUrl: url, secretKey: worldKeys.flutterwave, webhookHash: worldKeys.flutterwaveHash }),
  ];
  const outcomes = await Promise.all(gateways.map(async (gateway) => [gateway.name, (await gateway.charge(order)).outcome]));
  await Promise.all(gateways.map((gateway) => gateway.close()));
  await close();
  assert.deepEqual(outcomes, [
    ['paystack', 'no'],
    ['flutterwave', 'no'],
  ]);
});

// As the types of Stripe's own package describe it.
const stripeStub = async (path: string, data: readonly object[]) => {
  const { url, close } = await startTestServer((request, response) => {
    const listed = new URL(request.url ?? '', 'http://stripe.test').pathname === path ? data : [];
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ object: 'list', has_more: false, data: listed }));
  });
  return { gateway: stripeGateway({ ...shared, apiUrl: url, secretKey: worldKeys.stripe, webhookSecret: worldKeys.stripeWebhook }), close };
};
const aDay = [new Date('2026-04-01T00:00:00Z'), new Date('2026-04-02T00:00:00Z')] as const;
const ofOurs = { amount: 2_000, currency: 'usd', created: 1_775_044_800, payment_intent: { id: 'pi_1', metadata: { payment_id: 'ours' } } };

test('stripe: a refund that was made in its dashboard is in the statement, as one of our payment', async () => {
  const { gateway, close } = await stripeStub('/v1/refunds', [{ ...ofOurs, id: 're_1', metadata: {}, status: 'succeeded' }]);
  const listed = await gateway.listStatement(...aDay);
  await close();
  const line = {
    kind: 'refund',
    gatewayId: 're_1',
    reference: 'ours',
    amount: money('USD', 20_000_000n),
    at: new Date('2026-04-01T12:00:00Z'),
  };
  assert.deepEqual(listed.outcome === 'yes' && listed.lines, [line]);
});

test('stripe: a dispute that was prevented is lost when the money was given back for it', async () => {
  const prevented = { ...ofOurs, status: 'prevented', reason: 'fraudulent', metadata: {} };
  const { gateway, close } = await stripeStub('/v1/disputes', [
    { ...prevented, id: 'du_1', balance_transactions: [{ id: 'txn_1', amount: -2_000, fee: 0, net: -2_000 }] },
    { ...prevented, id: 'du_2', balance_transactions: [] },
    { ...prevented, id: 'du_3', status: 'appeal_under_review', balance_transactions: [{ id: 'txn_2', amount: -2_000 }] },
  ]);
  const listed = await gateway.listDisputes(...aDay);
  await close();
  assert.deepEqual(listed.outcome === 'yes' && listed.disputes.map(({ gatewayDisputeId, status }) => [gatewayDisputeId, status]), [
    ['du_1', 'lost'],
    ['du_2', 'won'],
    ['du_3', 'open'],
  ]);
});
