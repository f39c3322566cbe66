import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { addMs, dayMs, hourMs } from '#platform/time/index.ts';
import { candidatesSql } from '../../adapters/postgres/usage/alert-watch.ts';
import { capturing, granting, placing } from '../ledger/books.contract.ts';
import { calls, codeOf, openUsageHouse, start, type UsageHouse } from './usage-house.ts';

let house: UsageHouse;
before(async () => {
  house = await openUsageHouse();
});
after(() => house?.close());

const page = { limit: 100, cursor: '' };
const history = async (tenantId: string, id: string): Promise<string[]> =>
  (await house.alerts.firings(tenantId, id, page)).firings
    .map(({ number, threshold, value }) => `#${number} ${threshold} ${value}`)
    .toReversed();
const told = async (id: string): Promise<number> =>
  (await house.outbox('namaskah.billing.v1.usage-alert.crossed')).filter(({ aggregate_id: alert }) => alert === id).length;
const use = async (tenantId: string, quantity: bigint): Promise<void> => {
  await house.record([calls(tenantId, quantity, { occurredAt: house.clock.now() })]);
};
/** Money in and out, each as one entry. */
const move = async (tenantId: string, micros: bigint): Promise<void> => {
  const now = house.clock.now();
  if (micros > 0n) return void (await house.books.grant({ ...granting(tenantId, micros), now }));
  const placed = await house.books.place(placing(tenantId, -micros, { now, expiresAt: addMs(now, hourMs) }));
  if (placed.outcome !== 'done') assert.fail(placed.outcome);
  await house.books.capture({ ...capturing(tenantId, placed.hold.id, -micros), now });
};

describe('alerts', () => {
  it('on a quantity: once a period, told once, whoever looks and how many at once', async () => {
    house.clock.set(start);
    const tenantId = newId();
    const { id } = await house.alert(tenantId, { threshold: '100' });
    await use(tenantId, 99n);
    await house.look();
    assert.deepEqual(await history(tenantId, id), []);
    await use(tenantId, 1n);
    await Promise.all([...Array.from({ length: 4 }, () => house.look()), house.lookFromReplica(), house.lookFromReplica()]);
    await use(tenantId, 50n);
    await Promise.all(Array.from({ length: 6 }, () => house.look()));
    assert.deepEqual([await history(tenantId, id), await told(id)], [['#1 100 100'], 1]);
    house.clock.advance(30 * dayMs);
    await use(tenantId, 120n);
    await house.look();
    assert.deepEqual([await history(tenantId, id), await told(id)], [['#1 100 100', '#2 100 120'], 2]);
  });

  it('what is crossed in the last minute of a period is found by a look in the next one', async () => {
    house.clock.set(start);
    const tenantId = newId();
    const { id } = await house.alert(tenantId, { threshold: '100' });
    await use(tenantId, 10n);
    await house.look();
    house.clock.set(new Date('2026-03-31T23:59:59Z'));
    await use(tenantId, 200n);
    house.clock.set(new Date('2026-04-01T00:00:05Z'));
    await use(tenantId, 3n);
    await house.look();
    assert.deepEqual(await history(tenantId, id), ['#1 100 210']);
  });

  it('once rests after its first crossing, also in the next period; a new threshold begins anew', async () => {
    house.clock.set(start);
    const tenantId = newId();
    const { id } = await house.alert(tenantId, { recurrence: 'once' });
    for (const month of [0, 1, 2]) {
      house.clock.set(addMs(start, month * 31 * dayMs));
      await use(tenantId, 150n);
      await house.look();
    }
    assert.deepEqual(await history(tenantId, id), ['#1 100 150']);
  });

  it('a new threshold begins anew: once fires once more, and a balance that is below it already is told', async () => {
    house.clock.set(start);
    const tenantId = await house.rich(1_000_000n);
    const change = (id: string, threshold: bigint) =>
      house.alerts.change(tenantId, id, { name: undefined, enabled: undefined, threshold }, house.clock.now());
    const once = await house.alert(tenantId, { recurrence: 'once' });
    const low = await house.alert(tenantId, { metric: 'wallet_balance', meter: '', direction: 'down', threshold: '0.50' });
    await use(tenantId, 150n);
    await house.look();
    assert.deepEqual([await history(tenantId, once.id), await history(tenantId, low.id)], [['#1 100 150'], []]);
    await change(once.id, 200n);
    await change(low.id, 2_000_000n);
    await house.look();
    assert.deepEqual([await history(tenantId, once.id), await history(tenantId, low.id)], [['#1 100 150'], ['#1 2000000 1000000']]);
    await use(tenantId, 100n);
    await house.look();
    await use(tenantId, 100n);
    await house.look();
    assert.deepEqual(await history(tenantId, once.id), ['#1 100 150', '#2 200 250']);
  });

  it('a replica whose clock is behind does not look back into a period that another has left', async () => {
    house.clock.set(new Date('2026-03-31T23:59:59.000Z'));
    const tenantId = newId();
    const { id } = await house.alert(tenantId, { threshold: '100' });
    await use(tenantId, 10n);
    await house.look();
    house.clock.set(new Date('2026-04-01T00:00:00.500Z'));
    await use(tenantId, 150n);
    await house.look();
    house.clock.set(new Date('2026-03-31T23:59:59.500Z'));
    await house.lookFromReplica();
    house.clock.set(new Date('2026-04-01T00:00:01.000Z'));
    await house.look();
    assert.deepEqual([await history(tenantId, id), await told(id)], [['#1 100 150'], 1]);
  });

  it('nor into a window of a budget that another has left', async () => {
    house.clock.set(new Date('2026-03-10T23:59:59.000Z'));
    const tenantId = await house.rich();
    const budget = await house.budget(tenantId, 1_000n);
    const { id } = await house.alert(tenantId, { metric: 'budget_percent', meter: '', budgetId: budget.id, threshold: '50' });
    const spend = async (micros: bigint) => {
      const now = house.clock.now();
      assert.equal((await house.books.place(placing(tenantId, micros, { now, expiresAt: addMs(now, dayMs) }))).outcome, 'done');
    };
    await spend(100n);
    await house.look();
    house.clock.set(new Date('2026-03-11T00:00:00.500Z'));
    await spend(600n);
    await house.look();
    house.clock.set(new Date('2026-03-10T23:59:59.500Z'));
    await house.lookFromReplica();
    house.clock.set(new Date('2026-03-11T00:00:01.000Z'));
    await house.look();
    assert.deepEqual([await history(tenantId, id), await told(id)], [['#1 5000 6000'], 1]);
  });

  it('multiples: each of them, none twice, more than one look can tell in several', async () => {
    house.clock.set(start);
    const tenantId = newId();
    const { id } = await house.alert(tenantId, { recurrence: 'multiple', threshold: '10' });
    await use(tenantId, 25n);
    await house.look();
    assert.deepEqual(await history(tenantId, id), ['#1 10 25', '#2 20 25']);
    await use(tenantId, 1_175n);
    await house.look();
    const all = (await house.alerts.firings(tenantId, id, { limit: 100, cursor: '' })).firings;
    const rest = (
      await house.alerts.firings(tenantId, id, { limit: 100, cursor: (await house.alerts.firings(tenantId, id, page)).nextCursor })
    ).firings;
    assert.deepEqual(
      [...all, ...rest].map(({ threshold }) => Number(threshold)).toReversed(),
      Array.from({ length: 120 }, (_value, index) => (index + 1) * 10),
    );
    assert.equal(await told(id), 120);
  });

  it('on an amount and a share of the included, after they were rated', async () => {
    house.clock.set(start);
    const tenantId = await house.rich();
    const amount = await house.alert(tenantId, { metric: 'usage_amount', meter: '', threshold: '0.04' });
    const share = await house.alert(tenantId, { metric: 'included_percent', threshold: '80' });
    await use(tenantId, 79_999n);
    await house.settle();
    await house.look();
    assert.deepEqual([await history(tenantId, share.id), await history(tenantId, amount.id)], [[], []]);
    await use(tenantId, 1n);
    await house.settle();
    await house.look();
    assert.deepEqual(await history(tenantId, share.id), ['#1 8000 8000']);
    await use(tenantId, 21_001n);
    await house.settle();
    await house.look();
    assert.deepEqual(await history(tenantId, amount.id), ['#1 40000 40000']);
  });

  it('on the balance, downwards and upwards: a dip between two looks is seen, and armed again by a top-up', async () => {
    house.clock.set(start);
    const tenantId = await house.rich(1_000_000n);
    const low = await house.alert(tenantId, { metric: 'wallet_balance', meter: '', direction: 'down', threshold: '0.50' });
    const high = await house.alert(tenantId, { metric: 'wallet_balance', meter: '', direction: 'up', threshold: '2.00' });
    await house.look();
    assert.deepEqual(await history(tenantId, low.id), []);
    await move(tenantId, -600_000n);
    await move(tenantId, 3_000_000n);
    await move(tenantId, -3_000_000n);
    await house.look();
    assert.deepEqual(await history(tenantId, low.id), ['#1 500000 400000', '#2 500000 400000']);
    assert.deepEqual(await history(tenantId, high.id), ['#1 2000000 3400000']);
    await Promise.all([house.look(), house.look()]);
    assert.deepEqual([await told(low.id), await told(high.id)], [2, 1]);
  });

  it('an alert whose condition holds already fires at the first look', async () => {
    house.clock.set(start);
    const tenantId = await house.rich(100n);
    const { id } = await house.alert(tenantId, { metric: 'wallet_balance', meter: '', direction: 'down', threshold: '1.00' });
    await house.look();
    assert.deepEqual(await history(tenantId, id), ['#1 1000000 100']);
  });

  it('of a budget are made with it and follow its windows', async () => {
    house.clock.set(start);
    const tenantId = await house.rich();
    const budget = await house.budget(tenantId, 1_000n, { alertAtPercent: [50, 100] });
    const { alerts } = await house.alerts.list(tenantId, page);
    const [half, whole] = ['budget: 50 %', 'budget: 100 %'].map(
      (name) => alerts.find((alert) => alert.name === name)?.id ?? assert.fail(name),
    );
    const spend = async (micros: bigint) => {
      const now = house.clock.now();
      assert.equal((await house.books.place(placing(tenantId, micros, { now, expiresAt: addMs(now, 30 * dayMs) }))).outcome, 'done');
      await house.look();
    };
    await spend(499n);
    await spend(1n);
    assert.deepEqual([await history(tenantId, half ?? ''), await history(tenantId, whole ?? '')], [['#1 5000 5000'], []]);
    await spend(500n);
    assert.deepEqual(await history(tenantId, whole ?? ''), ['#1 10000 10000']);
    house.clock.advance(dayMs);
    await spend(1_000n);
    assert.deepEqual(await history(tenantId, half ?? ''), ['#1 5000 5000', '#2 5000 10000']);
    await house.budgets.remove(tenantId, budget.id);
    assert.deepEqual((await house.alerts.list(tenantId, page)).alerts, []);
  });

  it('switched off it is silent; switched on it compares with what it saw', async () => {
    house.clock.set(start);
    const tenantId = newId();
    const { id } = await house.alert(tenantId, {});
    const change = (over: object) =>
      house.alerts.change(tenantId, id, { name: undefined, enabled: undefined, threshold: undefined, ...over }, house.clock.now());
    await change({ enabled: false });
    await use(tenantId, 150n);
    await house.look();
    assert.deepEqual(await history(tenantId, id), []);
    await change({ enabled: true });
    await house.look();
    assert.deepEqual(await history(tenantId, id), ['#1 100 150']);
    await change({ threshold: 120n });
    await house.look();
    assert.deepEqual(await history(tenantId, id), ['#1 100 150', '#2 120 150']);
  });

  it("another tenant's alert is none; what cannot be is refused by name; a key makes one", async () => {
    const [tenantId, other] = [newId(), newId()];
    const idempotencyKey = newId();
    const made = await house.alert(tenantId, { idempotencyKey });
    const again = await house.alert(tenantId, { idempotencyKey });
    assert.deepEqual([again.id, again.threshold, again.createdAt], [made.id, made.threshold, made.createdAt]);
    assert.equal(await codeOf(house.alert(tenantId, { idempotencyKey, threshold: '5' })), 'request.idempotency_conflict');
    assert.equal(await house.alerts.find(other, made.id), undefined);
    assert.equal(await house.alerts.remove(other, made.id), false);
    const wrong = (over: Parameters<UsageHouse['alert']>[1]) => codeOf(house.alert(tenantId, over));
    assert.equal(await wrong({ metric: 'nonsense', meter: '' }), 'request.invalid metric,threshold');
    assert.equal(await wrong({ meter: '' }), 'request.invalid meter');
    assert.equal(await wrong({ metric: 'wallet_balance' }), 'request.invalid meter');
    assert.equal(await wrong({ threshold: '1.5' }), 'request.invalid threshold');
    assert.equal(await wrong({ metric: 'included_percent', threshold: '0' }), 'request.invalid threshold');
    assert.equal(await wrong({ direction: 'down', recurrence: 'multiple' }), 'request.invalid recurrence');
    assert.equal(await wrong({ metric: 'budget_percent', meter: '', budgetId: newId() }), 'request.invalid budget_id');
    const foreign = await house.budget(await house.rich(), 10n);
    assert.equal(await wrong({ metric: 'budget_percent', meter: '', budgetId: foreign.id }), 'request.invalid budget_id');
  });
});

it('on a budget read the windows that they watch, not all that ever were', async () => {
  const { id } = await house.budget(await house.rich(), 5n, { alertAtPercent: [80] });
  await house.db.query(
    `insert into budget_windows (budget_id, starts_at, spent_micros) select $1, $2::timestamptz - day * interval '1 day', 0 from generate_series(1, 5000) day`,
    [id, start],
  );
  await house.db.query('analyze budget_windows');
  const plan = await house.db.query<{ 'QUERY PLAN': string }>(`explain ${candidatesSql}`, [house.clock.now(), null, 'USD', 200]);
  assert.match(plan.map((row) => row['QUERY PLAN']).join('\n'), /Index Cond: .*budget_id = .*starts_at = ANY/);
});
