/** A process that is killed at any of its steps, before or after the step's effect, and another one that finds what it left. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { newId } from '#platform/ids/index.ts';
import { hourMs, minuteMs, secondMs } from '#platform/time/index.ts';
import { createRental } from '../../app/rental/create-rental.ts';
import { extendRental } from '../../app/rental/extend-rental.ts';
import type { RentalPorts } from '../../app/rental/ports.ts';
import { releaseRental } from '../../app/rental/release-rental.ts';
import { workRentals } from '../../app/rental/work-rentals.ts';
import type { RentalCall } from './fake-rentals.ts';
import { openRentalWorld, type RentalWorld } from './rental-world.ts';

type When = 'before' | 'after';
const silent = (call: RentalCall) => Array.from({ length: 20 }, () => ({ call, how: 'before' }) as const);
const start = 1_000_000_000n;

/** The ports of a process that dies at its nth call to anything outside; nothing that it does later happens. */
const dyingAt = (ports: RentalPorts, nth: number, when: When) => {
  const life = { calls: 0, dead: false, last: '' };
  const killed = () => new Error(`killed ${when} ${life.last}`);
  const wrap = <T extends object>(part: T): T =>
    Object.fromEntries(
      Object.entries(part).map(([name, value]: [string, unknown]) => {
        if (typeof value !== 'function' || name === 'sells') return [name, value];
        const run = value as (...args: unknown[]) => Promise<unknown>;
        return [
          name,
          async (...args: unknown[]) => {
            if (life.dead) throw killed();
            life.calls += 1;
            const mine = life.calls === nth;
            if (mine) life.last = name;
            if (mine && when === 'before') {
              life.dead = true;
              throw killed();
            }
            const answer = await run(...args);
            if (mine) life.dead = true;
            if (life.dead) throw killed();
            return answer;
          },
        ];
      }),
    ) as T;
  const dying: RentalPorts = {
    ...ports,
    ...{ store: wrap(ports.store), ledger: wrap(ports.ledger), prices: wrap(ports.prices), parked: wrap({ parked: ports.parked }).parked },
    providers: { sellers: (wanted) => ports.providers.sellers(wanted).map(wrap), named: (name) => wrap(ports.providers.named(name)) },
  };
  return { dying, life };
};

describe('a rental whose process is killed', () => {
  let house: Awaited<ReturnType<typeof openRentalWorld>>;
  before(async () => {
    house = await openRentalWorld();
  });
  after(() => house?.close());

  /** Another process, and the time that it takes to be sure. */
  const recover = async (world: RentalWorld): Promise<void> => {
    for (let turn = 0; turn < 8; turn++) await world.pass(10 * secondMs);
  };

  /** What holds whoever died when: nothing twice, nothing half, provider and wallet as the rows say. */
  const laws = async ({ db, fake, billing }: RentalWorld, where: string): Promise<void> => {
    const rentals = await db.query<{
      id: string;
      state: string;
      provider_rental_id: string | null;
      ends_at: Date;
      open_order_id: string | null;
    }>('select * from rentals');
    const orders = await db.query<{
      id: string;
      rental_id: string;
      kind: string;
      state: string;
      price_micros: bigint;
      refund_micros: bigint;
      asked_at: Date | null;
      reason: string | null;
      hours: number;
    }>('select * from rental_orders');
    const asked = await db.query<{ verification_id: string }>('select verification_id from provider_settlements');
    for (const rental of rentals) {
      assert.ok(['active', 'released', 'expired', 'failed'].includes(rental.state), `${where}: ${rental.state}`);
      assert.equal(rental.open_order_id, null, where);
    }
    const settled = orders.every(({ state }) => ['charged', 'refunded', 'failed'].includes(state));
    assert.ok(settled, `${where}: ${orders.map(({ state }) => state).join(', ')}`);
    const paid = orders.reduce((sum, row) => sum + (row.state === 'failed' ? 0n : row.price_micros - row.refund_micros), 0n);
    assert.equal(billing.money.balance, start - paid, `${where}: the wallet is what the orders say`);
    assert.equal(new Set(fake.rented.map((row) => row.orderId)).size, fake.rented.length, `${where}: an order buys once`);
    // Given up without an answer: the customer has the money back, and the provider is asked on. It may have granted it, or not.
    const givenUp = orders.filter(({ reason }) => reason === 'provider_unconfirmed');
    for (const { id } of givenUp)
      assert.ok(
        asked.some((row) => row.verification_id === id),
        `${where}: the provider is asked about what was given up`,
      );
    const ours = new Set(rentals.map((rental) => rental.provider_rental_id));
    const nobodys = fake.rented.filter((row) => row.state !== 'returned' && !ours.has(row.providerRentalId));
    const purchases = givenUp.filter(({ kind }) => kind === 'purchase');
    assert.ok(nobodys.length <= purchases.length, `${where}: what was bought is somebody's`);
    for (const row of fake.rented) {
      const owner = rentals.find((rental) => rental.provider_rental_id === row.providerRentalId);
      if (owner === undefined) continue;
      assert.equal(owner.state === 'active', row.state === 'active', `${where}: ${owner.state} here, ${row.state} there`);
      const more = givenUp.filter(({ rental_id: id, kind }) => id === owner.id && kind !== 'purchase');
      const ends = [0, ...more.map((_, n) => more.slice(0, n + 1).reduce((sum, { hours }) => sum + hours, 0))];
      const beyond = (row.endsAt.getTime() - owner.ends_at.getTime()) / hourMs;
      assert.ok(ends.includes(beyond), `${where}: one end on both sides, not ${beyond} hours later there`);
    }
    assert.ok(
      rentals
        .filter(({ state }) => state === 'active')
        .every((rental) => fake.rented.some((row) => row.providerRentalId === rental.provider_rental_id)),
      where,
    );
    const ended = rentals.filter(({ state }) => state === 'released' || state === 'expired').map(({ id }) => id);
    const granted = orders.filter((order) => order.state !== 'failed' && ended.includes(order.rental_id)).map(({ id }) => id);
    const sides = await db.query<{ verification_id: string }>(
      `select verification_id from provider_settlements where state <> 'claimed' or due_at is not null`,
    );
    const missing = granted.filter((id) => !sides.some((side) => side.verification_id === id));
    assert.deepEqual(missing, [], `${where}: every granted order of an ended rental has a provider's side`);
  };

  const scenarios: Record<string, (world: RentalWorld) => Promise<(ports: RentalPorts) => Promise<unknown>>> = {
    'a purchase': async ({ tenantId }) => {
      const request = { tenantId, idempotencyKey: newId(), service: 'telegram', country: 'ID', duration: '1d', autoRenew: false };
      return (ports) => createRental(ports)({ ...request, maxPrice: undefined });
    },
    'an extension': async (world) => {
      const { tenantId } = world;
      const { id } = await world.rent();
      await world.pass(0);
      const request = { tenantId, id, idempotencyKey: newId(), duration: '3d', maxPrice: undefined };
      return (ports) => extendRental(ports)(request);
    },
    'a renewal': async (world) => {
      await world.rent({ duration: '1d', autoRenew: true });
      await world.pass(18 * hourMs);
      world.clock.advance(5 * hourMs + minuteMs);
      return async (ports) => {
        const failures = world.failures.length;
        await workRentals(ports)({ limit: 100, leaseMs: 10 * secondMs });
        // A step that dies is reported, not thrown: here that is the death of the process.
        if (world.failures.length > failures) throw world.failures.pop();
      };
    },
    'a release for all of the money': async (world) => {
      const { tenantId } = world;
      const { id } = await world.rent();
      await world.pass(0);
      return (ports) => releaseRental(ports)({ tenantId, id });
    },
    'a release for a part of the money': async (world) => {
      const { tenantId } = world;
      const { id } = await world.rent();
      await world.pass(3 * hourMs);
      return (ports) => releaseRental(ports)({ tenantId, id });
    },
  };

  const mostHours: Record<string, number> = {
    ...{ 'a purchase': 24, 'an extension': 96, 'a renewal': 48 },
    ...{ 'a release for all of the money': 24, 'a release for a part of the money': 24 },
  };

  for (const [name, prepare] of Object.entries(scenarios))
    for (const when of ['before', 'after'] as const)
      it(`${name}, killed ${when} each of its steps: nothing twice, nothing half, all of it found`, async () => {
        const steps: string[] = [];
        for (let nth = 1; nth <= 60; nth++) {
          const world = await house.fresh();
          const act = await prepare(world);
          const { dying, life } = dyingAt(world.ports, nth, when);
          const outcome = await act(dying).then(
            () => 'done',
            () => 'died',
          );
          if (life.calls < nth) {
            assert.equal(outcome, 'done');
            break;
          }
          steps.push(life.last);
          const where = `${name} killed ${when} step ${nth} (${life.last})`;
          // What the dead one reported is not the business of the next.
          world.failures.length = 0;
          await recover(world);
          assert.deepEqual(world.failures, [], where);
          await laws(world, where);
          // Asked for again under its key, it is answered, and the provider is not asked for a second one.
          await act(world.ports).catch(() => undefined);
          await recover(world);
          await laws(world, `${where}, asked again`);
          const hours = world.fake.rented.reduce((sum, row) => sum + (row.endsAt.getTime() - row.startedAt.getTime()) / hourMs, 0);
          assert.ok(hours <= mostHours[name]!, `${where}: ${hours} hours were bought`);
        }
        assert.ok(steps.length >= 4, `only ${steps.join(', ')}`);
        const provider = { 'a purchase': 'rent', 'an extension': 'extend', 'a renewal': 'extend' }[name] ?? 'release';
        assert.ok(steps.includes(provider) && steps.includes('save'), steps.join(', '));
      });

  it('whatever dies and whatever answer is lost: the laws hold, and the provider is asked for each order once', async () => {
    const lost = fc.record({
      call: fc.constantFrom<RentalCall>('price', 'rent', 'extend', 'messages', 'release', 'find', 'list'),
      how: fc.constantFrom<When>('before', 'after'),
    });
    const act = fc.record({
      what: fc.constantFrom('rent', 'extend', 'release', 'work'),
      nth: fc.integer({ min: 1, max: 14 }),
      when: fc.constantFrom<When>('before', 'after'),
      pauseMs: fc.constantFrom(0, 5 * secondMs, 20 * minuteMs, 3 * hourMs),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(lost, { maxLength: 5 }), fc.array(act, { minLength: 2, maxLength: 6 }), async (losses, acts) => {
        const world = await house.fresh();
        const { tenantId } = world;
        for (const { call, how } of losses) world.fake.spoil(call, how);
        let id = '';
        for (const { what, nth, when, pauseMs } of acts) {
          const { dying } = dyingAt(world.ports, nth, when);
          const key = newId();
          const request = { tenantId, idempotencyKey: key, duration: '1d', maxPrice: undefined };
          if (what === 'rent' || id === '') {
            const rental = await createRental(dying)({ ...request, service: 'telegram', country: 'ID', autoRenew: false }).catch(
              () => undefined,
            );
            id = rental?.id ?? id;
          } else if (what === 'extend') await extendRental(dying)({ ...request, id }).catch(() => undefined);
          else if (what === 'release') await releaseRental(dying)({ tenantId, id }).catch(() => undefined);
          else await workRentals(dying)({ limit: 100, leaseMs: 10 * secondMs }).catch(() => undefined);
          await world.pass(pauseMs);
        }
        world.failures.length = 0;
        for (let turn = 0; turn < 3; turn++) await recover(world);
        assert.deepEqual(world.failures, []);
        await laws(world, JSON.stringify({ losses, acts }));
      }),
      {
        ...{ numRuns: 25, interruptAfterTimeLimit: 60_000 },
        // Found by chance: two lost purchases that swap their numbers, of which one has leased its own; a purchase and an extension whose
        // provider says nothing until they are given up; a process that is away for as long, and gets no answer to its first question.
        examples: [
          [
            [],
            [
              { what: 'rent', nth: 8, when: 'before', pauseMs: 0 },
              { what: 'rent', nth: 7, when: 'before', pauseMs: 20 * minuteMs },
            ],
          ],
          [
            [{ call: 'rent', how: 'after' }],
            [
              { what: 'rent', nth: 8, when: 'before', pauseMs: 0 },
              { what: 'rent', nth: 8, when: 'before', pauseMs: 0 },
              { what: 'rent', nth: 1, when: 'before', pauseMs: 20 * minuteMs },
            ],
          ],
          [
            silent('list'),
            [
              { what: 'rent', nth: 7, when: 'after', pauseMs: 3 * hourMs },
              { what: 'rent', nth: 1, when: 'before', pauseMs: 0 },
            ],
          ],
          [
            [{ call: 'find', how: 'before' }],
            [
              { what: 'rent', nth: 12, when: 'before', pauseMs: 0 },
              { what: 'extend', nth: 9, when: 'before', pauseMs: 0 },
              { what: 'work', nth: 14, when: 'after', pauseMs: 3 * hourMs },
            ],
          ],
          [
            silent('find'),
            [
              { what: 'rent', nth: 12, when: 'before', pauseMs: 0 },
              { what: 'extend', nth: 9, when: 'before', pauseMs: 3 * hourMs },
            ],
          ],
        ],
      },
    );
  });
});
