import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import { addMs, dayMs, hourMs, isTimeZone, minuteMs } from '#platform/time/index.ts';
import { followPlan } from '../../app/usage/follow-plan.ts';
import { chargeUsage } from '../../app/usage/charge-usage.ts';
import type { UsageCharges } from '../../app/usage/ports.ts';
import { granting } from '../ledger/books.contract.ts';
import { calls, codeOf, openUsageHouse, start, type UsageHouse } from './usage-house.ts';

const included = 100_000n;
/** Of plan starter: 0.02 USD for each begun thousand beyond the included. */
const packageMicros = 20_000n;
const page = { limit: 100, cursor: '' };

let house: UsageHouse;
before(async () => {
  house = await openUsageHouse();
});
after(() => house?.close());
afterEach(async () => {
  house.clock.set(start);
  assert.equal(await house.audit(), undefined, 'the books agree');
});

const totalsOf = async (tenantId: string) =>
  (await house.reader.periods(tenantId, undefined, page)).periods.map(({ period, meter, quantity, events }) => [
    period.startsAt.toISOString().slice(0, 10),
    meter,
    quantity,
    events,
  ]);

describe('recording', () => {
  it('counts an event once for ever: repeated in one call, in another, at the same time, a month later', async () => {
    const tenantId = newId();
    const events = Array.from({ length: 200 }, () => calls(tenantId, 3n));
    const twice = [...events, ...events];
    assert.deepEqual(await house.record(twice), { accepted: 200, duplicates: 200, rejections: [] });
    const again = await Promise.all(Array.from({ length: 8 }, () => house.record(events.toReversed())));
    assert.deepEqual(new Set(again.map(({ accepted }) => accepted)), new Set([0]));
    house.clock.advance(30 * dayMs);
    assert.equal((await house.record(events)).duplicates, 200);
    assert.deepEqual(await totalsOf(tenantId), [['2026-03-01', 'api.calls', 600n, 200n]]);
  });

  it('racing calls with overlapping events count each exactly once', async () => {
    const tenantId = newId();
    const events = Array.from({ length: 300 }, () => calls(tenantId, 1n));
    const accepted = await Promise.all(
      Array.from({ length: 10 }, async (_value, lane) => (await house.record(events.slice(lane * 20, lane * 20 + 120))).accepted),
    );
    assert.equal(
      accepted.reduce((sum, count) => sum + count, 0),
      300,
    );
    assert.deepEqual(await totalsOf(tenantId), [['2026-03-01', 'api.calls', 300n, 300n]]);
  });

  it('the same id on another meter or of another tenant is another event; the first quantity said counts', async () => {
    const [tenantId, other] = [newId(), newId()];
    const id = 'shared';
    await house.record([calls(tenantId, 1n, { id }), calls(tenantId, 2n, { id, meter: 'messages' }), calls(other, 4n, { id })]);
    assert.equal((await house.record([calls(tenantId, 99n, { id })])).duplicates, 1);
    assert.deepEqual(await totalsOf(tenantId), [
      ['2026-03-01', 'messages', 2n, 1n],
      ['2026-03-01', 'api.calls', 1n, 1n],
    ]);
    assert.deepEqual(await totalsOf(other), [['2026-03-01', 'api.calls', 4n, 1n]]);
  });

  it('a wrong event is answered by index, field and reason, and spoils no other', async () => {
    const tenantId = newId();
    const { accepted, rejections } = await house.record([
      calls('nobody', 1n),
      calls(tenantId, 1n, { meter: 'nonsense' }),
      calls(tenantId, 0n),
      calls(tenantId, 1n, { id: '' }),
      calls(tenantId, 1n, { occurredAt: addMs(start, -35 * dayMs - 1) }),
      calls(tenantId, 1n, { occurredAt: addMs(start, 5 * minuteMs + 1) }),
      calls(tenantId, 1n, { occurredAt: undefined }),
      calls(tenantId, 1n, { properties: { key: 'x'.repeat(201) } }),
      calls(tenantId, 1n, { occurredAt: addMs(start, -35 * dayMs) }),
      calls(tenantId, 1n, { occurredAt: addMs(start, 5 * minuteMs) }),
    ]);
    assert.equal(accepted, 2);
    assert.deepEqual(
      rejections.map(({ index, field }) => `${index} ${field}`),
      ['0 tenant_id', '1 meter', '2 quantity', '3 id', '4 occurred_at', '5 occurred_at', '6 occurred_at', '7 properties'],
    );
    assert.equal(await codeOf(house.record([])), 'request.invalid events');
    assert.equal(await codeOf(house.record(Array.from({ length: 1_001 }, () => calls(tenantId, 1n)))), 'request.invalid events');
  });

  it('days are those of the tenant: three zones, one instant, three calendars; both daylight-saving days', async () => {
    const days = async (zone: string, ...times: string[]): Promise<unknown> => {
      const tenantId = newId();
      house.subscriptions.zones.set(tenantId, zone);
      house.clock.set(new Date('2026-11-02T12:00:00Z'));
      await house.record(times.map((time) => calls(tenantId, 1n, { occurredAt: new Date(time) })));
      return (await house.reader.days(tenantId, { meter: undefined, from: undefined, to: undefined }, page)).days.map(
        ({ day, quantity }) => `${day} ${quantity}`,
      );
    };
    const instant = '2026-10-31T11:30:00Z';
    assert.deepEqual(await days('Pacific/Auckland', instant), ['2026-11-01 1']);
    assert.deepEqual(await days('America/St_Johns', instant), ['2026-10-31 1']);
    // 1 November is 25 hours long there.
    assert.deepEqual(
      await days('America/New_York', '2026-11-01T03:59:59Z', '2026-11-01T04:00:00Z', '2026-11-02T04:59:59Z', '2026-11-02T05:00:00Z'),
      ['2026-11-02 1', '2026-11-01 2', '2026-10-31 1'],
    );
  });

  it('months of the tenant are half-open: the last instant belongs to the old one, the first to the new', async () => {
    const tenantId = newId();
    house.subscriptions.zones.set(tenantId, 'Pacific/Apia');
    house.clock.set(new Date('2026-04-01T12:00:00Z'));
    await house.record([
      calls(tenantId, 1n, { occurredAt: new Date('2026-03-31T10:59:59.999Z') }),
      calls(tenantId, 2n, { occurredAt: new Date('2026-03-31T11:00:00Z') }),
    ]);
    const { periods } = await house.reader.periods(tenantId, undefined, page);
    assert.deepEqual(
      periods.map(({ period, quantity }) => [period.startsAt.toISOString(), period.endsAt.toISOString(), quantity]),
      [
        ['2026-03-31T11:00:00.000Z', '2026-04-30T11:00:00.000Z', 2n],
        ['2026-02-28T11:00:00.000Z', '2026-03-31T11:00:00.000Z', 1n],
      ],
    );
  });

  it('a month begins with its first midnight, where the clocks show it twice', async () => {
    const tenantId = newId();
    house.subscriptions.zones.set(tenantId, 'America/Havana');
    house.clock.set(new Date('2026-11-02T12:00:00Z'));
    const times = ['2026-11-01T04:30:00Z', '2026-11-01T05:30:00Z', '2026-11-01T03:59:59Z'];
    await house.record(times.map((time) => calls(tenantId, 1n, { occurredAt: new Date(time) })));
    const { periods } = await house.reader.periods(tenantId, undefined, page);
    assert.deepEqual(
      periods.map(({ period, quantity }) => [period.startsAt.toISOString(), period.endsAt.toISOString(), quantity]),
      [
        ['2026-11-01T04:00:00.000Z', '2026-12-01T05:00:00.000Z', 2n],
        ['2026-10-01T04:00:00.000Z', '2026-11-01T04:00:00.000Z', 1n],
      ],
    );
  });

  it('a zone that the database does not know counts as UTC, and holds up nobody', async () => {
    // A name that the runtime knows from elsewhere.
    const zone = 'US/Pacific-New';
    assert.equal(isTimeZone(zone), true);
    const [tenantId, subscribed, other] = [newId(), newId(), newId()];
    for (const each of [tenantId, subscribed]) house.subscriptions.zones.set(each, zone);
    house.subscriptions.billed.set(subscribed, [{ startsAt: addMs(start, -dayMs), endsAt: addMs(start, 29 * dayMs) }]);
    const events = [tenantId, subscribed, other].map((each) => calls(each, 1n));
    assert.equal((await house.record(events)).accepted, 3);
    assert.equal((await house.record(events)).duplicates, 3);
    for (const each of [tenantId, subscribed])
      assert.equal((await house.reader.periods(each, undefined, page)).periods[0]?.period.zone, 'UTC');

    // The release before writes what it was given, also while it is replaced.
    await house.db.query('update usage_periods set zone = $2 where tenant_id = $1', [tenantId, zone]);
    assert.equal((await house.record([tenantId, other].map((each) => calls(each, 1n)))).accepted, 2);
  });

  it("a subscription's period counts instead of the month, and cuts the month that it begins in", async () => {
    const tenantId = await house.rich();
    await house.record([calls(tenantId, included)]);
    const begun = addMs(start, hourMs);
    house.subscriptions.billed.set(tenantId, [{ startsAt: begun, endsAt: addMs(begun, 30 * dayMs) }]);
    house.clock.advance(2 * hourMs);
    await house.settle();
    await house.record([calls(tenantId, 5n, { occurredAt: house.clock.now() })]);
    const { periods } = await house.reader.periods(tenantId, undefined, page);
    assert.deepEqual(
      periods.map(({ period, quantity }) => [period.startsAt, period.endsAt, quantity]),
      [
        [begun, addMs(begun, 30 * dayMs), 5n],
        [new Date('2026-03-01T00:00:00Z'), begun, included],
      ],
    );
  });
});

describe('charging', () => {
  it('takes exactly what goes beyond the included, in steps, once each, whoever looks', async () => {
    const tenantId = await house.rich();
    const before = await house.balance(tenantId);
    await house.record([calls(tenantId, included)]);
    await house.settle();
    assert.equal(await house.balance(tenantId), before, 'the included costs nothing');
    for (const [step, quantity] of [1n, 999n, 1n, 2_500n].entries()) {
      await house.record([calls(tenantId, quantity)]);
      await Promise.all(Array.from({ length: 4 }, () => house.settle()));
      assert.equal(await house.balance(tenantId), before - [1n, 1n, 2n, 4n][step]! * packageMicros);
    }
    const lines = await house.db.query<{ number: number; amount_micros: bigint }>(
      'select number, amount_micros from usage_charges where tenant_id = $1 order by number',
      [tenantId],
    );
    assert.deepEqual(lines, [
      { number: 1, amount_micros: packageMicros },
      { number: 2, amount_micros: packageMicros },
      { number: 3, amount_micros: 2n * packageMicros },
    ]);
    const told = (await house.outbox('namaskah.billing.v1.usage.charged')).filter(({ aggregate_id: id }) => id.endsWith('api.calls'));
    assert.deepEqual(JSON.parse(told.at(-1)?.payload.toString() ?? '').chargedTotal, {
      currency: 'USD',
      micros: String(4n * packageMicros),
    });
  });

  it('two replicas that charge the same total at once charge it once', async () => {
    for (let round = 0; round < 10; round++) {
      const tenantId = await house.rich();
      await house.record([calls(tenantId, included + 1_500n)]);
      const due = (await house.charges.claimDue(house.clock.now(), addMs(start, minuteMs), 100)).find(
        (usage) => usage.tenantId === tenantId,
      );
      assert.ok(due);
      const usage = { ...due, plan: 'starter', included, rated: { micros: 2n * packageMicros, remainderPicos: 0n } };
      const outcomes = await Promise.all(
        [house.charges, house.replica.charges, house.charges, house.replica.charges].map((charges) =>
          charges.charge(usage, 'API requests', addMs(start, hourMs), house.clock.now()),
        ),
      );
      assert.deepEqual(
        outcomes.toSorted((a, b) => a.localeCompare(b)),
        ['charged', 'lost', 'lost', 'lost'],
      );
      assert.equal(await house.balance(tenantId), 1_000_000_000n - 2n * packageMicros);
    }
  });

  it('a total that cannot be charged keeps nobody from being charged, and is due again when its lease is over', async () => {
    const tenants = [await house.rich(), await house.rich(), await house.rich()];
    const [first = '', second = '', third = ''] = tenants.toSorted((a, b) => a.localeCompare(b));
    const before = await house.balance(first);
    for (const tenantId of tenants) await house.record([calls(tenantId, included + 1_000n)]);
    const charges: UsageCharges = {
      ...house.charges,
      charge: async (usage, ...rest) => {
        if (usage.tenantId === second) throw new Error('a planted fault');
        return house.charges.charge(usage, ...rest);
      },
    };
    const parts = {
      periods: house.store,
      subscriptions: house.subscriptions.reader,
      clock: house.clock,
      monitor: { usageCharged: () => {} },
    };
    await assert.rejects(chargeUsage({ ...parts, charges, minimumMicros: 0n, longestWaitMs: hourMs })(), /a planted fault/);
    const charged = async (): Promise<bigint[]> =>
      Promise.all([first, second, third].map(async (tenantId) => before - (await house.balance(tenantId))));
    assert.deepEqual(await charged(), [packageMicros, 0n, packageMicros]);
    house.clock.advance(minuteMs);
    await house.settle();
    assert.deepEqual(await charged(), [packageMicros, packageMicros, packageMicros]);
  });

  it('a small difference waits for more, but not beyond an hour nor the end of the period', async () => {
    const tenantId = await house.rich();
    const before = await house.balance(tenantId);
    const minimum = 100_000n;
    await house.record([calls(tenantId, included + 1n)]);
    await house.settle(minimum);
    assert.equal(await house.balance(tenantId), before);
    house.clock.advance(hourMs);
    await house.settle(minimum);
    assert.equal(await house.balance(tenantId), before - packageMicros);
    await house.record([calls(tenantId, 4_000n)]);
    await house.settle(minimum);
    assert.equal(await house.balance(tenantId), before - packageMicros);
    await house.record([calls(tenantId, 1_000n)]);
    await house.settle(minimum);
    assert.equal(await house.balance(tenantId), before - 6n * packageMicros);
    const late = await house.rich();
    house.clock.set(new Date('2026-03-31T23:50:00Z'));
    await house.record([calls(late, included + 1n)]);
    await house.settle(minimum);
    house.clock.set(new Date('2026-04-01T00:00:00Z'));
    await house.settle(minimum);
    assert.equal(await house.balance(late), 1_000_000_000n - packageMicros);
  });

  it('what the balance cannot pay is owed, and taken once there is credit', async () => {
    const tenantId = await house.rich(packageMicros - 1n);
    await house.record([calls(tenantId, included + 1n)]);
    await house.settle();
    assert.equal(await house.balance(tenantId), packageMicros - 1n);
    assert.equal((await house.reader.periods(tenantId, undefined, page)).periods[0]?.owed, true);
    await house.books.grant(granting(tenantId, 1n));
    assert.equal(await house.charges.wakeOwed(tenantId, house.clock.now()), 1);
    await house.settle();
    assert.equal(await house.balance(tenantId), 0n);
    assert.equal((await house.reader.periods(tenantId, undefined, page)).periods[0]?.owed, false);
  });

  it('an event that comes after its period is charged to that period, and the line says so', async () => {
    const tenantId = await house.rich();
    await house.record([calls(tenantId, included)]);
    await house.settle();
    house.clock.set(new Date('2026-04-05T00:00:00Z'));
    await house.record([calls(tenantId, 10n), calls(tenantId, 7n, { occurredAt: house.clock.now() })]);
    await house.settle();
    assert.deepEqual(await totalsOf(tenantId), [
      ['2026-04-01', 'api.calls', 7n, 1n],
      ['2026-03-01', 'api.calls', included + 10n, 2n],
    ]);
    const [line] = (await house.books.entries(tenantId, { type: 'usage' }, { limit: 5, cursor: '' })).entries;
    assert.equal(line?.amountMicros, -packageMicros);
    assert.match(line?.description ?? '', /2026-03-01 to 2026-03-31.*adjusted after the period/);
  });

  it('a correction gives back, newest charge first, to the credit that it came from; twice what was said too much is nothing', async () => {
    const tenantId = await house.rich();
    const before = await house.balance(tenantId);
    for (const quantity of [included + 1_000n, 1_000n, 1_000n]) {
      await house.record([calls(tenantId, quantity)]);
      await house.settle();
    }
    assert.equal(await house.balance(tenantId), before - 3n * packageMicros);
    await house.record([calls(tenantId, -1_500n)]);
    await house.settle();
    assert.equal(await house.balance(tenantId), before - 2n * packageMicros);
    await house.record([calls(tenantId, -10n * included)]);
    await house.settle();
    assert.equal(await house.balance(tenantId), before);
    await house.record([calls(tenantId, 10n * included)]);
    await house.settle();
    assert.equal(await house.balance(tenantId), before - 2n * packageMicros);
  });

  it('a correction of more charges than one call reverses is given back in several', async () => {
    const tenantId = await house.rich();
    const before = await house.balance(tenantId);
    await house.record([calls(tenantId, included)]);
    for (let count = 0; count < 20; count++) {
      await house.record([calls(tenantId, 1_000n)]);
      await house.settle();
    }
    assert.equal(await house.balance(tenantId), before - 20n * packageMicros);
    await house.record([calls(tenantId, -20_000n)]);
    await house.settle();
    assert.equal(await house.balance(tenantId), before);
  });

  it('what an operator has given back of a charge already is not given back again by a correction, and stops nobody else', async () => {
    const tenantId = await house.rich();
    const before = await house.balance(tenantId);
    await house.record([calls(tenantId, included + 2_000n)]);
    await house.settle();
    const [charge] = (await house.books.entries(tenantId, { type: 'usage' }, { limit: 1, cursor: '' })).entries;
    const give = { tenantId, idempotencyKey: newId(), request: 'r', transferId: newId(), reverses: charge?.transferId ?? '' };
    await house.books.refund({ ...give, amount: money('USD', packageMicros), description: '', reference: '', now: house.clock.now() });
    const other = await house.rich();
    await house.record([calls(tenantId, -2_000n), calls(other, included + 1n)]);
    await house.settle();
    assert.equal(await house.balance(tenantId), before);
    assert.equal(await house.balance(other), 1_000_000_000n - packageMicros);
    await house.record([calls(tenantId, 2_001n)]);
    await house.settle();
    assert.equal(await house.balance(tenantId), before - 2n * packageMicros, 'the rest of what was charged pays for what comes');
  });

  it('a better plan re-rates the running period', async () => {
    const tenantId = await house.rich();
    const before = await house.balance(tenantId);
    await house.record([calls(tenantId, 2n * included)]);
    await house.settle();
    assert.equal(await house.balance(tenantId), before - 100n * packageMicros);
    house.subscriptions.plans.set(tenantId, 'pro');
    assert.equal(await house.charges.wakeRunning(tenantId, house.clock.now(), house.clock.now()), 1);
    await house.settle();
    assert.equal(await house.balance(tenantId), before);
  });

  it('a better plan re-rates the period that it changed in, also when the news comes after its end', async () => {
    const tenantId = await house.rich();
    const before = await house.balance(tenantId);
    await house.record([calls(tenantId, 2n * included)]);
    await house.settle();
    const changed = new Date('2026-03-31T23:59:58Z');
    house.subscriptions.changes.set(tenantId, { at: changed, plan: 'pro' });
    house.clock.set(new Date('2026-04-01T00:00:03Z'));
    await house.record([calls(tenantId, 1n, { occurredAt: house.clock.now() })]);
    await followPlan({ charges: house.charges, clock: house.clock, wakeCharging: () => {} })(tenantId, changed);
    await house.settle();
    assert.equal(await house.balance(tenantId), before);
  });

  it('news of a subscription that come after the month it began in leave what was used before it to the plan of then', async () => {
    const tenantId = await house.rich();
    await house.record([calls(tenantId, 2n * included)]);
    await house.settle();
    const begun = new Date('2026-03-31T23:00:00Z');
    house.subscriptions.billed.set(tenantId, [{ startsAt: begun, endsAt: addMs(begun, 30 * dayMs) }]);
    house.subscriptions.changes.set(tenantId, { at: begun, plan: 'pro' });
    house.clock.set(new Date('2026-04-01T00:00:03Z'));
    await followPlan({ charges: house.charges, clock: house.clock, wakeCharging: () => {} })(tenantId, begun);
    await house.settle();
    assert.equal(await house.balance(tenantId), 1_000_000_000n - 100n * packageMicros);
    assert.deepEqual((await house.reader.periods(tenantId, undefined, page)).periods[0]?.period.endsAt, begun);
  });

  it('a plan that changes while the worker rates by the old one is not overlooked', async () => {
    const tenantId = await house.rich();
    const before = await house.balance(tenantId);
    await house.record([calls(tenantId, 2n * included)]);
    await house.settle();
    await house.charges.wakeRunning(tenantId, house.clock.now(), house.clock.now());
    const [due] = await house.charges.claimDue(house.clock.now(), addMs(start, minuteMs), 100);
    assert.equal(due?.tenantId, tenantId);
    house.subscriptions.plans.set(tenantId, 'pro');
    assert.equal(await house.charges.wakeRunning(tenantId, house.clock.now(), house.clock.now()), 1);
    const rated = { micros: due.chargedMicros, remainderPicos: 0n };
    await house.charges.note({ ...due, plan: 'starter', included, rated }, undefined, house.clock.now());
    await house.settle();
    assert.equal(await house.balance(tenantId), before);
  });

  it('what was used before a subscription began is rated by the plan of then', async () => {
    const tenantId = await house.rich();
    await house.record([calls(tenantId, included + 1n)]);
    const begun = addMs(start, hourMs);
    house.subscriptions.billed.set(tenantId, [{ startsAt: begun, endsAt: addMs(begun, 30 * dayMs) }]);
    house.subscriptions.changes.set(tenantId, { at: begun, plan: 'pro' });
    house.clock.advance(2 * hourMs);
    await house.settle(1_000_000_000n);
    assert.equal(await house.balance(tenantId), 1_000_000_000n - packageMicros, 'charged at once, since its period is over');
  });

  it('Σ lines = charged = rated, and every total is the sum of its events and of its days', async () => {
    const [row] = await house.db.query<{ wrong: number }>(
      `select count(*)::int as wrong from usage_totals u
        where charged_micros <> coalesce((select sum(amount_micros) from usage_charges c where (c.tenant_id, c.period_id, c.meter) = (u.tenant_id, u.period_id, u.meter)), 0)
           or quantity <> (select sum(e.quantity) from usage_events e where (e.tenant_id, e.period_id, e.meter) = (u.tenant_id, u.period_id, u.meter))
           or (owed_since is null and due_at is null and rated_micros <> charged_micros)`,
    );
    assert.equal(row?.wrong, 0);
    const [days] = await house.db.query<{ wrong: number }>(
      `select count(*)::int as wrong from (select tenant_id, meter, sum(quantity) as quantity from usage_totals group by 1, 2) t
         full join (select tenant_id, meter, sum(quantity) as quantity from usage_days group by 1, 2) d using (tenant_id, meter) where t.quantity is distinct from d.quantity`,
    );
    assert.equal(days?.wrong, 0);
  });
});

describe('reading', () => {
  it('days page through without a gap, within bounds, only of the tenant; a foreign cursor is the fault of its sender', async () => {
    const tenantId = newId();
    await house.record(
      Array.from({ length: 9 }, (_value, index) => calls(tenantId, BigInt(index + 1), { occurredAt: addMs(start, -index * dayMs) })),
    );
    const seen: string[] = [];
    for (let cursor = '', pages = 0; pages < 10; pages++) {
      const { days, nextCursor } = await house.reader.days(
        tenantId,
        { meter: 'api.calls', from: '2026-03-03', to: undefined },
        { limit: 3, cursor },
      );
      seen.push(...days.map(({ day }) => day));
      if (nextCursor === '') break;
      cursor = nextCursor;
    }
    assert.deepEqual(
      seen,
      ['10', '09', '08', '07', '06', '05', '04', '03'].map((day) => `2026-03-${day}`),
    );
    assert.deepEqual((await house.reader.days(newId(), { meter: undefined, from: undefined, to: undefined }, page)).days, []);
    const { nextCursor } = await house.reader.periods(tenantId, undefined, { limit: 1, cursor: '' });
    assert.equal(nextCursor, '');
    const foreign = Buffer.from(JSON.stringify([{ n: '1' }, 'x'])).toString('base64url');
    for (const list of [
      () => house.reader.days(tenantId, { meter: undefined, from: undefined, to: undefined }, { limit: 3, cursor: foreign }),
      () => house.reader.periods(tenantId, undefined, { limit: 3, cursor: foreign }),
    ])
      assert.equal(await codeOf(list()), 'request.invalid cursor');
  });
});
