/** Release, expiry, extension and renewal at one moment: one outcome, whoever is first. */
import { strict as assert } from 'node:assert';
import { after, before, describe, it } from 'node:test';
import { hourMs, minuteMs, secondMs } from '#platform/time/index.ts';
import { openRentalWorld, type RentalWorld } from '../../testing/rental/rental-world.ts';
import { getRental } from './read-rentals.ts';
import { releaseRental } from './release-rental.ts';
import { workRentals } from './work-rentals.ts';

const rounds = 100;
const seed = Number(process.env['RACE_SEED'] ?? Date.now() % 1_000_000);

/** A small generator, so that a round can be repeated. */
const generator = (start: number) => {
  let state = start + 0x9e3779b9;
  return (below: number): number => {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
};

describe('races over a rental', () => {
  let opened: Awaited<ReturnType<typeof openRentalWorld>>;
  let world: RentalWorld;
  before(async () => {
    opened = await openRentalWorld();
    world = await opened.fresh();
  });
  after(() => opened.close());

  const step = async (next: (below: number) => number, id: string): Promise<unknown> => {
    const turns = next(4);
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
    switch (next(4)) {
      case 0:
        return releaseRental(world.ports)({ tenantId: world.tenantId, id });
      case 1:
        return world.extend(id, '1h');
      default:
        return workRentals(world.ports)({ limit: 100, leaseMs: 45 * secondMs });
    }
  };

  it(`${rounds} of them: exactly one end, at most one refund of an order, the wallet exact (RACE_SEED=${seed})`, async (t) => {
    const next = generator(seed);
    const start = world.billing.money.balance;
    const ends: Record<string, number> = {};
    for (let round = 0; round < rounds; round++) {
      const where = `round ${round}, RACE_SEED=${seed}`;
      const rental = await world.rent({ duration: '1h', autoRenew: next(2) === 0 });
      await world.pass(0);
      // Within the time of a free return, in the middle, at the renewal, at the very end and after it.
      world.clock.advance([minuteMs, 30 * minuteMs, 56 * minuteMs, hourMs, 61 * minuteMs][next(5)] ?? 0);
      await Promise.allSettled(Array.from({ length: 5 }, () => step(next, rental.id)));
      // Without a renewal it ends by itself, whatever happened.
      for (let turn = 0; turn < 8; turn++) {
        const present = await getRental(world.ports)({ tenantId: world.tenantId, id: rental.id });
        if (present.state === 'active' && present.autoRenew)
          await world.ports.store.setAutoRenew(world.tenantId, rental.id, false, world.clock.now());
        await world.pass(75 * minuteMs);
      }
      const { state, chargedMicros, refundedMicros } = await getRental(world.ports)({ tenantId: world.tenantId, id: rental.id });
      ends[state] = (ends[state] ?? 0) + 1;
      const told = await world.db.query<{ subject: string }>('select subject from outbox where aggregate_id = $1', [rental.id]);
      const ended = told.filter(({ subject }) => /\.(?:released|expired)$/.test(subject));
      assert.deepEqual(
        ended.map(({ subject }) => subject.split('.').at(-1)),
        [state],
        where,
      );
      const orders = await world.ports.store.orders(world.tenantId, rental.id);
      for (const order of orders) assert.ok(['charged', 'refunded', 'failed'].includes(order.state), `${where}: ${order.state}`);
      const sum = (values: readonly bigint[]): bigint => values.reduce((total, one) => total + one, 0n);
      const granted = orders.filter((order) => order.state !== 'failed');
      assert.equal(chargedMicros, sum(granted.map(({ priceMicros }) => priceMicros)), where);
      assert.equal(refundedMicros, sum(granted.map(({ refundMicros }) => refundMicros)), where);
      if (state === 'expired') assert.equal(refundedMicros, 0n, where);
      const money = orders.map(({ id }) => world.billing.money.orders.get(id)).filter((one) => one !== undefined);
      assert.equal(sum(money.map(({ captured, refunded }) => captured - refunded)), chargedMicros - refundedMicros, where);
      assert.equal(world.fake.rented.filter((row) => row.state === 'active').length, 0, `${where}: a number is left at the provider`);
      world.fake.rented.length = 0;
    }
    const all = [...world.billing.money.orders.values()];
    const spent = all.reduce((total, { captured, refunded }) => total + captured - refunded, 0n);
    assert.equal(world.billing.money.balance, start - spent);
    assert.equal(world.billing.money.refunds, all.filter(({ refunded }) => refunded > 0n).length, 'each refund once');
    assert.ok((ends['released'] ?? 0) > 0 && (ends['expired'] ?? 0) > 0, JSON.stringify(ends));
    t.diagnostic(JSON.stringify(ends));
  });
});
