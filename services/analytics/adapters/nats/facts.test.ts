/** What the money events of billing count as. Σ of what is spent is what billing's books call revenue. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { events } from '#events';
import type { EventDefinition, ReceivedEvent } from '#platform/messaging/index.ts';
import { newId } from '#platform/ids/index.ts';
import { figuresOf } from '../../domain/figures.ts';
import { toIncoming } from './facts.ts';

const { billing } = events;
const received = <P>({ subject, codec }: EventDefinition<P>, payload: unknown): ReceivedEvent => ({
  ...{ id: newId(), subject, tenantId: newId(), aggregateId: 'a', aggregateVersion: 1, occurredAt: new Date(0), deliveryCount: 1 },
  payload: codec.fromJSON(payload),
});
const measured = <P>(definition: EventDefinition<P>, payload: unknown) =>
  figuresOf(toIncoming(received(definition, payload)).fact).map(({ figure, dimension, count, micros }) => [
    figure,
    dimension,
    count,
    micros,
  ]);
const usd = (micros: string) => ({ currency: 'USD', micros });

test('every kind of charge is spending of its product, once each', () => {
  assert.deepEqual(measured(billing.holdCaptured, { product: 'campaign', amount: usd('5') }), [['spend.USD', 'campaign', 1n, 5n]]);
  assert.deepEqual(measured(billing.walletCharged, { product: 'rental', amount: usd('6') }), [['spend.USD', 'rental', 1n, 6n]]);
  assert.deepEqual(measured(billing.usageCharged, { meter: 'api.calls', amount: usd('7') }), [['spend.USD', 'usage', 1n, 7n]]);
  assert.deepEqual(measured(billing.subscriptionCharged, { plan: 'pro', amount: usd('8') }), [['spend.USD', 'subscription', 1n, 8n]]);
  assert.deepEqual(measured(billing.subscriptionRenewed, { plan: 'pro', amount: usd('8') }), [], 'its charge is told by itself');
});

test('what is given back is taken off again', () => {
  assert.deepEqual(measured(billing.usageCharged, { meter: 'api.calls', amount: usd('-7') }), [['spend.USD', 'usage', 1n, -7n]]);
  assert.deepEqual(measured(billing.subscriptionCharged, { plan: 'pro', amount: usd('-3') }), [['spend.USD', 'subscription', 1n, -3n]]);
});

test('credit that was given, and payments that went back, are figures of their own', () => {
  assert.deepEqual(measured(billing.creditGranted, { amount: usd('9') }), [['granted.USD', '', 1n, 9n]]);
  assert.deepEqual(measured(billing.refundSucceeded, { amount: usd('10') }), [['refunded.USD', '', 1n, 10n]]);
});
