import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { createSlots } from './slots.ts';

test('slots agree with a map, and no id comes twice', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(50)), { maxLength: 300 }), (steps) => {
      const slots = createSlots<string>();
      const model = new Map<number, string>();
      const given: number[] = [];
      for (const [index, step] of steps.entries()) {
        if (step === null) {
          const id = slots.put(`value ${index}`);
          assert.ok(id >= 1 && id <= 0xffff_ffff && !given.includes(id));
          given.push(id);
          model.set(id, `value ${index}`);
        } else {
          const id = given[step] ?? step;
          assert.equal(slots.take(id), model.get(id));
          model.delete(id);
        }
        assert.equal(slots.size, model.size);
      }
      assert.deepEqual(slots.takeAll().toSorted(), [...model.values()].toSorted());
      assert.equal(slots.size, 0);
    }),
  );
});

test('a slot that has been used up says so before its ids come again', () => {
  const slots = createSlots<number>();
  const given = new Set<number>();
  while (!slots.exhausted) {
    const id = slots.put(1);
    assert.ok(!given.has(id));
    given.add(id);
    slots.take(id);
  }
  assert.equal(given.size, 2 ** 16 - 1);
});

test('more than fit are said to be too many', () => {
  const slots = createSlots<number>();
  for (let count = 1; count < 2 ** 16; count += 1) slots.put(count);
  assert.equal(slots.exhausted, false);
  const last = slots.put(0);
  assert.equal(slots.exhausted, true);
  assert.equal(slots.take(last), 0);
});
