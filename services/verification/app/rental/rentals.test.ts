import { strict as assert } from 'node:assert';
import { after, before, beforeEach, describe, it } from 'node:test';
import { appError, isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { hourMs, minuteMs, secondMs } from '#platform/time/index.ts';
import { RentalFact } from '#proto/namaskah/verification/events/v1/events.ts';
import { providersOf } from '../../testing/rental/fake-rentals.ts';
import { openRentalWorld, type RentalWorld } from '../../testing/rental/rental-world.ts';
import type { RentalChanges, RentalPorts, RentalProvider } from './ports.ts';
import { getRental, listRentalMessages, setAutoRenew } from './read-rentals.ts';
import { releaseRental } from './release-rental.ts';
import { workRentals } from './work-rentals.ts';

describe('a rental', () => {
  let opened: Awaited<ReturnType<typeof openRentalWorld>>;
  let { db, clock, fake, billing, ports, failures, tenantId, rent, extend, pass, events } = {} as RentalWorld;

  before(async () => {
    opened = await openRentalWorld();
  });
  after(() => opened.close());
  beforeEach(async () => {
    ({ db, clock, fake, billing, ports, failures, tenantId, rent, extend, pass, events } = await opened.fresh());
  });

  const orders = () => db.query<{ state: string; price_micros: bigint; refund_micros: bigint }>('select * from rental_orders order by id');
  const start = 1_000_000_000n;

  it('is charged once, receives messages that are sealed, is extended once per key, and gives back by the rule', async () => {
    const rental = await rent();
    assert.equal(rental.state, 'active');
    await pass(0);
    assert.equal(billing.money.captures, 1);
    fake.rented[0]?.messages.push({ text: 'Your code is 48151', sender: 'Telegram', receivedAt: clock.now() });
    await pass(2 * minuteMs);
    await pass(2 * minuteMs);
    const { messages } = await listRentalMessages(ports)({ tenantId, id: rental.id, before: undefined, limit: 10 });
    assert.deepEqual(
      messages.map(({ text, sender }) => [text, sender]),
      [['Your code is 48151', 'Telegram']],
    );
    const [stored] = await db.query<{ sealed: Buffer }>('select sealed from rental_messages');
    assert.ok(!stored?.sealed.toString('latin1').includes('48151'));
    const key = newId();
    const longer = await extend(rental.id, '1d', key);
    assert.equal((await extend(rental.id, '1d', key)).endsAt?.getTime(), longer.endsAt?.getTime());
    assert.equal(fake.calls.extend, 1);
    assert.equal(longer.endsAt?.getTime(), (rental.endsAt?.getTime() ?? 0) + 24 * hourMs);
    const released = await releaseRental(ports)({ tenantId, id: rental.id });
    assert.equal(released.state, 'released');
    await pass(minuteMs);
    const rows = await orders();
    const price = rows[0]?.price_micros ?? 0n;
    // 4 minutes are used, the first hour counts as used: 23 whole hours are left of the first day, all 24 of the second.
    const half = (hours: bigint) => ((price * hours) / 48n / 10_000n) * 10_000n;
    assert.deepEqual(
      rows.map((row) => [row.state, row.refund_micros]),
      [
        ['refunded', half(23n)],
        ['refunded', half(24n)],
      ],
    );
    assert.equal(billing.money.balance, start - 2n * price + half(23n) + half(24n));
    assert.deepEqual(await events(), ['started', 'message-received', 'extended', 'released']);
    const told = await db.query<{ sequence: number; text: string }>(
      `select aggregate_version::int as sequence, convert_from(payload, 'UTF8') as text from outbox order by seq`,
    );
    assert.deepEqual(
      told.map(({ sequence }) => sequence),
      told.map(({ sequence }) => sequence).toSorted((a, b) => a - b),
    );
    assert.equal(new Set(told.map(({ sequence }) => sequence)).size, 4, 'a message has its place in the order, too');
    const facts = told.map(({ text }) => RentalFact.fromJSON(JSON.parse(text)));
    assert.equal(facts[1]?.messageId, messages[0]?.id);
    assert.equal(facts[3]?.refunded?.micros, half(23n) + half(24n));
    assert.deepEqual(failures, []);
  });

  it('given back in the first minutes costs nothing, whether or not it was charged before', async () => {
    const rental = await rent();
    await releaseRental(ports)({ tenantId, id: rental.id });
    await pass(minuteMs);
    assert.equal(billing.money.balance, start);
    assert.equal((await orders())[0]?.state, 'refunded');
  });

  it('that a promotion has made free is like any other', async () => {
    const quote = async () => ({ id: newId(), price: { currency: 'USD', micros: 0n } });
    const rental = await rent({}, { ...ports, prices: { ...ports.prices, quote } });
    await pass(0);
    await releaseRental(ports)({ tenantId, id: rental.id });
    assert.deepEqual([(await orders())[0]?.state, billing.money.balance], ['charged', start]);
    assert.deepEqual(failures, []);
  });

  it('whose answer was lost is found by the list, and never bought twice', async () => {
    fake.spoil('rent', 'after');
    fake.spoil('list', 'before');
    const key = newId();
    assert.equal((await rent({ idempotencyKey: key })).state, 'ordering');
    await pass(20 * secondMs);
    const found = await rent({ idempotencyKey: key });
    assert.equal(found.state, 'active');
    assert.equal(found.providerRentalId, fake.rented[0]?.providerRentalId);
    assert.equal(fake.calls.rent, 1);
  });

  it('that never reached the provider fails once its absence is proven, and the hold goes back', async () => {
    fake.spoil('rent', 'before');
    const rental = await rent();
    await pass(10 * secondMs);
    assert.equal((await getRental(ports)({ tenantId, id: rental.id })).state, 'ordering');
    await pass(30 * secondMs);
    assert.equal((await getRental(ports)({ tenantId, id: rental.id })).state, 'failed');
    await pass(secondMs);
    assert.equal(billing.money.balance, start);
    assert.deepEqual(await events(), ['failed']);
  });

  for (const [how, paid] of [
    ['after', true],
    ['before', false],
  ] as const)
    it(`an extension whose answer was lost (${how} its effect) is settled by the provider's end date`, async () => {
      const rental = await rent();
      await pass(0);
      const paidBefore = billing.money.balance;
      fake.spoil('extend', how);
      fake.spoil('find', 'before');
      await extend(rental.id);
      await assert.rejects(releaseRental(ports)({ tenantId, id: rental.id }), (error) => isAppError(error, 'platform.unavailable'));
      await pass(40 * secondMs);
      await pass(secondMs);
      const present = await getRental(ports)({ tenantId, id: rental.id });
      assert.equal(present.endsAt?.getTime(), fake.rented[0]?.endsAt.getTime());
      assert.equal(billing.money.balance < paidBefore, paid);
      assert.equal(present.openOrderId, null);
      assert.equal(fake.calls.extend, 1);
    });

  it('an extension is not given up at the first silence after an absence of hours', async () => {
    const rental = await rent();
    await pass(0);
    fake.spoil('extend', 'after');
    fake.spoil('find', 'before');
    await extend(rental.id);
    fake.spoil('find', 'before');
    await pass(3 * hourMs);
    for (let turn = 0; turn < 3; turn++) await pass(10 * secondMs);
    const present = await getRental(ports)({ tenantId, id: rental.id });
    assert.deepEqual([present.openOrderId, present.endsAt], [null, fake.rented[0]?.endsAt]);
    assert.deepEqual(
      (await orders()).map(({ state }) => state),
      ['charged', 'charged'],
    );
  });

  it('of two lost purchases, the one that has leased its number keeps to it, so that both have one', async () => {
    const die = () => Promise.reject(new Error('killed'));
    const save = (changes: RentalChanges) => (changes.rental?.to.state === 'active' ? die() : ports.store.save(changes));
    await assert.rejects(rent({}, { ...ports, store: { ...ports.store, save } }), /killed/);
    await pass(5 * secondMs);
    const bought: RentalProvider['rent'] = async (wanted) => (await fake.provider.rent(wanted), die());
    await assert.rejects(rent({}, { ...ports, providers: providersOf({ provider: { ...fake.provider, rent: bought } }) }), /killed/);
    // The newest first: the other one's.
    fake.rented.reverse();
    for (let turn = 0; turn < 8; turn++) await pass(10 * secondMs);
    const rows = await db.query<{ state: string }>('select state from rentals');
    assert.deepEqual(
      [...rows, ...fake.rented].map(({ state }) => state),
      Array(4).fill('active'),
    );
  });

  it('whose process dies after the provider was asked is found, though billing refuses to know its hold: the catalogue has new names', async () => {
    const die = () => Promise.reject(new Error('killed'));
    const dying = providersOf({
      provider: { ...fake.provider, rent: async (wanted) => (await fake.provider.rent(wanted), die()) },
    });
    await assert.rejects(rent({}, { ...ports, providers: dying }));
    const renamed: RentalPorts = {
      ...ports,
      ledger: { ...ports.ledger, placeHold: async () => ({ kind: 'refused', error: appError('request.idempotency_conflict') }) },
    };
    for (let turn = 0; turn < 6; turn++) {
      clock.advance(10 * secondMs);
      await workRentals(renamed)({ limit: 100, leaseMs: 10 * secondMs });
    }
    const [row] = await db.query<{ state: string; provider_rental_id: string }>('select state, provider_rental_id from rentals');
    assert.deepEqual([row?.state, row?.provider_rental_id], ['active', fake.rented[0]?.providerRentalId]);
    assert.equal(billing.money.captures, 1);
  });

  for (const at of ['row', 'hold', 'provider', 'write'] as const)
    it(`whose process dies after the ${at} is recovered without buying`, async () => {
      const die = () => Promise.reject(new Error('killed'));
      const dying: RentalPorts = {
        ...ports,
        ledger: {
          ...ports.ledger,
          ...(at === 'row' && { placeHold: die }),
          ...(at === 'hold' && {
            placeHold: async (...args: Parameters<RentalPorts['ledger']['placeHold']>) => (await ports.ledger.placeHold(...args), die()),
          }),
        },
        providers: providersOf({
          provider: {
            ...fake.provider,
            ...(at === 'provider' && {
              rent: async (wanted: Parameters<RentalProvider['rent']>[0]) => (await fake.provider.rent(wanted), die()),
            }),
          },
        }),
        store: {
          ...ports.store,
          ...(at === 'write' && {
            save: (changes: RentalChanges) => (changes.rental?.to.state === 'active' ? die() : ports.store.save(changes)),
          }),
        },
      };
      await assert.rejects(rent({}, dying));
      const asked = fake.calls.rent;
      for (let turn = 0; turn < 6; turn++) await pass(10 * secondMs);
      assert.equal(fake.calls.rent, asked);
      const [row] = await db.query<{ state: string }>('select state from rentals');
      const bought = at === 'provider' || at === 'write';
      assert.equal(row?.state, bought ? 'active' : 'failed');
      assert.equal(billing.money.balance === start, !bought);
    });

  it('released, extended and expiring at one moment: one end, at most one refund an order, money in step', async () => {
    for (let race = 0; race < 25; race++) {
      const rental = await rent({ duration: '1h' });
      await pass(0);
      clock.advance(race % 2 === 0 ? hourMs : 30 * minuteMs);
      await Promise.allSettled([
        releaseRental(ports)({ tenantId, id: rental.id }),
        extend(rental.id),
        workRentals(ports)({ limit: 100, leaseMs: 45_000 }),
        releaseRental(ports)({ tenantId, id: rental.id }),
      ]);
      for (let turn = 0; turn < 3; turn++) await pass(26 * hourMs);
      const ends = (await db.query<{ subject: string }>('select subject from outbox where aggregate_id = $1', [rental.id])).filter(
        ({ subject }) => subject.endsWith('.released') || subject.endsWith('.expired'),
      );
      assert.equal(ends.length, 1, `race ${race}`);
    }
    const rows = await orders();
    assert.ok(rows.every(({ state }) => state === 'charged' || state === 'refunded' || state === 'failed'));
    const spent = rows.reduce((sum, row) => sum + (row.state === 'failed' ? 0n : row.price_micros - row.refund_micros), 0n);
    assert.equal(billing.money.balance, start - spent);
  });

  it('is renewed once before its end after a warning; a renewal that cannot be paid is told and not repeated', async () => {
    const rental = await rent({ duration: '3d' });
    await setAutoRenew(ports)({ tenantId, id: rental.id, autoRenew: true });
    await pass(49 * hourMs);
    await pass(22 * hourMs + 30 * minuteMs);
    await pass(minuteMs);
    const renewed = await getRental(ports)({ tenantId, id: rental.id });
    assert.equal(renewed.endsAt?.getTime(), (rental.endsAt?.getTime() ?? 0) + 72 * hourMs);
    assert.equal(fake.calls.extend, 1);
    billing.money.balance = 0n;
    await pass(49 * hourMs);
    await pass(22 * hourMs + 30 * minuteMs);
    await pass(minuteMs);
    await pass(3 * hourMs);
    assert.equal((await getRental(ports)({ tenantId, id: rental.id })).state, 'expired');
    assert.deepEqual(await events(), ['started', 'renewal-upcoming', 'renewed', 'renewal-upcoming', 'renewal-failed', 'expired']);
  });

  it("is nobody else's", async () => {
    const rental = await rent();
    const other = { tenantId: newId(), id: rental.id };
    const uses = [
      () => getRental(ports)(other),
      () => releaseRental(ports)(other),
      () => setAutoRenew(ports)({ ...other, autoRenew: true }),
    ];
    for (const use of uses) await assert.rejects(use, (error) => isAppError(error, 'request.not_found'));
  });

  it('ten at once under one key are one purchase; another body is a conflict', async () => {
    const key = newId();
    const answers = await Promise.allSettled(Array.from({ length: 10 }, () => rent({ idempotencyKey: key })));
    assert.ok(answers.every(({ status }) => status === 'fulfilled'));
    assert.equal(fake.calls.rent, 1);
    await assert.rejects(rent({ idempotencyKey: key, duration: '7d' }), (error) => isAppError(error, 'request.idempotency_conflict'));
  });
});
