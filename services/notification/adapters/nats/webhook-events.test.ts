/** The public contract: what arrives has exactly the fields that its example shows, and nothing of the house. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { events } from '#events';
import { newId } from '#platform/ids/index.ts';
import type { EventDefinition, ReceivedEvent } from '#platform/messaging/index.ts';
import { eventTypes, eventTypeOf, testType } from '../../domain/webhooks/event-types.ts';
import { planChangeOf, projections, toPublicEvent } from './webhook-events.ts';

const definitions = Object.values(events).flatMap((context): EventDefinition<unknown>[] => Object.values(context));
const detailFields = new Set(['phoneNumber', 'code', 'text', 'sender', 'receivedAt']);

/** Every field filled, as JSON of the platform carries it. */
const filled = (definition: EventDefinition<any>): unknown => {
  const empty = definition.codec.fromJSON({}) as Record<string, unknown>;
  const value = (name: string, now: unknown): unknown => {
    if (name.endsWith('Id')) return newId();
    if (/At$|^period/.test(name)) return '2026-11-21T08:30:00.000Z';
    if (now === undefined) return { currency: 'USD', micros: '1500000' };
    return typeof now === 'string' ? `${name} text` : now;
  };
  const json = Object.fromEntries(Object.entries(empty).map(([name, now]) => [name, value(name, now)]));
  return definition.codec.fromJSON(json);
};
const received = (definition: EventDefinition<any>): ReceivedEvent => ({
  ...{ id: newId(), subject: definition.subject, tenantId: newId(), aggregateId: newId(), aggregateVersion: 4, deliveryCount: 1 },
  ...{ occurredAt: new Date('2026-11-21T08:30:00Z'), payload: filled(definition) },
});

describe('public events', () => {
  it('each type has its event, and each projection its type', () => {
    assert.deepEqual(
      new Set([...projections.values()].map(({ type }) => type)),
      new Set(eventTypes.map(({ type }) => type).filter((type) => type !== testType)),
    );
    for (const subject of projections.keys()) assert.ok(definitions.some((each) => each.subject === subject));
  });
  for (const definition of definitions) {
    const projection = projections.get(definition.subject);
    if (projection === undefined) continue;
    it(`${projection.type} has the fields of its example`, () => {
      const event = received(definition);
      const told = toPublicEvent(event);
      assert.ok(told);
      const { example, details } = eventTypeOf(told.type);
      const expected = Object.keys(example).filter((name) => !details || !detailFields.has(name));
      assert.deepEqual(Object.keys(told.data).toSorted(), expected.toSorted());
      for (const [name, value] of Object.entries(told.data)) {
        if (example[name] !== null && value !== null) assert.equal(typeof value, typeof example[name], name);
        assert.notEqual(value, undefined, name);
        if (name.endsWith('Id')) assert.match(String(value), /^[a-z]{3}_[0-9a-z]{26}$/, name);
      }
      assert.deepEqual([told.eventId, told.tenantId, told.sequence], [event.id, event.tenantId, 4]);
    });
  }
  it('what is no business of customers is told to none', () => {
    for (const definition of [events.billing.holdCaptured, events.auth.sessionEnded, events.campaign.messagesProgressed])
      assert.equal(toPublicEvent(received(definition)), undefined, definition.subject);
    for (const { example } of eventTypes) for (const name of ['provider', 'providerCost', 'holdId']) assert.equal(name in example, false);
  });
  it('a change of plan is seen, other events are not', () => {
    const change = received(events.billing.planChanged);
    assert.deepEqual(planChangeOf(change), { tenantId: change.tenantId, plan: 'plan text' });
    assert.equal(planChangeOf(received(events.billing.subscriptionRenewed)), undefined);
  });
});
