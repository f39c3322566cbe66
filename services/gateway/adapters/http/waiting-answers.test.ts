import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { Verification, VerificationStatus } from '#proto/namaskah/verification/v1/verification.ts';
import { fakeFeed } from '../../testing/fake-feed.ts';
import { edgeId } from './mapping.ts';
import { waitingAnswers } from './waiting-answers.ts';

const tenantId = newId();
const uuid = newId();
const id = edgeId('verification', uuid);

const setUp = () => {
  const feed = fakeFeed();
  let nowMs = 1;
  let reads = 0;
  const answers = waitingAnswers(feed, (verification) => `answer ${verification?.service}`, { keepMs: 5_000, now: () => nowMs });
  const state: { current: Partial<Verification>; during: () => unknown } = {
    current: { id: uuid, service: 'first', phoneNumber: '+6281234567890', status: VerificationStatus.VERIFICATION_STATUS_WAITING },
    during: () => undefined,
  };
  return {
    feed,
    answers,
    state,
    /** As the route does it. @returns whether the answer was kept, or how often it was read by then */
    get: async (by = tenantId): Promise<'kept' | number> => {
      if (answers.find(by, id) !== undefined) return 'kept';
      await answers.read(by, id, async () => {
        const read = Verification.fromPartial(state.current);
        await state.during();
        return read;
      });
      return ++reads;
    },
    pass: (ms: number) => (nowMs += ms),
    happen: (aggregateId = uuid) => feed.happen(0, { tenantId, aggregateId }),
  };
};

describe('answers about verifications that wait', () => {
  it('are read once while nothing happens, for their tenant only', async () => {
    const { get, answers, happen } = setUp();
    assert.deepEqual([await get(), await get(), await get()], [1, 'kept', 'kept']);
    assert.equal(answers.find(tenantId, id), 'answer first');
    assert.equal(answers.find(newId(), id), undefined);
    happen(newId());
    assert.equal(await get(), 'kept', 'what happens to others is nothing to it');
  });

  it('are read again after an event, after a change by this gateway, also a failed one, and after a while', async () => {
    const { get, answers, happen, pass } = setUp();
    await get();
    happen();
    assert.deepEqual([await get(), await get()], [2, 'kept']);
    await answers.change(id, async () => undefined);
    assert.deepEqual([await get(), await get()], [3, 'kept']);
    await assert.rejects(answers.change(id, () => Promise.reject(new Error('lost'))));
    assert.deepEqual([await get(), await get()], [4, 'kept']);
    pass(4_999);
    assert.equal(await get(), 'kept');
    pass(2);
    assert.equal(await get(), 5);
  });

  it('are not kept when something happened while they were read', async () => {
    const { get, answers, happen, state } = setUp();
    const kept = async (during: () => unknown): Promise<boolean> => {
      state.during = during;
      await get();
      state.during = () => undefined;
      const found = (await get()) === 'kept';
      happen();
      return found;
    };
    assert.equal(await kept(() => undefined), true);
    assert.equal(await kept(happen), false);
    assert.equal(await kept(() => answers.change(id, async () => undefined)), false);
    let beside = 0;
    const readBeside = () => (beside++ === 0 ? get() : undefined);
    assert.equal(await kept(readBeside), true, 'another read is no change');
  });

  it('are not kept once there is a message, a number is missing or all is over', async () => {
    const { get, state } = setUp();
    const waiting = state.current;
    const message = { id: newId(), sender: 's', text: 't', code: '1', receivedAt: new Date() };
    const others: Partial<Verification>[] = [
      { ...waiting, messages: [message as never] },
      { ...waiting, phoneNumber: '' },
      ...[VerificationStatus.VERIFICATION_STATUS_RECEIVED, VerificationStatus.VERIFICATION_STATUS_CANCELLED].map((status) => ({
        ...waiting,
        status,
      })),
    ];
    for (const other of others) {
      state.current = other;
      assert.equal(typeof (await get()), 'number');
      assert.equal(typeof (await get()), 'number');
    }
  });

  it('are neither kept nor given while events do not reach this process, and forgotten when streams begin anew', async () => {
    const { get, feed } = setUp();
    await get();
    feed.restart();
    assert.deepEqual([await get(), await get()], [2, 'kept']);
    feed.goDeaf();
    assert.deepEqual([await get(), await get()], [3, 4]);
  });
});
