import assert from 'node:assert/strict';
import { test } from 'node:test';
import Stripe from 'stripe';
import { eventually } from '#platform/testing/index.ts';
import { startReceiver, startSimulator, testKeys } from '../../../testing/start-simulator.ts';

test('the official SDK, unchanged: create, replay, retrieve, list, pay, webhook, events, refund', async (t) => {
  const receiver = await startReceiver(t);
  const simulator = await startSimulator(t, { webhookUrl: receiver.url });
  const { hostname: host, port } = new URL(simulator.url);
  const sdk = (key: string) => new Stripe(key, { host, port: Number(port), protocol: 'http', maxNetworkRetries: 0, telemetry: false });
  const stripe = sdk(testKeys.stripeSecretKey);
  const price = { currency: 'usd', unit_amount: 1250, product_data: { name: 'Credit' } };
  const order = {
    mode: 'payment' as const,
    client_reference_id: 'ref-1',
    line_items: [{ quantity: 1, price_data: price }],
    success_url: 'https://shop.example/back',
  };
  const made = await stripe.checkout.sessions.create(order, { idempotencyKey: 'k' });
  assert.deepEqual([made.amount_total, made.currency, made.client_reference_id, made.status], [1250, 'usd', 'ref-1', 'open']);
  const replayed = await stripe.checkout.sessions.create(order, { idempotencyKey: 'k' });
  assert.deepEqual([replayed.id, replayed.lastResponse.headers['idempotent-replayed']], [made.id, 'true']);
  await assert.rejects(
    stripe.checkout.sessions.create({ ...order, client_reference_id: 'ref-2' }, { idempotencyKey: 'k' }),
    Stripe.errors.StripeIdempotencyError,
  );
  await assert.rejects(sdk('sk_test_wrong').checkout.sessions.retrieve(made.id), Stripe.errors.StripeAuthenticationError);
  await assert.rejects(stripe.checkout.sessions.retrieve('cs_none'), Stripe.errors.StripeInvalidRequestError);
  assert.deepEqual(
    (await stripe.checkout.sessions.list()).data.map(({ id }) => id),
    [made.id],
  );

  await fetch(made.url ?? '', { method: 'POST', body: new URLSearchParams({ outcome: 'success' }), redirect: 'manual' });
  await eventually(() => assert.equal(receiver.received.length, 1));
  const [sent] = receiver.received;
  assert.equal(sent?.path, '/stripe');
  const signature = String(sent?.headers['stripe-signature']);
  const event = stripe.webhooks.constructEvent(sent?.body ?? '', signature, testKeys.stripeWebhookSecret);
  assert.equal(event.type, 'checkout.session.completed');
  assert.throws(
    () => stripe.webhooks.constructEvent(`${sent?.body.toString()} `, signature, testKeys.stripeWebhookSecret),
    Stripe.errors.StripeSignatureVerificationError,
  );
  assert.deepEqual(
    (await stripe.events.list()).data.map(({ id }) => id),
    [event.id],
  );

  const paid = await stripe.checkout.sessions.retrieve(made.id);
  assert.equal(paid.payment_status, 'paid');
  const intent = await stripe.paymentIntents.retrieve(String(paid.payment_intent));
  assert.deepEqual([intent.status, intent.amount_received], ['succeeded', 1250]);
  const refund = await stripe.refunds.create({ payment_intent: intent.id }, { idempotencyKey: 'r' });
  assert.deepEqual([refund.amount, refund.status], [1250, 'succeeded']);
  assert.equal((await stripe.refunds.create({ payment_intent: intent.id }, { idempotencyKey: 'r' })).id, refund.id);
  await assert.rejects(stripe.refunds.create({ payment_intent: intent.id }, { idempotencyKey: 'r2' }), /already been refunded/);
});
