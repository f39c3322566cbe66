import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
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

test('flutterwave: a refund that went by bank or mobile money is in the statement, like any other that is done', async () => {
  const statuses = ['completed', 'completed-bank-transfer', 'completed-momo', 'pending', 'failed'];
  const refunds = statuses.map((status, index) => ({
    ...{ id: index + 1, tx_ref: `r${index}`, amount_refunded: 5, currency: 'USD', created_at: '2026-04-01T12:00:00Z' },
    status,
  }));
  const { url, close } = await startTestServer((request, response) => {
    const data = request.url?.startsWith('/v3/refunds') ? refunds : [];
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ status: 'success', data }));
  });
  const gateway = flutterwaveGateway({ ...shared, baseUrl: url, secretKey: worldKeys.flutterwave, webhookHash: worldKeys.flutterwaveHash });
  const listed = await gateway.listStatement(new Date('2026-04-01T00:00:00Z'), new Date('2026-04-02T00:00:00Z'));
  await gateway.close();
  await close();
  assert.deepEqual(listed.outcome === 'yes' && listed.lines.map(({ gatewayId }) => gatewayId), ['1', '2', '3']);
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
