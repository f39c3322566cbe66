/** The promise of the stream, for any life of a client: each event of the tenant once, those of one source in their order. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { newId, toTypeId } from '#platform/ids/index.ts';
import type { Caller } from '../../../app/ports.ts';
import { fakeFeed, fakeStreams, type FakeFeed } from '../../../testing/fake-feed.ts';
import { createCursors } from './cursors.ts';
import { selectTypes } from './event-types.ts';
import { runSession, type SessionDependencies } from './session.ts';
import type { EndReason, Frame, Sink } from './sink.ts';
import { liveTiming } from './stream.ts';

const tenantId = newId();
const strangerId = newId();
const caller: Caller = { tenantId, subject: 'user:u', roles: ['owner'], scopes: ['*'], plan: 'pro' };

/** What was sent, of which a cut may take the end. */
const memorySink = () => {
  const frames: Frame[] = [];
  const listeners: (() => void)[] = [];
  let ended: EndReason | undefined;
  let closed = false;
  const sink: Sink = {
    transport: 'sse',
    closed: () => closed,
    ended: () => ended,
    send: async (more) => void frames.push(...more),
    beat: async () => {},
    end: (reason) => {
      ended = reason;
      closed = true;
    },
    onClose: (listener) => void listeners.push(listener),
  };
  return {
    sink,
    frames,
    cut: (): void => {
      closed = true;
      for (const listener of listeners) listener();
    },
  };
};

interface Gateway {
  readonly feed: FakeFeed;
  readonly heard: number[];
}

const world = () => {
  const streams = fakeStreams();
  /** A window of four, which after a restart begins near the end: most of what is missed has to be read again. */
  const gateway = (): Gateway => {
    const start = [0, 1].map((source) => Math.max(0, streams.stored.filter((one) => one.source === source).length - 3));
    return { feed: fakeFeed({ streams, maxEvents: 4, start: [...start, 0] }), heard: [...start] };
  };
  const gateways = [gateway(), gateway()];
  const received: string[] = [];
  let cursor: string | undefined;
  let current: { sink: ReturnType<typeof memorySink>; running: Promise<void> } | undefined;
  let failing = 0;

  const render: SessionDependencies['render'] = async (_caller, events) => {
    await new Promise((resolve) => setImmediate(resolve));
    if (failing > 0) {
      failing -= 1;
      throw new Error('verification is away');
    }
    return events.map(({ id }) => JSON.stringify({ id }));
  };
  const leave = async (lost: number): Promise<void> => {
    if (current === undefined) return;
    const { sink, running } = current;
    const seen = lost === 0 ? [...sink.frames] : sink.frames.slice(0, -lost);
    sink.cut();
    await running;
    received.push(...seen.filter(({ name }) => !name.startsWith('stream.')).map(({ json }) => JSON.parse(json).id as string));
    cursor = seen.at(-1)?.cursor ?? cursor;
    current = undefined;
  };
  return {
    streams,
    received,
    leave,
    resets: (): number => current?.sink.frames.filter(({ name }) => name === 'stream.reset').length ?? 0,
    arrived: (): number => current?.sink.frames.filter(({ name }) => !name.startsWith('stream.')).length ?? 0,
    fail: (times: number): void => {
      failing = times;
    },
    hear: (index: number, source: number, count: number): void => {
      const { feed, heard } = gateways[index]!;
      const next = streams.stored.filter((one) => one.source === source && one.seq > (heard[source] ?? 0)).slice(0, count);
      for (const one of next) {
        feed.hear(one);
        heard[source] = one.seq;
      }
    },
    restart: (index: number): void => {
      gateways[index] = gateway();
    },
    come: async (index: number, lost: number): Promise<void> => {
      await leave(lost);
      const { feed } = gateways[index]!;
      const sink = memorySink();
      const running = runSession(
        { feed, cursors: createCursors('one secret for all'), render, timing: liveTiming, delivered: () => {} },
        sink.sink,
        {
          caller,
          reauthenticate: async () => caller,
          selected: selectTypes([]) ?? new Set(),
          since: { arrival: feed.window.arrival(), position: feed.window.position() },
          lastEventId: cursor,
        },
      );
      current = { sink, running };
      while (sink.frames.length === 0) await new Promise((resolve) => setImmediate(resolve));
      cursor ??= sink.frames[0]?.cursor;
    },
  };
};

const gatewayIndex = fc.integer({ min: 0, max: 1 });
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ publish: fc.integer({ min: 0, max: 1 }), mine: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({ hear: gatewayIndex, source: fc.integer({ min: 0, max: 1 }), count: fc.integer({ min: 1, max: 6 }) }),
  },
  { weight: 3, arbitrary: fc.record({ reconnect: gatewayIndex, lost: fc.integer({ min: 0, max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ wait: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 1, arbitrary: fc.record({ restart: gatewayIndex, lost: fc.integer({ min: 0, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ fail: fc.integer({ min: 1, max: 1 }) }) },
);

it('however often it is cut off, whatever was under way, whichever gateway it comes back to, however far behind that is, restarted or not', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 80 }), async (steps) => {
      const here = world();
      await here.come(0, 0);
      const wanted: string[][] = [[], []];
      for (const each of steps) {
        if ('publish' in each) {
          const one = here.streams.publish(each.publish, { tenantId: each.mine ? tenantId : strangerId });
          if (each.mine) wanted[each.publish]?.push(one.event.id);
        } else if ('hear' in each) here.hear(each.hear, each.source, each.count);
        else if ('reconnect' in each) await here.come(each.reconnect, each.lost);
        else if ('wait' in each) for (let turn = 0; turn < each.wait; turn++) await new Promise((resolve) => setImmediate(resolve));
        else if ('fail' in each) here.fail(each.fail);
        else {
          await here.leave(each.lost);
          here.restart(each.restart);
          await here.come(each.restart, 0);
        }
      }
      here.fail(0);
      await here.come(1, 0);
      for (const source of [0, 1]) here.hear(1, source, 1_000);
      const total = wanted.flat().length;
      const deadline = performance.now() + 10_000;
      while (here.received.length + here.arrived() < total && performance.now() < deadline)
        await new Promise((resolve) => setTimeout(resolve, 1));
      // One turn more: nothing comes twice.
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(here.resets(), 0);
      await here.leave(0);
      assert.deepEqual(here.received.toSorted(), wanted.flat().toSorted(), 'each once');
      for (const [source, inOrder] of wanted.entries()) {
        const mine = new Set(inOrder);
        assert.deepEqual(
          here.received.filter((id) => mine.has(id)),
          inOrder,
          `source ${source} in its order`,
        );
      }
    }),
    { numRuns: 200, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: false },
  );
});

it('a sealed position opens for its tenant alone, is the same wherever it is made, and survives no change of a letter', () => {
  const cursors = createCursors('secret');
  const mark = { epoch: 0xfedcba98, at: new Date('2026-11-21T10:00:00Z'), position: [2 ** 47, 1, 0] };
  const text = cursors.seal(tenantId, mark);
  assert.equal(createCursors('secret').seal(tenantId, mark), text);
  assert.deepEqual(cursors.open(tenantId, text), mark);
  assert.equal(cursors.open(strangerId, text), undefined);
  assert.equal(createCursors('another').open(tenantId, text), undefined);
  for (let index = 0; index < text.length - 1; index++) {
    const other = text[index] === 'A' ? 'B' : 'A';
    assert.equal(cursors.open(tenantId, text.slice(0, index) + other + text.slice(index + 1)), undefined);
  }
  assert.equal(cursors.open(tenantId, toTypeId('tenant', tenantId)), undefined);
});
