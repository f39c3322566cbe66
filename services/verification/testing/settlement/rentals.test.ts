/** The provider's side of rentals: what it owes us for what was given back, what it kept, and numbers that nobody knew of. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, it } from 'node:test';
import { dayMs, hourMs, minuteMs, secondMs } from '#platform/time/index.ts';
import { createSettlementStore } from '../../adapters/postgres/settlement/store.ts';
import { askAboutRental } from '../../app/rental/ask-about-claim.ts';
import { createRental } from '../../app/rental/create-rental.ts';
import type { RentalPorts } from '../../app/rental/ports.ts';
import { releaseRental } from '../../app/rental/release-rental.ts';
import { workRentals } from '../../app/rental/work-rentals.ts';
import { recoupDue } from '../../app/settlement/recoup-due.ts';
import { reportLeakage } from '../../app/settlement/report-leakage.ts';
import type { SettlementPorts } from '../../app/settlement/ports.ts';
import { claimTiming } from '../../domain/settlement/claim.ts';
import { openRentalWorld, type RentalWorld } from '../rental/rental-world.ts';

let house: Awaited<ReturnType<typeof openRentalWorld>>;
let world: RentalWorld;
let rentals: RentalPorts;
let ports: SettlementPorts;
let settled: string[];
let lostAtOnce: bigint[];
const start = 1_000_000_000n;

before(async () => {
  house = await openRentalWorld();
});
after(() => house?.close());
beforeEach(async () => {
  world = await house.fresh();
  settled = [];
  lostAtOnce = [];
  rentals = { ...world.ports, observer: { ...world.ports.observer, lost: ({ lostMicros }) => void lostAtOnce.push(lostMicros ?? -1n) } };
  ports = {
    settlements: createSettlementStore(world.db),
    providers: { named: () => assert.fail('rentals have providers of their own') },
    rentals: askAboutRental(rentals),
    observer: {
      settled: (_claim, kind, evidence) => void settled.push(`${kind} ${evidence}`),
      open: () => {},
      failedStep: (_claim, error) => assert.fail(String(error)),
    },
    clock: world.clock,
    timing: claimTiming,
  };
});

const recoup = async (ms: number): Promise<void> => {
  world.clock.advance(ms);
  for (let turn = 0; turn < 20; turn++) if ((await recoupDue(ports)({ limit: 100, leaseMs: minuteMs })) === 0) return;
};
const sides = async () => {
  const rows = await world.db.query<{
    state: string;
    evidence: string | null;
    cost_micros: bigint;
    lost_micros: bigint | null;
    product: string;
  }>('select state, evidence, cost_micros, lost_micros, product from provider_settlements order by verification_id');
  assert.ok(rows.every(({ product }) => product === 'rental'));
  return rows.map((row) => [row.state, row.evidence, row.cost_micros, row.lost_micros]);
};
const release = (id: string) => releaseRental(rentals)({ tenantId: world.tenantId, id });
const dayCost = 24_000n;
/** Nobody answers for so long, and so often, that what was lost is given up. */
const silence = async () => {
  world.fake.world.away = true;
  await world.pass(2 * hourMs);
  for (let look = 0; look < 3; look++) await world.pass(minuteMs);
  world.fake.world.away = false;
};
/** The answer to a purchase is lost, and nobody says what became of it: the customer gets the money back. */
const lose = async (how: 'before' | 'after') => {
  world.fake.spoil('rent', how);
  world.fake.spoil('list', 'before');
  const rental = await world.rent();
  await silence();
  assert.equal(world.billing.money.balance, start, 'the customer is not kept waiting');
  return rental;
};

it('a rental that ran to its end is rightly owed, and nobody asks for its money back', async () => {
  await world.rent();
  await world.pass(25 * hourMs);
  const asked = world.fake.calls.find;
  await recoup(dayMs);
  assert.deepEqual(await sides(), [['charged', null, dayCost, null]]);
  assert.equal(world.fake.calls.find, asked);
});
it('one given back for all of the money is claimed until the provider itself says that it came back', async () => {
  const rental = await world.rent();
  await release(rental.id);
  assert.deepEqual(await sides(), [['claimed', null, dayCost, null]]);
  world.fake.spoil('find', 'before');
  await recoup(minuteMs);
  assert.deepEqual(settled, [], 'no answer is no confirmation');
  await recoup(2 * minuteMs);
  assert.deepEqual([settled, await sides()], [['refunded provider_cancelled'], [['refunded', 'provider_cancelled', dayCost, null]]]);
  await recoup(dayMs);
  assert.equal(settled.length, 1);
});
it('a refund that was confirmed and never came is leakage', async () => {
  const rental = await world.rent();
  await release(rental.id);
  for (const row of world.fake.rented) row.state = 'ended';
  await recoup(minuteMs);
  assert.deepEqual(settled, ['lost kept_by_provider']);
});
it('a release that the provider forgot is made again', async () => {
  const rental = await world.rent();
  await release(rental.id);
  for (const row of world.fake.rented) row.state = 'active';
  await recoup(minuteMs);
  assert.deepEqual([settled, world.fake.rented[0]?.state], [['refunded cancel_confirmed'], 'returned']);
});
it('of one given back later the part is lost that no customer pays, and only that', async () => {
  const today = () => world.clock.now().toISOString().slice(0, 10);
  const from = today();
  const cheap = await world.rent();
  await world.pass(hourMs);
  await release(cheap.id);
  assert.deepEqual([await sides(), lostAtOnce], [[['charged', null, dayCost, null]], []]);
  world.fake.world.hourMicros = 75_000n;
  const dear = await world.rent();
  await world.pass(hourMs);
  await release(dear.id);
  const rows = await world.db.query<{ price_micros: bigint; refund_micros: bigint }>(
    'select * from rental_orders order by id desc limit 1',
  );
  const [order = assert.fail()] = rows;
  const dearCost = 1_800_000n;
  const lost = dearCost - (order.price_micros - order.refund_micros);
  assert.ok(lost > 0n && lost < dearCost);
  assert.deepEqual([(await sides())[1], lostAtOnce], [['lost', 'kept_after_release', dearCost, lost], [lost]]);
  const [row] = await reportLeakage(ports)({ from, to: today(), groupBy: [], provider: '', service: '' });
  assert.deepEqual(
    [row?.activations, row?.lostActivations, row?.charged.micros, row?.lost.micros, row?.refunded.micros],
    [2, 1, dayCost + dearCost - lost, lost, 0n],
  );
});
it('an extension is not paid back by the provider, and not wholly to the customer: nothing is made by extending and giving back', async () => {
  const rental = await world.rent();
  await world.extend(rental.id, '180d');
  await world.pass(0);
  const before = world.billing.money.balance;
  await release(rental.id);
  await world.pass(secondMs);
  await recoup(minuteMs);
  const [purchase, extension] = await sides();
  assert.deepEqual(purchase, ['refunded', 'provider_cancelled', dayCost, null]);
  assert.deepEqual(extension, ['charged', null, 4_320_000n, null]);
  assert.equal(world.fake.spentMicros(), 4_320_000n);
  const back = world.billing.money.balance - before;
  assert.ok(start - before - back >= world.fake.spentMicros(), 'what the customer paid covers what the provider keeps');
});
it('a number that was bought although nobody said so is found, given back, and its money with it', async () => {
  world.fake.world.refundMs = dayMs;
  await lose('after');
  assert.deepEqual(await sides(), [['claimed', null, dayCost, null]]);
  await recoup(minuteMs);
  assert.deepEqual([settled, world.fake.rented[0]?.state, world.fake.spentMicros()], [['refunded cancel_confirmed'], 'returned', 0n]);
});
it('found too late to be paid back it is leakage', async () => {
  await lose('after');
  await recoup(minuteMs);
  assert.deepEqual([settled, world.fake.rented[0]?.state], [['lost kept_by_provider'], 'ended']);
});
it('an order that had no effect cost nothing', async () => {
  await lose('before');
  await recoup(minuteMs);
  assert.deepEqual([settled, await sides()], [['refunded never_bought'], [['refunded', 'never_bought', 0n, null]]]);
});
it('a number that another order may have bought is left alone until that is known', async () => {
  // A purchase that was given up; at the same time another one gets a number, and its answer is lost.
  world.fake.spoil('rent', 'before');
  await world.rent();
  world.fake.world.away = true;
  const timing = { ...rentals.timing, giveUpMs: secondMs };
  const hasty = { ...rentals, timing };
  for (let turn = 0; turn < 6; turn++) {
    world.clock.advance(turn === 0 ? 20 * secondMs : 4 * secondMs);
    await workRentals(hasty)({ limit: 10, leaseMs: secondMs });
  }
  world.fake.world.away = false;
  world.fake.spoil('rent', 'after');
  world.fake.spoil('list', 'before');
  const request = { tenantId: world.tenantId, idempotencyKey: 'second', service: 'telegram', country: 'ID', duration: '1d' };
  const second = await createRental(rentals)({ ...request, autoRenew: false, maxPrice: undefined });
  assert.equal(second.state, 'ordering');
  await recoup(31 * secondMs);
  assert.deepEqual([settled, world.fake.rented[0]?.state], [[], 'active']);
  await world.pass(minuteMs);
  assert.equal((await rentals.store.find(world.tenantId, second.id))?.state, 'active');
  await recoup(10 * minuteMs);
  assert.deepEqual([settled, world.fake.rented[0]?.state], [['refunded never_bought'], 'active']);
});
it('an extension that happened although the customer got the money back is leakage', async () => {
  const rental = await world.rent({ duration: '3d' });
  await world.pass(0);
  world.fake.spoil('extend', 'after');
  world.fake.spoil('find', 'before');
  await world.extend(rental.id);
  await silence();
  await recoup(minuteMs);
  assert.deepEqual(settled, ['lost kept_by_provider']);
});
it('one that never answers is given up after a day', async () => {
  const rental = await world.rent();
  await release(rental.id);
  world.fake.world.away = true;
  for (let hour = 0; hour < 25; hour++) await recoup(hourMs);
  assert.deepEqual(settled, ['lost unconfirmed']);
});
