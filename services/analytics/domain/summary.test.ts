import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { cut } from './summary.ts';

it('hours and edges cover the interval without gap or overlap, and hours are whole', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 ** 9 }), fc.integer({ min: 1, max: 10 ** 9 }), (start, length) => {
      const from = new Date(start);
      const to = new Date(start + length);
      const { hours, edges } = cut({ from, to });
      const parts = [...(hours ? [hours] : []), ...edges].toSorted((a, b) => a.from.getTime() - b.from.getTime());
      assert.equal(parts[0]?.from.getTime(), from.getTime());
      assert.equal(parts.at(-1)?.to.getTime(), to.getTime());
      for (const [index, part] of parts.entries()) {
        assert.ok(part.from < part.to);
        if (index > 0) assert.equal(part.from.getTime(), parts[index - 1]?.to.getTime());
      }
      if (hours) assert.deepEqual([hours.from.getTime() % 3_600_000, hours.to.getTime() % 3_600_000], [0, 0]);
    }),
  );
});
