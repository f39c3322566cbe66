/** What follows from which answer, on a test clock; the store is the list of what it was told. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { appError } from '#platform/errors/index.ts';
import { newId, toTypeId } from '#platform/ids/index.ts';
import { addMs, dayMs, hourMs, minuteMs, secondMs, testClock } from '#platform/time/index.ts';
import { failingForMs } from '../../domain/webhooks/endpoint.ts';
import { maxTries, type SendResult } from '../../domain/webhooks/delivery.ts';
import { bodyOf, type NumberDetails } from '../../domain/webhooks/event-types.ts';
import { deliverDue } from './deliver-due.ts';
import type { Bodies, Claimed, Ending, Places, WebhookMessage } from './ports.ts';

const plain: Bodies = {
  seal: (_delivery, body) => Buffer.from(body),
  open: (_delivery, sealed) => Buffer.from(sealed).toString(),
};
const verificationId = newId();
const outline = (type = 'verification.code_received', occurredAt = new Date('2026-01-01T00:00:00Z')): string =>
  bodyOf({
    eventId: newId(),
    tenantId: newId(),
    type,
    occurredAt,
    sequence: 3,
    data: { verificationId: toTypeId('verification', verificationId) },
  });

const setUp = ({ concurrency = 8, result = { outcome: 'answered', status: 204, answer: '', latencyMs: 7 } as SendResult } = {}) => {
  const clock = testClock();
  const queue: Claimed[] = [];
  const log = {
    asked: [] as Places[],
    sent: [] as WebhookMessage[],
    ended: [] as { claimed: Claimed; ending: Ending }[],
    completed: [] as string[],
    postponed: [] as Date[],
    disabled: [] as string[],
    observed: [] as string[],
    errors: [] as unknown[],
  };
  const state = {
    result,
    standing: true,
    /** Throws: nobody knows. */
    details: (): NumberDetails | undefined => ({ phoneNumber: '+62812', messages: [] }),
    gate: Promise.resolve(),
  };
  const due = deliverDue({
    ...{ clock, concurrency, bodies: plain, chance: () => 0.5, onFree: () => {}, onError: (error) => log.errors.push(error) },
    secrets: { open: (_endpoint, sealed) => Buffer.from(sealed).toString() },
    details: { of: async () => state.details() },
    sender: {
      send: async (message) => {
        log.sent.push(message);
        await state.gate;
        return state.result;
      },
    },
    deliveries: {
      claim: async (_now, _lease, places) => {
        log.asked.push(places);
        return queue.splice(0, places.free);
      },
      complete: async (_claimed, body) => {
        log.completed.push(Buffer.from(body).toString());
        return state.standing;
      },
      postpone: async (_claimed, until) => void log.postponed.push(until),
      end: async (claimed, ending) => {
        log.ended.push({ claimed, ending });
        return ending.disable !== undefined;
      },
    },
    observer: {
      attempted: (outcome) => log.observed.push(outcome),
      postponed: () => log.observed.push('postponed'),
      ended: (status) => log.observed.push(status),
      disabled: (reason) => log.disabled.push(reason),
    },
  });
  const claimed = (overrides: Partial<Claimed> = {}): Claimed => ({
    ...{ id: newId(), tenantId: newId(), endpointId: newId(), eventId: newId(), eventType: 'x', body: Buffer.from('{"data":{}}') },
    ...{ status: 'pending', attempts: 1, tries: 1, nextAttemptAt: undefined, lastStatus: 0, lastError: '', createdAt: clock.now() },
    ...{ endedAt: undefined, complete: true, url: 'https://example.com/', secrets: [Buffer.from('newer'), Buffer.from('older')] },
    ...{ failingSince: undefined },
    ...overrides,
  });
  const run = async (one: Claimed) => {
    queue.push(one);
    await due.look();
    await due.idle();
    return log.ended.at(-1)?.ending;
  };
  return { clock, queue, log, state, due, claimed, run };
};

describe('an attempt', () => {
  it('carries the id of the delivery, the time of this attempt and both secrets', async () => {
    const { run, claimed, log, clock } = setUp();
    const one = claimed();
    const ending = await run(one);
    assert.deepEqual(log.sent, [
      { url: one.url, id: toTypeId('webhookDelivery', one.id), at: clock.now(), body: '{"data":{}}', secrets: ['newer', 'older'] },
    ]);
    assert.deepEqual([ending?.status, ending?.attempt.latencyMs, log.observed], ['delivered', 7, ['delivered', 'delivered']]);
  });

  it('that fails is repeated after the pause of its number, and the last ends it', async () => {
    const { run, claimed, clock, log } = setUp({ result: { outcome: 'unanswered', reason: 'timeout', latencyMs: 10_000 } });
    const first = await run(claimed());
    assert.deepEqual([first?.status, first?.nextAttemptAt], ['pending', addMs(clock.now(), 5.5 * secondMs)]);
    const last = await run(claimed({ tries: maxTries }));
    assert.deepEqual([last?.status, last?.nextAttemptAt, last?.disable], ['failed', undefined, undefined]);
    assert.deepEqual(log.observed, ['timeout', 'timeout', 'failed']);
  });

  it('switches off by 410 at once, by other failures after days and not at the first slip', async () => {
    const gone = setUp({ result: { outcome: 'answered', status: 410, answer: '', latencyMs: 1 } });
    assert.equal((await gone.run(gone.claimed()))?.disable, 'gone');
    assert.deepEqual(gone.log.disabled, ['gone']);
    const bad = setUp({ result: { outcome: 'answered', status: 500, answer: '', latencyMs: 1 } });
    const since = (ago: number, tries: number) => bad.run(bad.claimed({ tries, failingSince: addMs(bad.clock.now(), -ago) }));
    assert.equal((await since(failingForMs - 1, 5))?.disable, undefined);
    assert.equal((await since(30 * dayMs, 1))?.disable, undefined);
    assert.equal((await since(failingForMs, 3))?.disable, 'failing');
  });
});

describe('details', () => {
  it('are kept before anything is sent; who lost the claim sends nothing', async () => {
    const { run, claimed, log, state } = setUp();
    await run(claimed({ complete: false, body: Buffer.from(outline()) }));
    assert.equal(log.sent[0]?.body, log.completed[0]);
    assert.equal(JSON.parse(log.sent[0]?.body ?? '').data.phoneNumber, '+62812');
    state.standing = false;
    await run(claimed({ complete: false, body: Buffer.from(outline()) }));
    assert.deepEqual([log.sent.length, log.ended.length], [1, 1]);
  });

  it('that cannot be had put the delivery off for an hour at most; then it goes out without', async () => {
    const { run, claimed, log, state, clock } = setUp();
    state.details = () => {
      throw appError('platform.unavailable');
    };
    const one = claimed({ complete: false, body: Buffer.from(outline()) });
    await run(one);
    assert.deepEqual([log.postponed, log.sent, log.observed], [[addMs(clock.now(), 10 * secondMs)], [], ['postponed']]);
    clock.advance(hourMs);
    await run(one);
    const { data } = JSON.parse(log.sent[0]?.body ?? '');
    assert.deepEqual([data.phoneNumber, data.code, data.text, data.receivedAt], [null, null, null, null]);
    assert.equal(log.completed.length, 1, 'kept, so that it is the same next time');
  });
});

describe('a look', () => {
  it('takes no more than there are places, leaves half of them to those that work, and none too few to be worth it', async () => {
    const { due, queue, claimed, log, state } = setUp({ concurrency: 8 });
    const { promise, resolve } = Promise.withResolvers<void>();
    state.gate = promise;
    queue.push(claimed({ failingSince: new Date() }), claimed());
    assert.equal(await due.look(), 2);
    assert.equal(await due.look(), 0);
    queue.push(claimed(), claimed(), claimed());
    assert.equal(await due.look(), 3);
    assert.equal(await due.look(), 0, 'three places are too few to ask for');
    assert.deepEqual(log.asked, [
      { free: 8, forFailing: 4 },
      { free: 6, forFailing: 3 },
      { free: 6, forFailing: 3 },
    ]);
    resolve();
    await due.idle();
    assert.equal(log.ended.length, 5);
    await due.look();
    assert.deepEqual(log.asked.at(-1), { free: 8, forFailing: 4 });
  });

  it('an outcome that cannot be noted is told, and the others go on', async () => {
    const { due, queue, claimed, log } = setUp();
    queue.push(claimed({ secrets: [] }), claimed({ body: Buffer.from('not json'), complete: false }), claimed());
    await due.look();
    await due.idle();
    assert.equal(log.errors.length, 1);
    assert.equal(log.ended.length, 2);
  });

  it('a lease outlives every attempt', async () => {
    const { attemptTimeoutMs, leaseMs } = await import('../../domain/webhooks/delivery.ts');
    assert.ok(leaseMs >= attemptTimeoutMs + 30 * secondMs && leaseMs <= 5 * minuteMs);
  });
});
