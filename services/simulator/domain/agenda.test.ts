import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createAgenda } from './agenda.ts';

test('runs in order of time, equal times in order of planning, and never what was cancelled', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ dueMs: fc.nat({ max: 50 }), cancel: fc.boolean() }), { maxLength: 300 }), (plans) => {
      const agenda = createAgenda();
      const ran: number[] = [];
      const planned = plans.map(({ dueMs }, index) => agenda.at(dueMs, () => ran.push(index)));
      plans.forEach(({ cancel }, index) => {
        if (cancel) agenda.cancel(planned[index]);
      });
      const expected = plans
        .map((plan, index) => ({ ...plan, index }))
        .filter(({ cancel }) => !cancel)
        .toSorted((a, b) => a.dueMs - b.dueMs || a.index - b.index);
      assert.equal(agenda.size(), expected.length);
      assert.equal(agenda.nextDueMs(), expected[0]?.dueMs);
      agenda.runDue(25);
      assert.deepEqual(
        ran,
        expected.filter(({ dueMs }) => dueMs <= 25).map(({ index }) => index),
      );
      agenda.runDue(50);
      assert.deepEqual(
        ran,
        expected.map(({ index }) => index),
      );
      assert.equal(agenda.size(), 0);
    }),
  );
});

test('a task may plan and cancel others, and what it plans for now runs in the same go', () => {
  const agenda = createAgenda();
  const ran: string[] = [];
  const victim = agenda.at(5, () => ran.push('victim'));
  agenda.at(1, () => {
    ran.push('first');
    agenda.cancel(victim);
    agenda.at(1, () => ran.push('planned meanwhile'));
  });
  assert.equal(agenda.runDue(10), 2);
  assert.deepEqual(ran, ['first', 'planned meanwhile']);
});

test('cancelled entries do not pile up', () => {
  const agenda = createAgenda();
  const ran: number[] = [];
  for (let index = 0; index < 20_000; index += 1) {
    const planned = agenda.at(1_000_000 - index, () => ran.push(index));
    if (index % 100 !== 0) agenda.cancel(planned);
  }
  assert.equal(agenda.size(), 200);
  agenda.runDue(1_000_000);
  assert.equal(ran.length, 200);
  assert.deepEqual(
    ran,
    ran.toSorted((a, b) => b - a),
  );
});

test('cancelling twice, or after it ran, counts once', () => {
  const agenda = createAgenda();
  const planned = agenda.at(1, () => {});
  agenda.at(2, () => {});
  agenda.cancel(planned);
  agenda.cancel(planned);
  assert.equal(agenda.size(), 1);
  agenda.runDue(2);
  agenda.cancel(planned);
  assert.equal(agenda.size(), 0);
});
