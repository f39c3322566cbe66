import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { events } from '#events';
import { isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { type Bus, openBus } from '#platform/messaging/index.ts';
import { createTestNats, eventually, type TestNats } from '#platform/testing/index.ts';
import { addMs, hourMs, secondMs, systemClock, testClock } from '#platform/time/index.ts';
import { publishRaw, rawEvent } from '../../testing/raw-events.ts';
import { streamFreshness } from './freshness.ts';

let nats: TestNats;
let bus: Bus;
before(async () => {
  nats = await createTestNats();
  bus = await openBus({ url: nats.url, name: 'test' });
});
after(async () => {
  await bus?.close();
  await nats?.close();
});

test('fresh as the clock when nothing waits, else as the oldest event that is not handled; later ones do not matter', async () => {
  const durable = 'analytics-billing';
  const look = () => streamFreshness({ bus, clock: systemClock, durables: [durable, 'analytics-auth'] }).freshUntil();
  const manager = await bus.manager();
  const publish = () => publishRaw(bus, rawEvent(events.billing.paymentFailed.subject, newId(), new Date(), {}));
  const storedAt = async (seq: number): Promise<Date> => (await manager.streams.getMessage('BILLING', { seq }))?.time ?? assert.fail();
  const earlier = Date.now();
  assert.ok((await look()).getTime() >= earlier - secondMs);

  for (let count = 0; count < 3; count++) await publish();
  assert.deepEqual(await look(), addMs(await storedAt(1), -secondMs));

  const consumer = await bus.jetstream.consumers.get('BILLING', durable);
  const [first, second, third] = [await consumer.next(), await consumer.next(), await consumer.next()];
  assert.ok(first && second && third);
  await third.ackAck();
  await first.ackAck();
  assert.deepEqual(await look(), addMs(await storedAt(2), -secondMs), 'the third is handled, the second is not');

  await manager.streams.deleteMessage('BILLING', 2);
  const now = Date.now();
  await eventually(async () => assert.ok((await look()).getTime() >= now - secondMs, 'what is gone is waited for by nobody'));
});

test('one look serves all who ask at the same time; a failed one is not remembered', async () => {
  const clock = testClock();
  let asked = 0;
  const failing = { ...bus, manager: () => (asked++ === 0 ? Promise.reject(new Error('away')) : bus.manager()) };
  const { freshUntil } = streamFreshness({ bus: failing, clock, durables: ['analytics-campaign'] });
  await assert.rejects(freshUntil(), (error) => isAppError(error, 'platform.unavailable'));
  const answers = await Promise.all([freshUntil(), freshUntil(), freshUntil()]);
  assert.deepEqual(answers, Array(3).fill(addMs(clock.now(), -secondMs)));
  assert.equal(asked, 2);
});

test('while the broker is away freshness stands still, and goes on afterwards', async () => {
  const clock = testClock();
  let connected = true;
  const { freshUntil } = streamFreshness({ bus: { ...bus, connected: () => connected }, clock, durables: ['analytics-campaign'] });
  const last = await freshUntil();
  connected = false;
  clock.advance(hourMs);
  assert.deepEqual(await freshUntil(), last);
  connected = true;
  clock.advance(hourMs);
  assert.deepEqual(await freshUntil(), addMs(last, 2 * hourMs));
});
