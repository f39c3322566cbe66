import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { newId } from '#platform/ids/index.ts';
import { isAppError } from '#platform/errors/index.ts';
import { addMs, dayMs, hourMs } from '#platform/time/index.ts';
import { pauseSpending } from '../../app/budgets/pause-spending.ts';
import { chargeWallet } from '../../app/ledger/charge-wallet.ts';
import { placeHold } from '../../app/ledger/place-hold.ts';
import { capturing, charging, placing, releasing } from '../ledger/books.contract.ts';
import { codeOf, openUsageHouse, start, type UsageHouse } from './usage-house.ts';

let house: UsageHouse;
before(async () => {
  house = await openUsageHouse();
});
after(() => house?.close());
afterEach(async () => {
  house.clock.set(start);
  assert.equal(await house.audit(), undefined, 'the books agree');
  const [row] = await house.db.query<{ wrong: number }>(
    'select count(*)::int as wrong from budget_windows w join budgets b on b.id = w.budget_id where w.spent_micros <> spent_in_window(b, w.starts_at)',
  );
  assert.equal(row?.wrong, 0, 'what is counted is what the holds say');
});

const place = async (tenantId: string, micros: bigint, over: object = {}) =>
  house.books.place(placing(tenantId, micros, { now: house.clock.now(), expiresAt: addMs(house.clock.now(), hourMs), ...over }));
const spent = async (tenantId: string, id: string): Promise<bigint | undefined> =>
  (await house.budgets.find(tenantId, id, house.clock.now()))?.spentMicros;
const outcomes = (results: readonly { readonly outcome: string }[]) => results.map(({ outcome }) => outcome);
const placedHold = async (tenantId: string, micros: bigint, over: object = {}): Promise<string> => {
  const result = await place(tenantId, micros, over);
  return result.outcome === 'done' ? result.hold.id : assert.fail(result.outcome);
};

describe('a hard budget', () => {
  it('is never passed, whatever comes at once: 1,000 holds against room for 137', async () => {
    const tenantId = await house.rich();
    const { id } = await house.budget(tenantId, 1_375n);
    const results = await Promise.all(Array.from({ length: 1_000 }, () => place(tenantId, 10n)));
    assert.equal(results.filter(({ outcome }) => outcome === 'done').length, 137);
    assert.deepEqual(new Set(outcomes(results)), new Set(['done', 'budget_exhausted']));
    assert.equal(await spent(tenantId, id), 1_370n);
    assert.equal((await place(tenantId, 5n)).outcome, 'done', 'what is left can still be spent');
    assert.equal((await place(tenantId, 1n)).outcome, 'budget_exhausted');
  });

  it('counts a hold once, whatever parts become holds of their own, in the window in which it was placed', async () => {
    const tenantId = await house.rich();
    const { id } = await house.budget(tenantId, 100n);
    const fromHoldId = await placedHold(tenantId, 100n);
    // The next day: the parts do not count as spent on it.
    house.clock.set(addMs(start, dayMs));
    const later = { now: house.clock.now(), expiresAt: addMs(house.clock.now(), hourMs), fromHoldId };
    const parts = [placing(tenantId, 30n, later), placing(tenantId, 50n, later)] as const;
    const carved = await Promise.all(
      parts.map((part, index) => (index === 0 ? house.books : house.replica.books).carve({ ...part, fromHoldId })),
    );
    assert.deepEqual(outcomes(carved), ['done', 'done']);
    assert.equal(await spent(tenantId, id), 0n);
    await house.books.giveBack({ tenantId, holdId: parts[0].holdId, now: house.clock.now() });
    await house.books.collect({ tenantId, holdId: parts[1].holdId, upToMicros: 50n, final: true, now: house.clock.now() });
    house.clock.set(start);
    assert.equal(await spent(tenantId, id), 70n);
  });

  it('is never passed by two replicas that place at once, each in batches of its own', async () => {
    const tenantId = await house.rich();
    const { id } = await house.budget(tenantId, 2_003n);
    const command = () => placing(tenantId, 10n, { now: house.clock.now(), expiresAt: addMs(house.clock.now(), hourMs) });
    const results = await Promise.all(
      Array.from({ length: 600 }, (_value, index) => (index % 2 === 0 ? house.books : house.replica.books).place(command())),
    );
    assert.equal(results.filter(({ outcome }) => outcome === 'done').length, 200);
    assert.equal(await spent(tenantId, id), 2_000n);
  });

  it('Σ placed ≤ budget at every moment, for random amounts, releases and captures side by side', async () => {
    const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
    console.log(`seed ${seed}`);
    const step = fc.record({
      micros: fc.integer({ min: 1, max: 400 }),
      follow: fc.constantFrom('keep', 'release', 'capture'),
      taken: fc.integer({ min: 1, max: 100 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), fc.integer({ min: 300, max: 3_000 }), async (steps, limit) => {
        const tenantId = await house.rich();
        const { id } = await house.budget(tenantId, BigInt(limit));
        await Promise.all(
          steps.map(async ({ micros, follow, taken }) => {
            const result = await place(tenantId, BigInt(micros));
            if (result.outcome !== 'done') return;
            if (follow === 'release') await house.books.release({ ...releasing(tenantId, result.hold.id), now: house.clock.now() });
            const amount = BigInt(Math.max(1, Math.floor((micros * taken) / 100)));
            if (follow === 'capture') await house.books.capture({ ...capturing(tenantId, result.hold.id, amount), now: house.clock.now() });
          }),
        );
        const [row] = await house.db.query<{ used: bigint }>(
          'select coalesce(sum(hold_spending(h)), 0)::bigint as used from holds h where tenant_id = $1',
          [tenantId],
        );
        assert.ok((row?.used ?? 0n) <= BigInt(limit));
        assert.equal(await spent(tenantId, id), row?.used);
      }),
      { seed, numRuns: 25 },
    );
  });

  it('what is given back can be spent again; what was taken cannot', async () => {
    const tenantId = await house.rich();
    const { id } = await house.budget(tenantId, 100n);
    const first = await placedHold(tenantId, 60n);
    assert.equal((await place(tenantId, 41n)).outcome, 'budget_exhausted');
    await house.books.release({ ...releasing(tenantId, first), now: house.clock.now() });
    const second = await placedHold(tenantId, 100n);
    await house.books.capture({ ...capturing(tenantId, second, 30n), now: house.clock.now() });
    assert.equal(await spent(tenantId, id), 30n);
    const third = await placedHold(tenantId, 70n);
    house.clock.advance(2 * hourMs);
    while ((await house.books.expireDue(house.clock.now(), 200)) > 0);
    assert.equal(await spent(tenantId, id), 30n, `hold ${third} has expired`);
  });

  it('a repetition is answered as the first time, also when the budget is used up since', async () => {
    const tenantId = await house.rich();
    await house.budget(tenantId, 10n);
    const command = placing(tenantId, 10n, { now: house.clock.now(), expiresAt: addMs(house.clock.now(), hourMs) });
    assert.deepEqual(outcomes([await house.books.place(command), await house.books.place({ ...command, holdId: newId() })]), [
      'done',
      'replayed',
    ]);
  });

  it('begins anew at midnight and on the first in its own zone; a hold counts where it was placed', async () => {
    const tenantId = await house.rich();
    const daily = await house.budget(tenantId, 100n, { zone: 'America/New_York' });
    const monthly = await house.budget(tenantId, 250n, { zone: 'America/New_York', interval: 'monthly' });
    house.clock.set(new Date('2026-03-30T03:59:59Z'));
    const old = await placedHold(tenantId, 100n);
    assert.equal((await place(tenantId, 1n)).outcome, 'budget_exhausted');
    house.clock.set(new Date('2026-03-30T04:00:00Z'));
    assert.equal((await place(tenantId, 100n)).outcome, 'done');
    house.clock.set(new Date('2026-03-31T12:00:00Z'));
    assert.equal((await place(tenantId, 51n)).outcome, 'budget_exhausted', 'the month has 50 left');
    await house.books.release({ ...releasing(tenantId, old), now: house.clock.now() });
    assert.equal((await place(tenantId, 51n)).outcome, 'done', 'what went back to the month can be spent in it');
    assert.equal(await spent(tenantId, daily.id), 51n, 'today is not given what belongs to another day');
    house.clock.set(new Date('2026-04-01T04:00:00Z'));
    assert.equal((await place(tenantId, 100n)).outcome, 'done');
    assert.equal(await spent(tenantId, monthly.id), 100n);
  });

  it('asks each command of a batch over midnight about its own day', async () => {
    const tenantId = await house.rich();
    await house.budget(tenantId, 100n);
    const [evening, morning] = [new Date('2026-03-10T23:59:59.999Z'), new Date('2026-03-11T00:00:00.000Z')];
    assert.equal((await place(tenantId, 60n, { now: evening })).outcome, 'done');
    const batch = [place(tenantId, 90n, { now: morning }), place(tenantId, 41n, { now: evening }), place(tenantId, 40n, { now: evening })];
    assert.deepEqual(outcomes(await Promise.all(batch)), ['done', 'budget_exhausted', 'done']);
  });

  it('a charge of a replica whose clock is behind is asked about the day on which it counts', async () => {
    const tenantId = await house.rich();
    const { id } = await house.budget(tenantId, 100n);
    const charge = (micros: bigint, at: string) =>
      house.books.charge({ ...charging(tenantId, micros), product: 'verification', now: new Date(at) });
    assert.equal((await charge(60n, '2026-03-11T00:00:01Z')).outcome, 'done');
    assert.equal((await charge(41n, '2026-03-10T23:59:59Z')).outcome, 'budget_exhausted');
    const together = await Promise.all([charge(20n, '2026-03-10T23:59:59Z'), charge(21n, '2026-03-10T23:59:59Z')]);
    assert.deepEqual(outcomes(together), ['done', 'budget_exhausted']);
    house.clock.set(new Date('2026-03-11T12:00:00Z'));
    assert.equal(await spent(tenantId, id), 80n);
  });

  it('both daylight-saving days have one midnight: 23 and 25 hours between two windows', async () => {
    const tenantId = await house.rich();
    const lengthHours = async (at: string): Promise<number> => {
      house.clock.set(new Date(at));
      const { windowStartsAt, windowEndsAt } = await house.budget(tenantId, 1n, { zone: 'America/New_York' });
      return (windowEndsAt.getTime() - windowStartsAt.getTime()) / hourMs;
    };
    assert.deepEqual(
      [await lengthHours('2026-03-08T12:00:00Z'), await lengthHours('2026-11-01T12:00:00Z'), await lengthHours('2026-11-02T12:00:00Z')],
      [23, 25, 24],
    );
  });

  it('a day begins with its first instant, also where midnight is skipped or comes twice', async () => {
    const tenantId = await house.rich(1_000_000n);
    const windowAt = async (zone: string, interval: string, at: string): Promise<string[]> => {
      house.clock.set(new Date(at));
      const { id, windowStartsAt, windowEndsAt } = await house.budget(tenantId, 1_000n, { zone, interval });
      await placedHold(tenantId, 1n);
      assert.notEqual(await spent(tenantId, id), 0n);
      return [windowStartsAt.toISOString(), windowEndsAt.toISOString()];
    };
    // 6 September begins at one o'clock; the day before ends there, the day after begins at midnight.
    assert.deepEqual(await windowAt('America/Santiago', 'daily', '2026-09-06T12:00:00Z'), [
      '2026-09-06T04:00:00.000Z',
      '2026-09-07T03:00:00.000Z',
    ]);
    // 1 November has the hour after midnight twice.
    for (const at of ['2026-11-01T04:30:00Z', '2026-11-01T05:30:00Z'])
      assert.deepEqual(await windowAt('America/Havana', 'daily', at), ['2026-11-01T04:00:00.000Z', '2026-11-02T05:00:00.000Z']);
    assert.deepEqual(await windowAt('America/Havana', 'monthly', '2026-11-01T04:00:00Z'), [
      '2026-11-01T04:00:00.000Z',
      '2026-12-01T05:00:00.000Z',
    ]);
    assert.equal((await windowAt('America/Havana', 'monthly', '2026-10-31T12:00:00Z'))[1], '2026-11-01T04:00:00.000Z');
    // 28 March ends an hour early: the clocks jump onto midnight.
    assert.deepEqual(await windowAt('America/Nuuk', 'daily', '2026-03-29T12:00:00Z'), [
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T01:00:00.000Z',
    ]);
  });

  it('a day that begins at one, and one whose midnight comes twice, follow each other without gap or overlap', async () => {
    const tenantId = await house.rich();
    for (const [zone, starts, ends] of [
      ['America/Santiago', '2026-09-06T04:00:00.000Z', '2026-09-07T03:00:00.000Z'],
      ['Africa/Cairo', '2026-04-23T22:00:00.000Z', '2026-04-24T21:00:00.000Z'],
      ['America/Havana', '2026-11-01T04:00:00.000Z', '2026-11-02T05:00:00.000Z'],
    ] as const) {
      house.clock.set(new Date(starts));
      const { id, windowStartsAt, windowEndsAt } = await house.budget(tenantId, 100n, { zone });
      assert.deepEqual([windowStartsAt.toISOString(), windowEndsAt.toISOString()], [starts, ends], zone);
      // The first hour, twice in Havana, and the last one.
      for (const at of [windowStartsAt, addMs(windowStartsAt, hourMs), addMs(windowEndsAt, -1)]) {
        house.clock.set(at);
        assert.equal((await place(tenantId, 10n)).outcome, 'done');
      }
      assert.equal(await spent(tenantId, id), 30n, zone);
      assert.equal(await house.audit(), undefined, zone);
      house.clock.set(windowEndsAt);
      assert.equal(await spent(tenantId, id), 0n, zone);
      await house.budgets.remove(tenantId, id);
    }
  });

  it('is counted from what its own tenant did, however much others do', async () => {
    const tenantId = await house.rich();
    const { id, windowStartsAt } = await house.budget(tenantId, 100n, { interval: 'monthly' });
    await house.books.charge({ ...charging(tenantId, 7n), product: 'verification', now: house.clock.now() });
    await house.books.charge({ ...charging(tenantId, 5n), product: 'campaign', now: house.clock.now() });
    const undo = new Error('undo');
    const counting = house.db.transaction(async (tx) => {
      await tx.query(`set local session_replication_role = 'replica'`);
      await tx.query(
        `insert into transfers (id, tenant_id, type, debit_account_id, credit_account_id, amount_micros, currency, description, reference, created_at)
         select gen_random_uuid(), gen_random_uuid(), 'charge', gen_random_uuid(), '01900000-0000-7000-8000-000000000001', 1, 'USD', '', 'r', $1
           from generate_series(1, 20000)`,
        [house.clock.now()],
      );
      const read = async (): Promise<bigint> =>
        (
          await tx.query<{ rows: bigint }>(
            `select seq_tup_read + idx_tup_fetch as rows from pg_stat_xact_user_tables where relname = 'transfers'`,
          )
        )[0]?.rows ?? 0n;
      const before = await read();
      const [counted] = await tx.query<{ spent: bigint }>('select spent_in_window(b, $2) as spent from budgets b where id = $1', [
        id,
        windowStartsAt,
      ]);
      assert.equal(counted?.spent, 12n);
      assert.ok((await read()) - before < 100n, `${(await read()) - before} transfers were read`);
      throw undo;
    });
    await assert.rejects(counting, undo);
  });

  it('made in the middle of a window while money moves, it misses nothing', async () => {
    const tenantId = await house.rich();
    const traffic = Array.from({ length: 200 }, async (_value, index) => {
      const hold = await placedHold(tenantId, 7n);
      if (index % 3 === 0) await house.books.release({ ...releasing(tenantId, hold), now: house.clock.now() });
      if (index % 3 === 1) await house.books.capture({ ...capturing(tenantId, hold, 2n), now: house.clock.now() });
    });
    const made = Promise.all(Array.from({ length: 5 }, () => house.budget(tenantId, 1_000_000n)));
    await Promise.all([...traffic, made]);
    const truth = 67n * 2n + 66n * 7n;
    for (const { id } of await made) assert.equal(await spent(tenantId, id), truth);
  });

  it('lowered below what is spent it stops everything; raised, spending goes on; gone, nothing stops it', async () => {
    const tenantId = await house.rich();
    const { id } = await house.budget(tenantId, 100n);
    await placedHold(tenantId, 50n);
    const change = (amountMicros: bigint) =>
      house.budgets.change(tenantId, id, { name: undefined, amountMicros, hard: undefined }, house.clock.now());
    await change(40n);
    assert.equal((await place(tenantId, 1n)).outcome, 'budget_exhausted');
    await change(60n);
    assert.deepEqual(outcomes([await place(tenantId, 10n), await place(tenantId, 1n)]), ['done', 'budget_exhausted']);
    assert.equal(await house.budgets.remove(newId(), id), false, 'not by another tenant');
    assert.equal(await house.budgets.remove(tenantId, id), true);
    assert.equal((await place(tenantId, 1_000n)).outcome, 'done');
  });

  it("is one tenant's own", async () => {
    const [tenantId, other] = [await house.rich(), await house.rich()];
    const { id } = await house.budget(tenantId, 1n);
    assert.equal((await place(other, 1_000n)).outcome, 'done');
    assert.equal(await spent(other, id), undefined);
    assert.deepEqual((await house.budgets.list(other, { limit: 10, cursor: '' }, house.clock.now())).budgets, []);
  });
});

describe('a hard budget of one product', () => {
  it('is never passed by two replicas: 200 holds at once against room for 50 are 50, and other products go on', async () => {
    const tenantId = await house.rich();
    const { id } = await house.budget(tenantId, 500n, { product: 'campaign' });
    const results = await Promise.all(
      Array.from({ length: 400 }, (_value, index) =>
        (index % 4 < 2 ? house.books : house.replica.books).place(
          placing(tenantId, 10n, {
            now: house.clock.now(),
            expiresAt: addMs(house.clock.now(), hourMs),
            product: index % 2 === 0 ? 'campaign' : 'verification',
          }),
        ),
      ),
    );
    const done = (parity: number) => results.filter(({ outcome }, index) => outcome === 'done' && index % 2 === parity).length;
    assert.deepEqual([done(0), done(1)], [50, 200]);
    assert.equal(await spent(tenantId, id), 500n);
  });

  it('says which budget refused, what is left of it, and when it begins anew in its own zone', async () => {
    const tenantId = await house.rich();
    const { id } = await house.budget(tenantId, 100n, { product: 'campaign', zone: 'Asia/Kolkata', name: 'Mailings' });
    await placedHold(tenantId, 70n, { product: 'campaign' });
    const ledger = { holds: house.books, clock: house.clock, monitor: { hold: () => {}, uncollected: () => {} } as never };
    const asking = {
      ...{ idempotencyKey: newId(), amount: { currency: 'USD', micros: 31n }, product: 'campaign', reference: 'r', description: '' },
      expiresAt: addMs(house.clock.now(), hourMs),
    };
    await assert.rejects(placeHold(ledger)(tenantId, asking), (error: unknown) => {
      assert.ok(isAppError(error, 'billing.budget_exhausted'));
      assert.deepEqual(error.meta, {
        ...{ budgetId: id, budget: 'Mailings', product: 'campaign', available: '0.00003', required: '0.000031' },
        resetsAt: '2026-03-10T18:30:00.000Z',
      });
      return true;
    });
    await assert.rejects(
      chargeWallet(ledger)(tenantId, { ...asking, idempotencyKey: newId() }),
      (error: unknown) => isAppError(error, 'billing.budget_exhausted') && error.meta['budgetId'] === id,
    );
    assert.equal((await place(tenantId, 30n, { product: 'campaign' })).outcome, 'done');
  });

  it('of several that refuse, names the one that does so the longest; a pause comes before all of them', async () => {
    const tenantId = await house.rich();
    await house.budget(tenantId, 10n, { product: 'verification' });
    const { id } = await house.budget(tenantId, 20n, { interval: 'monthly' });
    const refused = await place(tenantId, 21n);
    assert.equal(refused.outcome === 'budget_exhausted' ? refused.budget.id : refused.outcome, id);
    await house.spending.pause(tenantId, { source: 'tenant', by: 'user:1', reason: '', at: house.clock.now() });
    assert.deepEqual(await place(tenantId, 21n), { outcome: 'spending_paused' });
    await house.spending.resume(tenantId, 'tenant', 'user:1', house.clock.now());
    assert.deepEqual(outcomes([await place(tenantId, 10n), await place(tenantId, 1n)]), ['done', 'budget_exhausted']);
    assert.equal((await place(tenantId, 10n, { product: 'campaign' })).outcome, 'done', 'what a pause refused was not counted');
  });

  it('takes back what is released and what a capture leaves, in the window it was taken from', async () => {
    const tenantId = await house.rich();
    const { id } = await house.budget(tenantId, 100n, { product: 'verification' });
    const [whole, part] = [await placedHold(tenantId, 50n), await placedHold(tenantId, 50n)];
    assert.equal((await place(tenantId, 1n)).outcome, 'budget_exhausted');
    await house.books.release({ ...releasing(tenantId, whole), now: house.clock.now() });
    await house.books.capture({ ...capturing(tenantId, part, 20n), now: house.clock.now() });
    assert.equal(await spent(tenantId, id), 20n);
    assert.deepEqual(outcomes([await place(tenantId, 80n), await place(tenantId, 1n)]), ['done', 'budget_exhausted']);
  });

  it('property: Σ of each product ≤ its budget and Σ of all ≤ the whole one, for random batches over both replicas', async () => {
    const products = ['verification', 'campaign', 'rental'] as const;
    const asked = fc.array(fc.tuple(fc.constantFrom(...products), fc.bigInt(1n, 40n), fc.boolean()), { minLength: 1, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(asked, async (holds) => {
        const tenantId = await house.rich();
        const all = await house.budget(tenantId, 300n);
        const one = await house.budget(tenantId, 120n, { product: 'campaign' });
        const results = await Promise.all(
          holds.map(([product, micros, replica]) =>
            (replica ? house.replica.books : house.books).place(
              placing(tenantId, micros, { now: house.clock.now(), expiresAt: addMs(house.clock.now(), hourMs), product }),
            ),
          ),
        );
        const sum = (wanted?: string) =>
          results.reduce((total, { outcome }, index) => {
            const [product, micros] = holds[index] ?? ['rental', 0n];
            return outcome === 'done' && (wanted === undefined || product === wanted) ? total + micros : total;
          }, 0n);
        assert.ok(sum() <= 300n && sum('campaign') <= 120n);
        assert.deepEqual([await spent(tenantId, all.id), await spent(tenantId, one.id)], [sum(), sum('campaign')]);
        // Nothing was refused that had room: the smallest refused one does not fit what is left now.
        for (const [index, { outcome }] of results.entries()) {
          const [product, micros] = holds[index] ?? ['rental', 0n];
          if (outcome === 'budget_exhausted')
            assert.ok(sum() + micros > 300n || (product === 'campaign' && sum('campaign') + micros > 120n));
        }
      }),
      { numRuns: 15 },
    );
  });
});

describe('a soft budget, and one of a product', () => {
  it('counts what concerns it and refuses nothing', async () => {
    const tenantId = await house.rich();
    const soft = await house.budget(tenantId, 10n, { hard: false });
    const product = await house.budget(tenantId, 10n, { hard: false, product: 'campaign' });
    assert.equal((await place(tenantId, 100n)).outcome, 'done');
    assert.equal((await place(tenantId, 30n, { product: 'campaign' })).outcome, 'done');
    assert.deepEqual([await spent(tenantId, soft.id), await spent(tenantId, product.id)], [130n, 30n]);
  });

  it('what cannot be is refused by name', async () => {
    const tenantId = await house.rich();
    assert.equal(await codeOf(house.budget(tenantId, 10n, { product: 'usage' })), 'request.invalid hard');
    assert.equal(await codeOf(house.budget(tenantId, 0n)), 'request.invalid amount.micros');
    await assert.rejects(house.budget(tenantId, 10n ** 18n), (error: unknown) => {
      assert.ok(isAppError(error, 'request.invalid'));
      return error.fields[0]?.reason.includes('at most 1000000000.00') ?? false;
    });
    for (const zone of ['Mars/Olympus', 'US/Pacific-New', 'CET'])
      assert.equal(await codeOf(house.budget(tenantId, 1n, { zone })), 'request.invalid time_zone', zone);
    assert.equal(await codeOf(house.budget(tenantId, 1n, { interval: 'weekly' })), 'request.invalid interval');
    assert.equal(await codeOf(house.budget(tenantId, 1n, { alertAtPercent: [0] })), 'request.invalid alert_at_percent');
    for (let count = 0; count < 20; count++) await house.budget(tenantId, 1n);
    assert.equal(await codeOf(house.budget(tenantId, 1n)), 'request.invalid budget');
  });

  it('without a zone it goes by UTC where that of the tenant is one that windows cannot be told in', async () => {
    for (const zone of ['CET', 'US/Pacific-New']) {
      const tenantId = await house.rich();
      house.subscriptions.zones.set(tenantId, zone);
      assert.equal((await house.budget(tenantId, 10n)).zone, 'UTC', zone);
    }
  });

  it('the same key makes one budget; with another request it is a conflict', async () => {
    const tenantId = await house.rich();
    const idempotencyKey = newId();
    const [first, again] = await Promise.all([
      house.budget(tenantId, 5n, { idempotencyKey }),
      house.budget(tenantId, 5n, { idempotencyKey }),
    ]);
    assert.deepEqual([again.id, again.amountMicros, again.windowEndsAt], [first.id, first.amountMicros, first.windowEndsAt]);
    assert.equal(await codeOf(house.budget(tenantId, 6n, { idempotencyKey })), 'request.idempotency_conflict');
    assert.equal((await house.budgets.list(tenantId, { limit: 10, cursor: '' }, house.clock.now())).budgets.length, 1);
  });
});

describe('a pause', () => {
  const pause = (tenantId: string, source: 'tenant' | 'operator') =>
    house.spending.pause(tenantId, { source, by: 'user:1', reason: 'holiday', at: house.clock.now() });

  it('stops at once: nothing is placed after it has answered, what is held can be captured, and it is told once', async () => {
    const tenantId = await house.rich();
    const hold = await placedHold(tenantId, 10n);
    let paused = false;
    const late: string[] = [];
    const traffic = Promise.all(
      Array.from({ length: 20 }, async () => {
        for (let count = 0; count < 15; count++) {
          const after = paused;
          const { outcome } = await place(tenantId, 1n);
          if (after) late.push(outcome);
        }
      }),
    );
    await Promise.all([pause(tenantId, 'tenant'), pause(tenantId, 'tenant')]);
    paused = true;
    await traffic;
    late.push((await place(tenantId, 1n)).outcome);
    assert.deepEqual(new Set(late), new Set(['spending_paused']));
    assert.equal((await house.books.capture({ ...capturing(tenantId, hold, 10n), now: house.clock.now() })).outcome, 'done');
    assert.equal((await house.outbox('namaskah.billing.v1.spending.paused')).filter(({ aggregate_id: id }) => id === tenantId).length, 1);
    await house.spending.resume(tenantId, 'tenant', 'user:1', house.clock.now());
    assert.equal((await place(tenantId, 1n)).outcome, 'done');
  });

  it('and its end are told with versions that rise, within one millisecond and by a replica whose clock is behind', async () => {
    const tenantId = await house.rich();
    const at = house.clock.now();
    const behind = addMs(at, -hourMs);
    await house.spending.pause(tenantId, { source: 'tenant', by: 'user:1', reason: '', at });
    await house.spending.resume(tenantId, 'tenant', 'user:1', at);
    await house.spending.pause(tenantId, { source: 'operator', by: 'user:2', reason: '', at: behind });
    await house.spending.pause(tenantId, { source: 'tenant', by: 'user:1', reason: '', at: behind });
    await house.spending.resume(tenantId, 'operator', 'user:2', behind);
    await house.spending.resume(tenantId, 'tenant', 'user:1', addMs(at, hourMs));
    const told = await house.db.query<{ version: bigint }>(
      `select aggregate_version as version from outbox where aggregate_id = $1 and subject like 'namaskah.billing.v1.spending.%' order by seq`,
      [tenantId],
    );
    const versions = told.map(({ version }) => version);
    assert.equal(versions.length, 6);
    assert.ok(
      versions.every((version, index) => index === 0 || version > (versions[index - 1] ?? 0n)),
      versions.join(),
    );
  });

  it('of a tenant that is not there is refused to an operator', async () => {
    const pausing = pauseSpending({ spending: house.spending, clock: house.clock });
    const asked = { by: 'user:1', reason: '', source: 'operator' } as const;
    const nobody = newId();
    assert.equal(await codeOf(pausing(nobody, asked)), 'request.not_found');
    assert.deepEqual(await house.spending.pauses(nobody), []);
    assert.equal((await pausing(await house.rich(), asked)).length, 1);
  });

  it("one's own pause does not lift the other's", async () => {
    const tenantId = await house.rich();
    await pause(tenantId, 'operator');
    await pause(tenantId, 'tenant');
    await house.spending.resume(tenantId, 'tenant', 'user:1', house.clock.now());
    assert.equal((await place(tenantId, 1n)).outcome, 'spending_paused');
    assert.deepEqual(
      (await house.spending.pauses(tenantId)).map(({ source }) => source),
      ['operator'],
    );
    house.clock.advance(dayMs);
    await house.spending.resume(tenantId, 'operator', 'user:2', house.clock.now());
    assert.equal((await place(tenantId, 1n)).outcome, 'done');
  });
});
