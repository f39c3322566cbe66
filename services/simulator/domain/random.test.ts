import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { chooseFault } from './choose-fault.ts';
import { seededRandomness } from './random.ts';

const take = (seed: string, name: string, count: number): number[] => {
  const stream = seededRandomness(seed).stream(name);
  return Array.from({ length: count }, () => stream.next());
};

test('the same seed and name give the same numbers; another seed or name gives others', () => {
  assert.deepEqual(take('a', 'x', 20), take('a', 'x', 20));
  assert.notDeepEqual(take('a', 'x', 20), take('b', 'x', 20));
  assert.notDeepEqual(take('a', 'x', 20), take('a', 'y', 20));
});

test('drawing from one stream does not shift another', () => {
  const random = seededRandomness('a');
  for (let draw = 0; draw < 7; draw += 1) random.stream('noise').next();
  assert.deepEqual(
    Array.from({ length: 20 }, () => random.stream('x').next()),
    take('a', 'x', 20),
  );
});

test('a reset starts every stream again, also for those who hold one', () => {
  const random = seededRandomness('a');
  const stream = random.stream('x');
  const first = [stream.next(), stream.next()];
  random.reset();
  assert.deepEqual([stream.next(), stream.next()], first);
});

test('draws stay inside their bounds and are spread evenly', () => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: -50, max: 50 }), fc.nat({ max: 100 }), (seed, min, width) => {
      const stream = seededRandomness(seed).stream('s');
      for (let draw = 0; draw < 50; draw += 1) {
        const value = stream.between(min, min + width);
        assert.ok(Number.isInteger(value) && value >= min && value <= min + width);
      }
      assert.match(stream.digits(15), /^\d{15}$/);
    }),
  );
  const stream = seededRandomness('even').stream('s');
  const tens = Array.from({ length: 10 }, () => 0);
  for (let draw = 0; draw < 100_000; draw += 1) tens[stream.between(0, 9)]! += 1;
  for (const count of tens) assert.ok(Math.abs(count - 10_000) < 500, String(tens));
});

test('a queued fault wins and is used up; ratios take over; neither shifts the other', () => {
  const draw = (queue: ('x' | 'y')[]): (string | undefined)[] => {
    const stream = seededRandomness('q').stream('faults');
    return Array.from({ length: 200 }, () => chooseFault<'x' | 'y'>(queue, { x: 0.3 }, stream));
  };
  const plain = draw([]);
  const queue: ('x' | 'y')[] = ['y', 'y'];
  const queued = draw(queue);
  assert.deepEqual(queue, []);
  assert.deepEqual(queued.slice(0, 2), ['y', 'y']);
  assert.deepEqual(queued.slice(2), plain.slice(2));
  const share = plain.filter((fault) => fault === 'x').length / plain.length;
  assert.ok(share > 0.2 && share < 0.4, String(share));
});
