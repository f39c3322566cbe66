/** What may be rented, how much of it, and what a customer may read: decided before any money moves, and written down. */
import { strict as assert } from 'node:assert';
import { after, before, beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import { type ErrorCode, isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { addMs, dayMs, hourMs, minuteMs } from '#platform/time/index.ts';
import { postgresBans } from '../../adapters/postgres/policy/bans.ts';
import { postgresDecisions } from '../../adapters/postgres/policy/audit.ts';
import { postgresSwitches } from '../../adapters/postgres/policy/switches.ts';
import { postgresTenantPolicies } from '../../adapters/postgres/policy/tenants.ts';
import type { PolicyRefusal } from '../../domain/policy/admit.ts';
import { admitRental } from '../../domain/policy/admit-rental.ts';
import type { KycLevel, OwnLimits, Standing } from '../../domain/policy/rules.ts';
import { noUsage, type Usage } from '../../domain/policy/usage.ts';
import { testRules } from '../../testing/policy/rules.ts';
import { openRentalWorld, type RentalWorld } from '../../testing/rental/rental-world.ts';
import { numberHash } from '../policy/hash-number.ts';
import type { PolicyDecision } from '../policy/ports.ts';
import { readPolicy } from '../policy/read-policy.ts';
import { getRental, listRentalMessages, setAutoRenew } from './read-rentals.ts';
import { releaseRental } from './release-rental.ts';

const act = (at: Date) => ({ actor: 'user:operator', note: 'because the tests say so', at });
const refusedWith = (code: ErrorCode, reason?: PolicyRefusal) => (error: unknown) => {
  if (!isAppError(error, code)) assert.fail(`expected ${code}, got ${String(error)}`);
  if (reason !== undefined) assert.equal(error.meta?.['policyReason'], reason);
  return true;
};

describe('acceptable use of rentals', () => {
  let opened: Awaited<ReturnType<typeof openRentalWorld>>;
  let world: RentalWorld;
  before(async () => {
    opened = await openRentalWorld(testRules);
  });
  after(() => opened.close());
  beforeEach(async () => {
    world = await opened.fresh();
    // No new account, and may rent what is restricted.
    await settle(1);
  });

  const tenants = () => postgresTenantPolicies(world.db);
  const settle = async (level: KycLevel, ageMs = 2 * dayMs): Promise<void> => {
    const { tenantId, clock } = world;
    await tenants().sawTenant(tenantId, addMs(clock.now(), -ageMs));
    await tenants().setKyc(tenantId, level, 'testing sign-up', act(clock.now()));
  };
  const limit = (limits: OwnLimits) => tenants().setLimits(world.tenantId, limits, act(world.clock.now()));
  const policy = () => readPolicy({ tenants: tenants(), rules: testRules, clock: world.clock })(world.tenantId);
  const refusals = async (): Promise<readonly PolicyDecision[]> =>
    postgresDecisions(world.db).list({ tenantId: world.tenantId, kind: 'refused', before: undefined, limit: 100 });
  const untouched = (): void => {
    assert.deepEqual([world.billing.money.orders.size, world.fake.calls.rent], [0, 0], 'no hold, no provider');
  };

  for (const scope of ['tenant', 'service', 'provider'] as const)
    it(`switched off by ${scope}: nothing is rented or extended, and it is written down; what was rented goes on`, async () => {
      const rental = await world.rent();
      const { calls, rented } = world.fake;
      const target = { tenant: world.tenantId, service: 'telegram', provider: world.fake.provider.name }[scope];
      const set = await postgresSwitches(world.db).set(scope, target, act(world.clock.now()));
      const holds = world.billing.money.orders.size;
      await assert.rejects(world.rent(), refusedWith('verification.switched_off', `${scope}_switched_off`));
      await assert.rejects(world.extend(rental.id), refusedWith('verification.switched_off', `${scope}_switched_off`));
      assert.deepEqual([world.billing.money.orders.size, calls.rent, calls.extend], [holds, 1, 0]);
      const lines = await refusals();
      assert.deepEqual([lines.length, lines[0]?.times, lines[0]?.service], [1, 2, 'telegram']);
      rented[0]?.messages.push({ text: 'Hello', sender: 'Shop', receivedAt: world.clock.now() });
      await world.pass(2 * minuteMs);
      const { messages } = await listRentalMessages(world.ports)({
        ...{ tenantId: world.tenantId, id: rental.id, before: undefined, limit: 10 },
      });
      assert.equal(messages.length, 1);
      await postgresSwitches(world.db).lift(set.id, act(world.clock.now()));
      assert.equal((await world.rent()).state, 'active');
    });

  it('classes: blocked for all but whom an operator lets, restricted by level', async () => {
    await assert.rejects(world.rent({ service: 'paypal' }), refusedWith('verification.service_blocked'));
    assert.deepEqual(
      (await refusals()).map(({ reason, service }) => [reason, service]),
      [['service_blocked', 'paypal']],
    );
    untouched();
    await tenants().setClass(world.tenantId, 'paypal', 'restricted', act(world.clock.now()));
    assert.equal((await world.rent({ service: 'paypal' })).state, 'active');
    await settle(0);
    await assert.rejects(world.rent({ service: 'paypal' }), refusedWith('verification.kyc_required'));
    await tenants().setClass(world.tenantId, 'telegram', 'blocked', act(world.clock.now()));
    await assert.rejects(world.rent(), refusedWith('verification.service_blocked', 'service_blocked'));
  });

  it('of 20 rentals at once against a limit of 3, exactly 3 are made, held and bought; one that ends makes room', async () => {
    await limit({ maxOpenRentals: 3 });
    const answers = await Promise.allSettled(Array.from({ length: 20 }, () => world.rent()));
    const made = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    for (const answer of answers)
      if (answer.status === 'rejected') refusedWith('verification.limit_reached', 'open_rentals')(answer.reason);
    assert.deepEqual([made.length, world.fake.calls.rent, world.billing.money.orders.size], [3, 3, 3]);
    const now = await policy();
    assert.deepEqual([now.counts.openRentals, now.limits.maxOpenRentals, now.counts.open], [3, 3, 0]);
    const times = (await refusals()).reduce((sum, line) => sum + line.times, 0);
    assert.equal(times, 17, 'each refusal is counted');
    await world.pass(0);
    await releaseRental(world.ports)({ tenantId: world.tenantId, id: made[0]?.id ?? '' });
    await world.pass(minuteMs);
    assert.equal((await world.rent()).state, 'active');
  });

  it('a new account may rent less; a refused key may be used again, a bought one is answered whatever the limit', async () => {
    const newcomer = newId();
    const idempotencyKey = newId();
    const first = await world.rent({ tenantId: newcomer, duration: '1h', idempotencyKey });
    await assert.rejects(world.rent({ tenantId: newcomer, duration: '1h' }), (error) => {
      refusedWith('verification.limit_reached', 'open_rentals')(error);
      assert.match(String(error), /You may rent 1 numbers at once\. A new account has lower limits/);
      return true;
    });
    assert.equal((await world.rent({ tenantId: newcomer, duration: '1h', idempotencyKey })).id, first.id);
    await limit({ maxOpenRentals: 0 });
    const key = newId();
    await assert.rejects(world.rent({ idempotencyKey: key }), refusedWith('verification.limit_reached', 'open_rentals'));
    await limit({});
    assert.equal((await world.rent({ idempotencyKey: key })).state, 'active');
  });

  it('what a day may cost counts rentals and extensions; what fails or comes back on that day may be spent again', async () => {
    const price = (await world.rent()).chargedMicros;
    await limit({ maxSpendPerDayMicros: 2n * price });
    const second = await world.rent();
    await assert.rejects(world.rent(), refusedWith('verification.limit_reached', 'spend_per_day'));
    await assert.rejects(world.extend(second.id), refusedWith('verification.limit_reached', 'spend_per_day'));
    assert.equal((await policy()).counts.spentMicros, 2n * price);
    await releaseRental(world.ports)({ tenantId: world.tenantId, id: second.id });
    await world.pass(0);
    assert.equal((await policy()).counts.spentMicros, price, 'it came back whole');
    world.billing.money.balance = 0n;
    await assert.rejects(world.rent(), refusedWith('billing.insufficient_credit'));
    const { counts } = await policy();
    assert.deepEqual([counts.spentMicros, counts.purchasesPerHour], [price, 2]);
  });

  it('purchases of an hour are those by the code and by the hour together', async () => {
    await limit({ maxPurchasesPerHour: 1 });
    const rental = await world.rent();
    await assert.rejects(world.rent(), refusedWith('verification.limit_reached', 'purchases_per_hour'));
    await world.extend(rental.id);
  });

  it('a renewal is stopped by switches, not by limits; refused, it is told once and switched off', async () => {
    const kept = await world.rent({ duration: '3d', autoRenew: true });
    await limit({ maxOpenRentals: 0, maxPurchasesPerHour: 0, maxSpendPerDayMicros: 0n });
    const near = async () => {
      await world.pass(49 * hourMs);
      await world.pass(22 * hourMs + 30 * minuteMs);
      await world.pass(minuteMs);
    };
    await near();
    assert.equal(
      (await getRental(world.ports)({ tenantId: world.tenantId, id: kept.id })).endsAt?.getTime(),
      addMs(kept.endsAt ?? new Date(0), 72 * hourMs).getTime(),
    );
    await postgresSwitches(world.db).set('service', 'telegram', act(world.clock.now()));
    await near();
    await world.pass(hourMs);
    const present = await getRental(world.ports)({ tenantId: world.tenantId, id: kept.id });
    assert.deepEqual([present.autoRenew, present.state], [false, 'expired']);
    const told = await world.events();
    assert.deepEqual(told, ['started', 'renewal-upcoming', 'renewed', 'renewal-upcoming', 'renewal-failed', 'expired']);
    await assert.rejects(
      setAutoRenew(world.ports)({ tenantId: world.tenantId, id: kept.id, autoRenew: true }),
      refusedWith('verification.not_cancellable'),
    );
  });

  /** The number that the provider gives next, and those after it. */
  const nextNumbers = async (count: number): Promise<string[]> => {
    const [service, country] = [world.ports.catalogue.service('telegram'), world.ports.catalogue.country('ID')];
    const last = await world.fake.provider.rent({ orderId: newId(), hours: 1, service: service!, country: country! });
    assert.equal(last.kind, 'granted');
    const id = last.kind === 'granted' ? Number(last.providerRentalId) : 0;
    world.fake.rented.length = 0;
    world.fake.calls.rent = 0;
    return Array.from({ length: count }, (_, index) => `+6281200${id + 1 + index}`);
  };
  const sell = (phoneNumber: string) =>
    world.ports.numbers.lease({ id: newId(), tenantId: newId(), service: 'telegram', createdAt: world.clock.now() }, phoneNumber);

  it('a number that was sold for the service before is given back and another one taken, at most three times', async () => {
    const [first, second, ...others] = await nextNumbers(5);
    assert.equal(await sell(first ?? ''), 'leased');
    const rental = await world.rent();
    assert.equal(rental.phoneNumber, second);
    assert.deepEqual(
      world.fake.rented.map(({ state }) => state),
      ['returned', 'active'],
    );
    assert.equal(await sell(second ?? ''), 'unfit', 'it is sold now');
    for (const other of others) await sell(other);
    const before = world.billing.money.balance;
    await assert.rejects(world.rent(), refusedWith('verification.no_numbers'));
    await world.pass(0);
    assert.equal(world.billing.money.balance, before, 'the hold went back');
    assert.equal(world.fake.rented.filter(({ state }) => state === 'active').length, 1, 'nothing unfit is kept');
  });

  it('a banned number is not rented, for its service or for any', async () => {
    const [first, second, third] = await nextNumbers(3);
    const bans = postgresBans(world.db);
    const hash = numberHash(world.ports.sealer);
    const ban = (number: string | undefined, service: string) =>
      bans.set(
        hash(number ?? ''),
        { id: newId(), service, until: addMs(world.clock.now(), dayMs), origin: 'operator' },
        act(world.clock.now()),
      );
    await ban(first, 'telegram');
    await ban(second, '*');
    assert.equal((await world.rent()).phoneNumber, third);
  });

  it('a lost purchase of an unfit number gives number and money back', async () => {
    const [first] = await nextNumbers(1);
    await sell(first ?? '');
    const before = world.billing.money.balance;
    world.fake.spoil('rent', 'after');
    const rental = await world.rent();
    for (let turn = 0; turn < 6; turn++) await world.pass(10_000);
    assert.equal((await getRental(world.ports)({ tenantId: world.tenantId, id: rental.id })).state, 'failed');
    assert.deepEqual([world.fake.rented[0]?.state, world.billing.money.balance], ['returned', before]);
  });

  it('of two orders that meet on one number, one gets it and the other finds none', async () => {
    const [mine, yours] = [
      { id: newId(), tenantId: world.tenantId, service: 'telegram', createdAt: world.clock.now() },
      { id: newId(), tenantId: newId(), service: 'telegram', createdAt: world.clock.now() },
    ];
    const { numbers } = world.ports;
    const answers = await Promise.all([numbers.lease(mine, '+628120'), numbers.lease(yours, '+628120')]);
    assert.deepEqual(answers.toSorted(), ['leased', 'unfit']);
    assert.equal(await numbers.lease(answers[0] === 'leased' ? mine : yours, '+628120'), 'leased', 'asked again, too');
    assert.equal(await numbers.lease({ ...yours, service: 'whatsapp' }, '+628120'), 'leased', 'another service is another sale');
  });

  it('a message of a bank, and one to whoever had the number before, is kept and shown to nobody', async () => {
    const rental = await world.rent();
    const inbox = world.fake.rented[0]?.messages ?? assert.fail();
    const receivedAt = world.clock.now();
    inbox.push({ text: 'Your PayPal security code is 123456', sender: 'PayPal', receivedAt });
    inbox.push({ text: 'yours', sender: 'Shop', receivedAt });
    inbox.push({ text: 'old', sender: 'Shop', receivedAt: addMs(receivedAt, -hourMs) });
    await world.pass(2 * minuteMs);
    await world.pass(2 * minuteMs);
    const asked = { tenantId: world.tenantId, id: rental.id, before: undefined, limit: 10 };
    assert.deepEqual(
      (await listRentalMessages(world.ports)(asked)).messages.map(({ text }) => text),
      ['yours'],
    );
    assert.deepEqual(await world.events(), ['started', 'message-received']);
    const kept = await world.db.query<{ hidden: boolean }>('select hidden from rental_messages');
    assert.deepEqual([kept.length, kept.filter(({ hidden }) => hidden).length], [3, 2]);
    const lines = await postgresDecisions(world.db).list({
      ...{ tenantId: world.tenantId, kind: 'message_withheld', before: undefined, limit: 10 },
    });
    assert.deepEqual([lines.length, lines[0]?.detail['rentalId']], [1, rental.id]);
  });

  it('the database decides as the rule says, whatever a tenant has used', async () => {
    const at = world.clock.now();
    const seed = Number(process.env['MODEL_SEED'] ?? Date.now() % 1_000_000);
    const counts = fc.integer({ min: 0, max: 30 });
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          level: fc.constantFrom<KycLevel>(0, 1, 2, 3),
          ageMs: fc.constantFrom(minuteMs, 2 * dayMs),
          own: fc.record(
            { maxOpenRentals: fc.integer({ min: 0, max: 3 }), maxSpendPerDayMicros: fc.bigInt(0n, 30_000_000n) },
            { requiredKeys: [] },
          ),
          hoursAgo: fc.integer({ min: 0, max: 2 }),
          daysAgo: fc.integer({ min: 0, max: 1 }),
          used: fc.record({ purchases: counts, purchasesBefore: counts, cancels: counts, cancelsBefore: counts }),
          spentMicros: fc.bigInt(0n, 30_000_000n),
          policyClass: fc.constantFrom('open', 'restricted', 'blocked'),
          kind: fc.constantFrom('purchase', 'extension', 'renewal'),
          switchedOff: fc.option(fc.constantFrom('tenant', 'service', 'provider'), { nil: undefined }),
          priceMicros: fc.bigInt(1n, 20_000_000n),
        }),
        async ({ level, ageMs, own, hoursAgo, daysAgo, used, spentMicros, switchedOff, ...wish }) => {
          const tenantId = newId();
          const standing: Standing = { kycLevel: level, ownLimits: own, since: addMs(at, -ageMs) };
          const start = noUsage(addMs(at, -hoursAgo * hourMs - daysAgo * dayMs));
          const usage: Usage = { ...start, ...used, spentMicros };
          await tenants().sawTenant(tenantId, standing.since);
          await tenants().setKyc(tenantId, level, 'model', act(at));
          await tenants().setLimits(tenantId, own, act(at));
          await world.db.query('truncate policy_switches');
          if (switchedOff)
            await postgresSwitches(world.db).set(
              switchedOff,
              { tenant: tenantId, service: 'telegram', provider: 'p' }[switchedOff],
              act(at),
            );
          await world.db.query(
            `insert into policy_usage (tenant_id, hour, day, purchases, purchases_before, cancels, cancels_before, spent_micros)
             values ($1, $2, $3, $4, $5, $6, $7, $8)`,
            [tenantId, usage.hour, usage.day, used.purchases, used.purchasesBefore, used.cancels, used.cancelsBefore, spentMicros],
          );
          const rules = JSON.stringify(testRules, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
          const [row] = await world.db.query<{
            reason: string;
            limit_value: bigint | null;
            retry_after_ms: bigint | null;
            new_account: boolean;
          }>(`select * from policy_admit_rental($1::jsonb, $2, $3, 'k', $4, 'telegram', $5, 'ID', 'p', $6, $7)`, [
            rules,
            newId(),
            tenantId,
            wish.kind,
            wish.policyClass,
            wish.priceMicros,
            at,
          ]);
          const decided = admitRental(testRules, standing, usage, { ...wish, at, switchedOff, openRentals: 0 });
          const { refused } = decided;
          assert.equal(row?.reason, refused?.reason ?? '');
          if (refused) {
            const retry = row?.retry_after_ms === null ? undefined : Number(row?.retry_after_ms);
            assert.deepEqual(
              [row?.limit_value ?? undefined, retry, row?.new_account],
              [refused.limit, refused.retryAfterMs, refused.newAccount],
            );
          } else {
            const { counts: now } = await readPolicy({ tenants: tenants(), rules: testRules, clock: world.clock })(tenantId);
            assert.equal(now.spentMicros, decided.usage.spentMicros);
          }
        },
      ),
      { numRuns: 150, seed },
    );
  });
});
