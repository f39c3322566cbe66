/** The feed over real streams: preloaded, live, replayed, and honest about what is gone. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { events } from '#events';
import { newId } from '#platform/ids/index.ts';
import { createLogger } from '#platform/logging/index.ts';
import { header, openBus, type Bus } from '#platform/messaging/index.ts';
import { createTestNats, eventually, type TestNats } from '#platform/testing/index.ts';
import { headers } from '@nats-io/transport-node';
import type { OlderStep } from '../../../app/live/ports.ts';
import { openLiveFeed } from './feed.ts';

const tenantId = newId();
const strangerId = newId();
const purchased = events.verification.purchased.subject;
const failed = events.billing.paymentFailed.subject;

let nats: TestNats;
let bus: Bus;
let feeds: Awaited<ReturnType<typeof openLiveFeed>>[] = [];

const open = async (windowEvents = 1_000) => {
  const feed = await openLiveFeed({
    bus,
    logger: createLogger({ service: 'gateway', level: 'silent' }),
    windowEvents,
    isPublic: (subject) => subject === purchased || subject === failed,
  });
  feeds.push(feed);
  return feed;
};

const publish = async (subject: string, tenant: string, over: Record<string, string> = {}): Promise<string> => {
  const id = newId();
  const all = headers();
  const values = {
    [header.id]: id,
    [header.aggregateId]: newId(),
    [header.time]: new Date().toISOString(),
    [header.version]: '1',
    [header.tenant]: tenant,
  };
  for (const [name, value] of Object.entries({ ...values, ...over })) all.set(name, value);
  await bus.jetstream.publish(subject, '{}', { headers: all });
  return id;
};

const idsOf = async (steps: AsyncIterable<OlderStep> | undefined): Promise<string[]> => {
  assert.ok(steps, 'still kept');
  const ids: string[] = [];
  for await (const { event } of steps) if (event) ids.push(event.id);
  return ids;
};
const windowOf = (feed: Awaited<ReturnType<typeof open>>): string[] =>
  feed.window.after(tenantId, { arrival: 0, position: [0, 0, 0] }, 1_000).map(({ event }) => event.id);

describe('the live feed', () => {
  beforeEach(async () => {
    nats = await createTestNats();
    bus = await openBus({ url: nats.url, name: 'feed-test' });
  });
  afterEach(async () => {
    await Promise.all(feeds.map((feed) => feed.close()));
    feeds = [];
    await bus.close();
    await nats.close();
  });

  it('begins with what was there, goes on with what comes, and is the same in every gateway', async () => {
    const early = [await publish(purchased, tenantId), await publish(failed, tenantId)];
    await publish(events.verification.completed.subject, tenantId);
    const [one, two] = [await open(), await open()];
    assert.deepEqual(windowOf(one).toSorted(), early.toSorted());
    const late: string[] = [];
    for (let count = 0; count < 50; count++) {
      late.push(await publish(purchased, tenantId));
      await publish(purchased, strangerId);
    }
    for (const feed of [one, two])
      await eventually(async () =>
        assert.deepEqual(
          windowOf(feed).filter((id) => !early.includes(id)),
          late,
        ),
      );
    // The last thing that was published is a stranger's: it may still be on its way to one of them.
    await eventually(async () => assert.deepEqual(one.window.position(), two.window.position()));
    assert.equal(one.epoch(), two.epoch());
  });
  it('leaves out replays for one consumer, what is malformed, and what was published twice', async () => {
    const feed = await open();
    const id = await publish(purchased, tenantId);
    await publish(purchased, tenantId, { [header.replayFor]: 'billing-verification' });
    await publish(purchased, tenantId, { [header.id]: 'nonsense' });
    await publish(purchased, tenantId, { [header.id]: id });
    const last = await publish(purchased, tenantId);
    await eventually(async () => assert.deepEqual(windowOf(feed), [id, last]));
  });
  it('reads again what the window has lost, of each source in its order, and only of the tenant', async () => {
    const feed = await open(10);
    const mine: string[][] = [[], []];
    for (let count = 0; count < 30; count++) {
      mine[0]!.push(await publish(purchased, tenantId));
      await publish(purchased, strangerId);
      mine[1]!.push(await publish(failed, tenantId));
    }
    await eventually(async () => assert.equal(feed.window.position()[1], 30));
    const older = await idsOf(await feed.older(tenantId, [10, 5, 0]));
    const rest = windowOf(feed);
    assert.deepEqual(
      [...older, ...rest].filter((id) => mine[0]!.includes(id)),
      mine[0]!.slice(5),
    );
    assert.deepEqual(
      [...older, ...rest].filter((id) => mine[1]!.includes(id)),
      mine[1]!.slice(5),
    );
    assert.equal(older.length + rest.length, 50);
  });
  it('says when the stream does not keep it any more', async () => {
    const feed = await open(2);
    for (let count = 0; count < 10; count++) await publish(purchased, tenantId);
    await eventually(async () => assert.equal(feed.window.position()[0], 10));
    await (await bus.manager()).streams.purge('VERIFICATION', { seq: 5 });
    assert.equal(await feed.older(tenantId, [3, 0, 0]), undefined);
    assert.equal((await idsOf(await feed.older(tenantId, [4, 0, 0]))).length, 4);
  });
});
