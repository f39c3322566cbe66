import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { hourMs, testClock } from '#platform/time/index.ts';
import { callMeter, type CallReport } from './call-meter.ts';

const open = (processId = 'p1') => {
  const clock = testClock(new Date('2026-03-01T10:20:00Z'));
  const calls: (readonly CallReport[])[] = [];
  /** What the receiver has, by (tenant, id): it counts each once, as billing does. */
  const kept = new Map<string, number>();
  const failures: unknown[] = [];
  const world = { answer: 'ok' as 'ok' | 'refused' | 'lost' };
  const meter = callMeter({
    clock,
    processId,
    onFailure: (error) => void failures.push(error),
    send: async (reports) => {
      calls.push(reports);
      if (world.answer === 'refused') throw new Error('away');
      for (const { tenantId, id, quantity } of reports) {
        const key = `${tenantId} ${id}`;
        assert.ok(!kept.has(key) || kept.get(key) === quantity, 'an id is never sent with another quantity');
        kept.set(key, quantity);
      }
      if (world.answer === 'lost') throw new Error('the answer was lost');
    },
  });
  const total = (): number => [...kept.values()].reduce((sum, quantity) => sum + quantity, 0);
  return { clock, calls, kept, failures, world, meter, total };
};

describe('the meter of calls', () => {
  it('sends each tenant its sum, once', async () => {
    const { meter, calls } = open();
    for (const tenant of ['a', 'b', 'a', 'a']) meter.count(tenant);
    assert.equal(await meter.flush(), true);
    assert.equal(await meter.flush(), true);
    assert.deepEqual(
      calls.map((reports) => reports.map(({ tenantId, quantity }) => [tenantId, quantity])),
      [
        [
          ['a', 3],
          ['b', 1],
        ],
      ],
    );
  });
  it('what did not arrive is sent again as it was; what is counted meanwhile has ids of its own', async () => {
    const { meter, calls, world, total, failures } = open();
    meter.count('a');
    world.answer = 'lost';
    assert.equal(await meter.flush(), false);
    meter.count('a');
    assert.equal(await meter.flush(), false);
    world.answer = 'ok';
    while (!(await meter.flush()));
    assert.deepEqual([calls[1], calls[2], total(), failures.length], [calls[0], calls[0], 2, 2]);
  });
  it('an outage over midnight gives each hour what belongs to it', async () => {
    const { meter, clock, world, kept, calls } = open();
    world.answer = 'refused';
    meter.count('a');
    await meter.flush();
    for (let hour = 0; hour < 20; hour++) {
      clock.advance(hourMs);
      meter.count('a');
      meter.count('a');
      await meter.flush();
    }
    world.answer = 'ok';
    while (!(await meter.flush()));
    assert.deepEqual(
      [...kept.values()].reduce((sum, quantity) => sum + quantity, 0),
      41,
    );
    const days = new Map<string, number>();
    for (const { occurredAt, quantity } of new Set(calls.slice(-2).flat()))
      days.set(occurredAt.toISOString().slice(0, 10), (days.get(occurredAt.toISOString().slice(0, 10)) ?? 0) + quantity);
    assert.deepEqual(
      [...days],
      [
        ['2026-03-01', 27],
        ['2026-03-02', 14],
      ],
    );
  });
  it('loses and doubles nothing, whatever the receiver does and whenever it is flushed', async () => {
    const step = fc.oneof(
      fc.record({ tenant: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ flush: fc.constantFrom<'ok' | 'refused' | 'lost'>('ok', 'refused', 'lost') }),
      fc.record({ hours: fc.integer({ min: 1, max: 3 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { meter, clock, world, total } = open();
        let counted = 0;
        for (const each of steps) {
          if ('tenant' in each) {
            counted += 1;
            meter.count(each.tenant);
          } else if ('hours' in each) clock.advance(each.hours * hourMs);
          else {
            world.answer = each.flush;
            await Promise.all([meter.flush(), meter.flush()]);
          }
        }
        world.answer = 'ok';
        while (!(await meter.flush()));
        assert.equal(total(), counted);
      }),
      { numRuns: 300 },
    );
  });
  it('many tenants go in several calls of bounded size', async () => {
    const { meter, calls, total } = open();
    for (let tenant = 0; tenant < 2_500; tenant++) meter.count(`t${tenant}`);
    await meter.flush();
    assert.deepEqual([calls.map(({ length }) => length), total()], [[1_000, 1_000, 500], 2_500]);
  });
});
