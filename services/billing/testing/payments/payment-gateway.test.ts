import assert from 'node:assert/strict';
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
