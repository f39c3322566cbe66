import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StartError, supervise, type Running, type SupervisorEvent } from './supervisor.ts';

/** A life whose end and readiness the test decides. */
const fakeLife = () => {
  const ended = Promise.withResolvers<string>();
  const ready = Promise.withResolvers<void>();
  ready.promise.catch(() => {});
  const signals: NodeJS.Signals[] = [];
  const running: Running = {
    pid: 4_242,
    ended: ended.promise,
    ready: ready.promise,
    signal: (name) => {
      signals.push(name);
      ended.resolve(`was ended by ${name}`);
    },
    stop: async () => ended.resolve('exited with code 0'),
  };
  return { running, signals, die: (how = 'exited with code 1') => ended.resolve(how), becomeReady: () => ready.resolve() };
};

const setUp = (options: { autoRestart?: boolean; readyAtOnce?: boolean; readyTimeoutMs?: number } = {}) => {
  const { autoRestart = true, readyAtOnce = true, readyTimeoutMs = 1_000 } = options;
  const lives: ReturnType<typeof fakeLife>[] = [];
  const events: SupervisorEvent[] = [];
  const part = supervise({
    name: 'billing',
    autoRestart,
    readyTimeoutMs,
    backoff: { firstMs: 2, longestMs: 8, stableMs: 10_000, mostCrashes: 4 },
    lastLines: () => ['the last line'],
    onEvent: (event) => events.push(event),
    launch: async () => {
      const life = fakeLife();
      lives.push(life);
      if (readyAtOnce) life.becomeReady();
      return life.running;
    },
  });
  return { part, lives, events, latest: () => lives.at(-1) };
};

describe('a supervised part', () => {
  it('is brought back after it dies unasked, later each time, and left dead when it dies too often', async () => {
    const { part, lives, events, latest } = setUp();
    await part.start();
    for (let life = 1; life <= 4; life += 1) {
      latest()?.die();
      while (lives.length === life) await new Promise((resolve) => setTimeout(resolve, 1));
      await part.waitReady();
    }
    latest()?.die();
    while (events.at(-1)?.kind !== 'gave-up') await new Promise((resolve) => setTimeout(resolve, 1));
    assert.deepEqual(
      events.flatMap((event) => (event.kind === 'died' ? [event.restartInMs] : [])),
      [2, 4, 8, 8],
    );
    assert.equal(part.restarts(), 4);
    assert.equal(lives.length, 5);
    assert.equal(part.pid(), undefined);
    await part.start();
    assert.equal(lives.length, 6, 'a person may start it again');
  });

  it('stays dead after stop, and after a death where restarts are off', async () => {
    const stopped = setUp();
    await stopped.part.start();
    await stopped.part.stop();
    const killed = setUp({ autoRestart: false });
    await killed.part.start();
    await killed.part.kill();
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.deepEqual([stopped.lives.length, killed.lives.length], [1, 1]);
    assert.deepEqual([...stopped.events, ...killed.events], []);
    assert.deepEqual(killed.latest()?.signals, ['SIGKILL']);
    await assert.rejects(killed.part.kill(), /billing does not run/);
  });

  it('reports a death during the first start with its last lines, and does not repeat it', async () => {
    const { part, lives, latest } = setUp({ readyAtOnce: false });
    const start = part.start();
    await new Promise((resolve) => setImmediate(resolve));
    latest()?.die();
    await assert.rejects(
      start,
      (error) => error instanceof StartError && error.message === 'billing exited with code 1' && error.lines[0] === 'the last line',
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(lives.length, 1);
  });

  it('ends one that never becomes ready', async () => {
    const { part, latest } = setUp({ readyAtOnce: false, readyTimeoutMs: 20 });
    await assert.rejects(part.start(), /billing was not ready after 0.02 s/);
    assert.deepEqual(latest()?.signals, ['SIGKILL']);
    assert.equal(part.pid(), undefined);
  });

  it('does not forget a life that begins while it is being stopped', async () => {
    const life = fakeLife();
    const born = Promise.withResolvers<Running>();
    const part = supervise({ name: 'postgres', autoRestart: true, launch: () => born.promise });
    const start = part.start();
    start.catch(() => {});
    const stop = part.stop();
    born.resolve(life.running);
    await stop;
    assert.equal(await life.running.ended, 'exited with code 0');
    await assert.rejects(start);
  });
});
