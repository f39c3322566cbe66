import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import { createTestDatabase, type TestDatabase } from '#platform/testing/index.ts';
import { addMs, dayMs, hourMs, testClock } from '#platform/time/index.ts';
import { loadPlans } from '../../adapters/plans/load.ts';
import { postgresWallets } from '../../adapters/postgres/ledger/wallets.ts';
import { migrations } from '../../adapters/postgres/migrations/index.ts';
import { postgresSubscriptions } from '../../adapters/postgres/plans/subscriptions.ts';
import { refundCharge } from '../../app/ledger/refund-charge.ts';
import { cancelSubscription } from '../../app/plans/cancel-subscription.ts';
import { changeSubscription } from '../../app/plans/change-subscription.ts';
import { getTenantPlan } from '../../app/plans/get-tenant-plan.ts';
import { grantPlan } from '../../app/plans/grant-plan.ts';
import { listPeriods } from '../../app/plans/list-periods.ts';
import { previewSubscription } from '../../app/plans/preview-subscription.ts';
import { renewSubscriptions } from '../../app/plans/renew-subscriptions.ts';
import { resumeSubscription } from '../../app/plans/resume-subscription.ts';
import { setTimeZone } from '../../app/plans/set-time-zone.ts';
import { periodAt } from '../../domain/plans/period.ts';
import type { Plan, PlanId } from '../../domain/plans/plan.ts';
import { verifyDatabase } from '../../verify.ts';
import { openBooks } from '../ledger/postgres-books.ts';

let database: TestDatabase;
let db: Database;
const clock = testClock(new Date('2026-01-15T09:00:00Z'));
const plans = loadPlans();
before(async () => {
  database = await createTestDatabase('billing', migrations);
  db = await openBooks(database.url, 12);
});
after(async () => {
  await db?.close();
  await database?.close();
});

const open = () => {
  const subscriptions = postgresSubscriptions(db, plans.currency);
  const parts = { subscriptions, plans, clock };
  const facts: string[] = [];
  const monitor = { subscription: (fact: string) => void facts.push(fact) };
  const renew = renewSubscriptions({ ...parts, monitor });
  return {
    subscriptions,
    facts,
    change: (tenantId: string, plan: string, interval = 'month', idempotencyKey = newId(), timeZone = '') =>
      changeSubscription(parts)(tenantId, { idempotencyKey, plan, interval, timeZone }),
    preview: (tenantId: string, plan: string, interval = 'month', timeZone = '') =>
      previewSubscription(parts)(tenantId, { plan, interval, timeZone }),
    grant: (tenantId: string, plan: string, reason = 'A pilot, ticket 4711', operator = 'user:operator') =>
      grantPlan({ ...parts, monitor })(operator, { tenantId, plan, reason }),
    tenantPlan: getTenantPlan(parts),
    cancel: (tenantId: string) => cancelSubscription(parts)(tenantId, newId()),
    resume: (tenantId: string) => resumeSubscription(parts)(tenantId, newId()),
    move: (tenantId: string, timeZone: string) => setTimeZone(parts)(tenantId, { idempotencyKey: newId(), timeZone }),
    periods: async (tenantId: string) => (await listPeriods({ subscriptions })(tenantId, { limit: 100, cursor: '' })).periods.toReversed(),
    /** Everything that is due by now, as the worker does it turn after turn. */
    renew: async () => {
      while ((await renew()) > 0);
    },
  };
};
const credit = async (tenantId: string, dollars: number): Promise<void> => {
  const granted = await postgresWallets(db).grant({
    ...{ tenantId, idempotencyKey: newId(), request: 'credit', transferId: newId(), priority: 20, expiresAt: undefined, now: clock.now() },
    ...{ amount: money('USD', BigInt(dollars) * 1_000_000n), reason: 'Test credit' },
  });
  assert.equal(granted.outcome, 'done');
};
const balance = async (tenantId: string) => (await postgresWallets(db).wallet(tenantId))?.balanceMicros ?? 0n;
const eventsOf = async (tenantId: string): Promise<string[]> => {
  const rows = await db.query<{ subject: string }>(
    `select subject from outbox where headers->>'namaskah-tenant' = $1 and subject like 'namaskah.billing.v1.subscription.%' order by seq`,
    [tenantId],
  );
  return rows.map(({ subject }) => subject.split('.').at(-1) ?? '');
};
/** Until so many sessions of this database wait for a row. */
const waiting = async (sessions: number): Promise<void> => {
  for (;;) {
    const rows = await db.query(`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`);
    if (rows.length >= sessions) return;
    await setImmediate();
  }
};
const booksAgree = async () => {
  assert.equal(await verifyDatabase(database.url), undefined);
  const differing = await db.query(
    `with told as (
       select headers->>'namaskah-tenant' as tenant, sum((convert_from(payload, 'UTF8')::jsonb #>> '{amount,micros}')::bigint) as micros
         from outbox where subject = 'namaskah.billing.v1.subscription.charged' group by 1
     ), booked as (
       select t.tenant_id::text as tenant, -sum(e.amount_micros) as micros from entries e join transfers t on t.id = e.transfer_id
         join accounts a on a.id in (t.debit_account_id, t.credit_account_id) and a.kind = 'revenue' and a.discriminator = 'subscription'
        where e.account_sequence is not null and (t.type = 'subscription' or t.reference in (select id::text from subscriptions)) group by 1
     )
     select * from told full join booked using (tenant) where coalesce(told.micros, 0) <> coalesce(booked.micros, 0)`,
  );
  assert.deepEqual(differing, [], 'what was told of charges is what the books say, before what operators gave back');
};
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'ok',
    (error: unknown) => (isAppError(error) ? error.code : String(error)),
  );

test('subscribing is paid from the wallet once per key; without credit nothing remains', async () => {
  const { change, periods, subscriptions } = open();
  const tenantId = newId();
  assert.equal(await codeOf(change(tenantId, 'pro')), 'billing.insufficient_credit');
  assert.deepEqual([await subscriptions.current(tenantId), await periods(tenantId), await eventsOf(tenantId)], [undefined, [], []]);
  await credit(tenantId, 100);
  const key = newId();
  const answers = await Promise.all(Array.from({ length: 5 }, () => change(tenantId, 'pro', 'month', key)));
  assert.equal(new Set(answers.map((answer) => answer?.id)).size, 1);
  assert.equal(await balance(tenantId), 51_000_000n);
  assert.equal(await codeOf(change(tenantId, 'enterprise', 'month', key)), 'request.idempotency_conflict');
  assert.deepEqual(await eventsOf(tenantId), ['plan-changed', 'charged']);
  assert.equal(await subscriptions.planOf(tenantId, clock.now()), 'pro');
  assert.equal(await codeOf(change(tenantId, 'starter')), 'request.invalid');
  assert.equal(await codeOf(change(tenantId, 'pro', 'week')), 'request.invalid');
  assert.equal(await codeOf(change(newId(), 'pro', 'month', newId(), 'Mars/Olympus')), 'request.invalid');
  await booksAgree();
});

test('a zone that Node knows and PostgreSQL does not, or reads otherwise, is refused: days of usage are told by both', async () => {
  const { change, move, preview, subscriptions } = open();
  const tenantId = newId();
  await credit(tenantId, 100);
  for (const zone of ['US/Pacific-New', 'SystemV/EST5EDT', 'CET']) {
    assert.equal(await codeOf(preview(tenantId, 'pro', 'month', zone)), 'request.invalid', zone);
    assert.equal(await codeOf(change(tenantId, 'pro', 'month', newId(), zone)), 'request.invalid', zone);
  }
  await change(tenantId, 'pro', 'month', newId(), 'utc');
  assert.equal(await codeOf(move(tenantId, 'Canada/East-Saskatchewan')), 'request.invalid');
  for (const zone of ['Europe/Kyiv', 'US/Pacific', 'Asia/Kolkata', 'UTC', 'Etc/GMT+5', 'America/St_Johns'])
    assert.equal((await move(tenantId, zone))?.nextTimeZone, zone);
  assert.equal((await subscriptions.current(tenantId))?.timeZone, 'utc');
});

test('two first subscriptions under different keys at once are one, and the second finds it', async () => {
  const { change } = open();
  const tenantId = newId();
  await credit(tenantId, 2_000);
  const answers = await Promise.all(['pro', 'pro', 'enterprise'].map((plan) => change(tenantId, plan)));
  assert.equal(new Set(answers.map((answer) => answer?.id)).size, 1);
  const [{ count } = { count: 0 }] = await db.query<{ count: number }>(
    'select count(*)::int as count from subscriptions where tenant_id = $1',
    [tenantId],
  );
  assert.equal(count, 1);
  await booksAgree();
});

test('an upgrade gives the unused part back to where it came from and costs what its preview said', async () => {
  const { change, preview, periods } = open();
  const tenantId = newId();
  await credit(tenantId, 600);
  await change(tenantId, 'pro');
  clock.advance(10 * dayMs);
  const before = await balance(tenantId);
  const shown = await preview(tenantId, 'enterprise');
  await change(tenantId, 'enterprise');
  assert.equal(before - (await balance(tenantId)), shown.dueNowMicros);
  const [first, second] = await periods(tenantId);
  assert.deepEqual([first?.end, first?.creditedMicros], [second?.start, shown.creditMicros]);
  assert.deepEqual((await preview(tenantId, 'pro')).dueNowMicros, 0n);
  await booksAgree();
});

test('after a standstill of months two workers bill each missed period once, in order', async () => {
  const one = open();
  const two = open();
  const tenants = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const tenantId = newId();
      await credit(tenantId, 1_000);
      await one.change(tenantId, 'pro');
      return tenantId;
    }),
  );
  const anchor = clock.now();
  clock.set(periodAt(anchor, 'UTC', 'month', 5).end);
  await Promise.all([one.renew(), two.renew(), one.renew(), two.renew()]);
  for (const tenantId of tenants) {
    const periods = await one.periods(tenantId);
    assert.deepEqual(
      periods.map(({ start, end }) => [start, end]),
      Array.from({ length: 7 }, (_, index) => periodAt(anchor, 'UTC', 'month', index)).map(({ start, end }) => [start, end]),
    );
    assert.equal(await balance(tenantId), (1_000n - 7n * 49n) * 1_000_000n);
    assert.equal((await eventsOf(tenantId)).filter((name) => name === 'renewed').length, 6);
  }
  await booksAgree();
});

test('the database refuses a second bill for any moment: twelve time zones, both clock changes', async () => {
  const bill = (tenantId: string, start: Date, end: Date) =>
    db.query(
      `insert into billed_periods (id, subscription_id, tenant_id, plan, interval, starts_at, ends_at, amount_micros, currency, created_at)
       values ($1, $2, $3, 'pro', 'month', $4, $5, 0, 'USD', $4)`,
      [newId(), newId(), tenantId, start, end],
    );
  const zones = [
    ...['UTC', 'Africa/Casablanca', 'America/New_York', 'America/St_Johns', 'America/Sao_Paulo', 'Asia/Kathmandu', 'Asia/Tehran'],
    ...['Australia/Lord_Howe', 'Europe/Berlin', 'Pacific/Auckland', 'Pacific/Apia', 'Pacific/Chatham'],
  ];
  const anchors = ['2026-03-08T07:30:00Z', '2026-03-29T00:30:00Z', '2026-10-25T00:30:00Z', '2026-11-01T05:30:00Z', '2026-09-26T14:30:00Z'];
  for (const zone of zones) {
    for (const anchor of anchors) {
      const tenantId = newId();
      const period = (index: number) => periodAt(new Date(anchor), zone, 'month', index);
      for (let index = 0; index < 3; index++) await bill(tenantId, period(index).start, period(index).end);
      for (const [start, end] of [
        [period(1).start, period(1).end],
        [addMs(period(0).end, -1), period(1).start],
        [addMs(period(1).start, hourMs), addMs(period(1).start, 2 * hourMs)],
        [addMs(period(2).end, -1), addMs(period(2).end, dayMs)],
      ] as const) {
        if (start >= end) continue;
        await assert.rejects(bill(tenantId, start, end), /billed_periods_once/, `${zone} ${anchor}`);
      }
    }
  }
});

test('unpaid: tried again by schedule, paid at once when credit comes, ended after the last try', async () => {
  const { change, renew, subscriptions, facts, cancel } = open();
  const [rescued, lost, gone] = [newId(), newId(), newId()];
  for (const tenantId of [rescued, lost, gone]) {
    await credit(tenantId, 50);
    await change(tenantId, 'pro');
  }
  const due = periodAt(clock.now(), 'UTC', 'month', 0).end;
  clock.set(due);
  await renew();
  assert.equal((await subscriptions.current(rescued))?.state, 'past_due');
  assert.equal(await subscriptions.planOf(rescued, clock.now()), 'pro', 'the plan goes on meanwhile');
  assert.equal(await codeOf(change(rescued, 'enterprise')), 'billing.subscription_past_due');
  await renew();
  assert.equal((await subscriptions.current(rescued))?.attempts, 1, 'not tried again before its time');
  clock.advance(2 * hourMs);
  await credit(rescued, 60);
  await renew();
  const paid = await subscriptions.current(rescued);
  assert.deepEqual([paid?.state, paid?.period.start, paid?.attempts], ['active', due, 0]);
  await cancel(gone);
  assert.equal(await subscriptions.current(gone), undefined);
  for (let day = 0; day < 9; day++) {
    clock.advance(dayMs);
    await renew();
  }
  assert.equal(await subscriptions.current(lost), undefined);
  assert.equal(await subscriptions.planOf(lost, clock.now()), 'starter');
  assert.deepEqual(await eventsOf(lost), [
    ...['plan-changed', 'charged', 'payment-failed', 'payment-failed', 'payment-failed', 'payment-failed', 'ended', 'plan-changed'],
  ]);
  assert.ok(facts.includes('payment_failed'));
  await booksAgree();
});

test('a cancellation ends with its period, can be taken back before, and another subscription may follow', async () => {
  const { change, cancel, resume, renew, subscriptions, move } = open();
  const tenantId = newId();
  assert.equal(await codeOf(cancel(tenantId)), 'billing.no_subscription');
  assert.equal(await codeOf(move(tenantId, 'Europe/Berlin')), 'billing.no_subscription');
  await credit(tenantId, 500);
  await change(tenantId, 'pro');
  await cancel(tenantId);
  assert.equal((await resume(tenantId))?.next, undefined);
  assert.equal((await cancel(tenantId))?.next?.planId, 'starter');
  const end = (await subscriptions.current(tenantId))?.period.end ?? assert.fail();
  clock.set(addMs(end, -1));
  await renew();
  assert.ok(await subscriptions.current(tenantId));
  clock.set(end);
  await renew();
  assert.equal(await subscriptions.current(tenantId), undefined);
  const again = await change(tenantId, 'pro', 'month', newId(), 'Pacific/Auckland');
  assert.equal(again?.timeZone, 'Pacific/Auckland');
  assert.equal((await move(tenantId, 'Asia/Kathmandu'))?.nextTimeZone, 'Asia/Kathmandu');
  await booksAgree();
});

test('an operator gives a plan: at once, without charge, in place of what is paid, and nobody is charged at its renewals', async () => {
  const { grant, tenantPlan, change, renew, periods, subscriptions, facts } = open();
  const tenantId = newId();
  await credit(tenantId, 100);
  await change(tenantId, 'pro');
  clock.advance(10 * dayMs);
  const given = await grant(tenantId, 'enterprise', 'Contract is being signed', 'user:ann');
  const { subscription } = given;
  assert.deepEqual([subscription?.planId, subscription?.state, subscription?.granted], ['enterprise', 'active', true]);
  assert.equal(await subscriptions.planOf(tenantId, clock.now()), 'enterprise');
  assert.equal(await balance(tenantId), 51_000_000n, 'neither charged nor given back');
  const [paid, free] = await periods(tenantId);
  assert.deepEqual([paid?.end, paid?.creditedMicros, free?.start, free?.amountMicros], [clock.now(), 0n, clock.now(), 0n]);
  const [act, ...others] = given.acts;
  assert.deepEqual([act?.operator, act?.reason, act?.from, act?.to], ['user:ann', 'Contract is being signed', 'pro', 'enterprise']);
  assert.deepEqual([act?.at, others], [clock.now(), []]);
  const before = await eventsOf(tenantId);
  assert.deepEqual(before, ['plan-changed', 'charged', 'plan-changed']);
  assert.deepEqual(await grant(tenantId, 'enterprise', 'Said once more', 'user:bob'), given, 'who has it keeps it');
  for (let month = 0; month < 3; month++) {
    clock.set((await subscriptions.current(tenantId))?.period.end ?? assert.fail());
    await renew();
  }
  assert.equal((await periods(tenantId)).length, 5);
  assert.equal(await balance(tenantId), 51_000_000n);
  assert.deepEqual(await eventsOf(tenantId), before, 'what is not paid is not told as paid');
  assert.equal((await tenantPlan(tenantId)).subscription?.granted, true);
  assert.ok(facts.includes('granted'));
  await booksAgree();
});

test('a plan that was given ends as any other: the tenant buys more, chooses less, cancels; an operator takes it back', async () => {
  const { grant, change, cancel, renew, subscriptions } = open();
  const [buyer, saver, leaver, taken] = [newId(), newId(), newId(), newId()];
  for (const tenantId of [buyer, saver, leaver, taken]) {
    await credit(tenantId, 500);
    assert.equal((await grant(tenantId, tenantId === buyer ? 'pro' : 'enterprise')).subscription?.granted, true);
  }
  const bought = await change(buyer, 'enterprise');
  assert.deepEqual([bought?.planId, bought?.granted], ['enterprise', false]);
  const price = await balance(buyer);
  assert.ok(price < 500_000_000n);
  await change(saver, 'pro');
  await cancel(leaver);
  const end = (await subscriptions.current(saver))?.period.end ?? assert.fail();
  clock.set(end);
  await renew();
  const saved = await subscriptions.current(saver);
  assert.deepEqual([saved?.planId, saved?.granted, await balance(saver)], ['pro', false, 451_000_000n]);
  assert.equal(await subscriptions.current(leaver), undefined);
  const { subscription, acts } = await grant(taken, 'starter', 'The pilot is over');
  assert.equal(subscription, undefined);
  assert.deepEqual(
    acts.map(({ from, to }) => [from, to]),
    [
      ['enterprise', 'starter'],
      ['starter', 'enterprise'],
    ],
  );
  assert.equal(await subscriptions.planOf(taken, clock.now()), 'starter');
  assert.deepEqual((await eventsOf(taken)).slice(-2), ['ended', 'plan-changed']);
  assert.deepEqual((await grant(taken, 'starter', 'The pilot is over')).acts, acts, 'there is nothing to end');
  assert.equal((await change(taken, 'pro'))?.granted, false, 'and another may follow');
  await booksAgree();
});

test('a debt ends with a plan that is given; strangers, missing reasons and unknown plans change nothing', async () => {
  const { grant, change, renew, subscriptions, tenantPlan } = open();
  const tenantId = newId();
  await credit(tenantId, 50);
  await change(tenantId, 'pro');
  clock.set((await subscriptions.current(tenantId))?.period.end ?? assert.fail());
  await renew();
  assert.equal((await subscriptions.current(tenantId))?.state, 'past_due');
  clock.advance(dayMs);
  const { subscription } = await grant(tenantId, 'pro');
  assert.deepEqual([subscription?.state, subscription?.owedMicros, subscription?.granted], ['active', 0n, true]);
  await credit(tenantId, 60);
  await renew();
  assert.equal(await balance(tenantId), 61_000_000n);
  const stranger = newId();
  assert.equal(await codeOf(grant(stranger, 'pro')), 'request.not_found');
  assert.equal(await codeOf(grant('nobody', 'pro')), 'request.not_found');
  assert.deepEqual(await tenantPlan(stranger), { subscription: undefined, acts: [] });
  for (const [plan, reason] of [
    ['gold', 'A pilot, ticket 4711'],
    ['pro', 'short'],
    ['pro', ' '.repeat(20)],
    ['pro', 'x'.repeat(1_001)],
  ] as const)
    assert.equal(await codeOf(grant(tenantId, plan, reason)), 'request.invalid');
  assert.equal((await tenantPlan(tenantId)).acts.length, 1);
  await booksAgree();
});

test('an operator, the tenant and the renewal at the same moment: one subscription, one bill for each moment', async () => {
  const { grant, change, renew, periods } = open();
  for (let turn = 0; turn < 5; turn++) {
    const tenantId = newId();
    await credit(tenantId, 2_000);
    await change(tenantId, 'pro');
    clock.advance(31 * dayMs);
    await Promise.all([grant(tenantId, 'enterprise'), codeOf(change(tenantId, 'enterprise')), renew(), grant(tenantId, 'pro'), renew()]);
    const billed = await periods(tenantId);
    for (const [index, period] of billed.entries()) assert.ok(index === 0 || (billed[index - 1]?.end ?? period.end) <= period.start);
    const net = billed.reduce((sum, { amountMicros, creditedMicros }) => sum + amountMicros - creditedMicros, 0n);
    assert.equal(await balance(tenantId), 2_000_000_000n - net);
  }
  await booksAgree();
});

test('what the tenant asks for while a renewal is being booked finds the renewed subscription', async () => {
  const { change, cancel, renew, subscriptions, periods } = open();
  for (const ask of ['change', 'cancel'] as const) {
    const tenantId = newId();
    await credit(tenantId, 2_000);
    await change(tenantId, 'pro');
    clock.set((await subscriptions.current(tenantId))?.period.end ?? assert.fail());
    // The renewal waits for the wallet with the subscription in its hands; the tenant waits for the subscription.
    let asked: Promise<string> | undefined;
    let renewed: Promise<void> | undefined;
    await db.transaction(async (tx) => {
      await tx.query(`select from accounts where tenant_id = $1 for update`, [tenantId]);
      renewed = renew();
      await waiting(1);
      asked = codeOf(ask === 'change' ? change(tenantId, 'enterprise') : cancel(tenantId));
      await waiting(2);
    });
    assert.equal(await asked, 'ok');
    await renewed;
    const current = await subscriptions.current(tenantId);
    assert.deepEqual([current?.planId, current?.next?.planId], ask === 'change' ? ['enterprise', undefined] : ['pro', 'starter']);
    assert.equal((await periods(tenantId)).length, ask === 'change' ? 3 : 2);
  }
  await booksAgree();
});

test('a downgrade that could not be paid is owed at its own price, and is not taken back any more', async () => {
  const { change, resume, renew, subscriptions } = open();
  const tenantId = newId();
  await credit(tenantId, 499);
  await change(tenantId, 'enterprise');
  await change(tenantId, 'pro');
  clock.set((await subscriptions.current(tenantId))?.period.end ?? assert.fail());
  await renew();
  const owing = await subscriptions.current(tenantId);
  assert.deepEqual([owing?.state, owing?.owedMicros], ['past_due', 49_000_000n]);
  assert.equal(await codeOf(resume(tenantId)), 'billing.subscription_past_due');
  await credit(tenantId, 60);
  await renew();
  const paid = await subscriptions.current(tenantId);
  assert.deepEqual([paid?.state, paid?.planId, await balance(tenantId)], ['active', 'pro', 11_000_000n]);
  await booksAgree();
});

test('a plan that became dearer while a renewal is owed: what suffices no more is tried once, and holds nobody else up', async () => {
  const { change, renew, subscriptions } = open();
  const [short, rescued] = [newId(), newId()];
  for (const tenantId of [short, rescued]) {
    await credit(tenantId, 49);
    await change(tenantId, 'pro');
    clock.advance(hourMs);
  }
  clock.set((await subscriptions.current(rescued))?.period.end ?? assert.fail());
  await renew();
  const dearer = (planId: PlanId): Plan => ({ ...plans.plan(planId), priceMicros: { month: 60_000_000n, year: 600_000_000n } });
  const later = renewSubscriptions({ subscriptions, clock, monitor: { subscription: () => undefined }, plans: { ...plans, plan: dearer } });
  await credit(short, 50);
  await credit(rescued, 70);
  assert.deepEqual([await later(), await later()], [2, 0]);
  assert.equal((await subscriptions.current(rescued))?.state, 'active');
  const owing = await subscriptions.current(short);
  assert.deepEqual([owing?.state, owing?.owedMicros, owing?.attempts], ['past_due', 60_000_000n, 1]);
  await credit(short, 10);
  assert.equal(await later(), 1);
  assert.equal((await subscriptions.current(short))?.state, 'active');
  await booksAgree();
});

test('between the end of a period and its renewal more may be chosen: the period that follows is that of the new plan', async () => {
  const { change, preview, renew, subscriptions, periods } = open();
  for (const [interval, price] of [
    ['month', 499_000_000n],
    ['year', 4_990_000_000n],
  ] as const) {
    const tenantId = newId();
    await credit(tenantId, 6_000);
    const end = (await change(tenantId, 'pro'))?.period.end ?? assert.fail();
    clock.set(addMs(end, 1_500));
    const before = await balance(tenantId);
    const shown = await preview(tenantId, 'enterprise', interval);
    assert.deepEqual([shown.creditMicros, shown.chargeMicros], [0n, price]);
    const changed = await change(tenantId, 'enterprise', interval);
    assert.deepEqual([changed?.planId, changed?.period.start], ['enterprise', end]);
    assert.equal(before - (await balance(tenantId)), price);
    await renew();
    assert.equal((await subscriptions.current(tenantId))?.period.end.getTime(), changed?.period.end.getTime());
    assert.deepEqual(
      (await periods(tenantId)).map(({ planId, creditedMicros }) => [planId, creditedMicros]),
      [
        ['pro', 0n],
        ['enterprise', 0n],
      ],
    );
    assert.deepEqual((await eventsOf(tenantId)).slice(2), ['renewed', 'plan-changed', 'charged']);
  }
  await booksAgree();
});

test('what an operator has given back of a fee already does not come back a second time, and stands in the way of no upgrade', async () => {
  const { change, preview, periods } = open();
  for (const refunded of [49_000_000n, 40_000_000n]) {
    const tenantId = newId();
    await credit(tenantId, 600);
    await change(tenantId, 'pro');
    const [fee] = await db.query<{ id: string }>(`select id from transfers where tenant_id = $1 and type = 'subscription'`, [tenantId]);
    await refundCharge({ wallets: postgresWallets(db), clock })(tenantId, {
      ...{ idempotencyKey: newId(), transferId: fee?.id ?? '', amount: money('USD', refunded), reason: 'An outage' },
    });
    const before = await balance(tenantId);
    const shown = await preview(tenantId, 'enterprise');
    await change(tenantId, 'enterprise');
    assert.equal(before - (await balance(tenantId)), shown.dueNowMicros);
    assert.equal((await periods(tenantId))[0]?.creditedMicros, 49_000_000n - refunded);
    assert.equal(await balance(tenantId), 101_000_000n);
  }
  await booksAgree();
});

test('a zone whose clocks were decided otherwise meanwhile keeps no renewal from being booked, its own or that of others', async () => {
  const { change, renew, periods, subscriptions } = open();
  const [moved, other] = [newId(), newId()];
  for (const tenantId of [moved, other]) {
    await credit(tenantId, 100);
    await change(tenantId, 'pro');
  }
  const paid = (await subscriptions.current(moved)) ?? assert.fail();
  const end = addMs(paid.period.end, hourMs);
  const piece = newId();
  await db.query(
    `insert into billed_periods (id, subscription_id, tenant_id, plan, interval, starts_at, ends_at, amount_micros, currency, created_at)
     select $1, subscription_id, tenant_id, plan, interval, ends_at, $2, 0, currency, created_at from billed_periods where tenant_id = $3`,
    [piece, end, moved],
  );
  await db.query('update subscriptions set period_end = $1, due_at = $1, billed_id = $2 where tenant_id = $3', [end, piece, moved]);
  await db.query(`update subscriptions set due_at = due_at + interval '2 hours' where tenant_id = $1`, [other]);
  clock.set(addMs(end, 2 * hourMs));
  await renew();
  assert.deepEqual((await periods(moved)).at(-1)?.start, end);
  assert.equal((await subscriptions.current(other))?.periodIndex, 1);
  await booksAgree();
});

test('a subscription that cannot be renewed keeps nobody behind it from being renewed, and is told of', async () => {
  const { change, cancel, renew, subscriptions } = open();
  const [stuck, other] = [newId(), newId()];
  for (const tenantId of [stuck, other]) {
    await credit(tenantId, 100);
    await change(tenantId, 'pro');
    clock.advance(1_000);
  }
  await db.query(
    `insert into billed_periods (id, subscription_id, tenant_id, plan, interval, starts_at, ends_at, amount_micros, currency, created_at)
     select $1, subscription_id, tenant_id, plan, interval, ends_at, ends_at + interval '1 day', 0, currency, created_at from billed_periods where tenant_id = $2`,
    [newId(), stuck],
  );
  clock.set((await subscriptions.current(other))?.period.end ?? assert.fail());
  await assert.rejects(renew(), /billed_periods_once/);
  assert.equal((await subscriptions.current(other))?.periodIndex, 1);
  assert.equal((await subscriptions.current(stuck))?.periodIndex, 0);
  await cancel(stuck);
  await renew();
  await booksAgree();
});

test('what is told of a plan bears rising times, although a clock goes back: whoever hears it keeps the last', async () => {
  const { change, cancel, grant, renew, subscriptions } = open();
  const tenantId = newId();
  const back = () => clock.advance(-1_000);
  await credit(tenantId, 48 + 499 + 49);
  await change(tenantId, 'pro');
  back();
  await change(tenantId, 'enterprise');
  clock.set((await subscriptions.current(tenantId))?.period.end ?? assert.fail());
  await renew();
  clock.advance(hourMs);
  await cancel(tenantId);
  back();
  await grant(tenantId, 'pro');
  back();
  await grant(tenantId, 'starter', 'The pilot is over');
  const told = await db.query<{ plan: string; at: string }>(
    `select convert_from(payload, 'UTF8')::jsonb ->> 'plan' as plan, headers ->> 'ce-time' as at
       from outbox where subject = 'namaskah.billing.v1.subscription.plan-changed' and headers ->> 'namaskah-tenant' = $1 order by seq`,
    [tenantId],
  );
  assert.deepEqual(
    told.toSorted((a, b) => (a.at < b.at ? -1 : 1)).map(({ plan }) => plan),
    ['pro', 'enterprise', 'starter', 'pro', 'starter'],
  );
  assert.equal(new Set(told.map(({ at }) => at)).size, told.length);
  await booksAgree();
});

test('a choice that was made a moment before the one that it waited for, or by a clock that is behind, is for the time that follows', async () => {
  const { change, grant, cancel, renew, periods } = open();
  const [first, second, third] = [newId(), newId(), newId()];
  for (const tenantId of [first, second, third]) await credit(tenantId, 20_000);
  const began = clock.now();
  for (const tenantId of [first, second, third]) await change(tenantId, 'pro');
  clock.advance(dayMs);
  await change(first, 'pro', 'year');
  await grant(second, 'starter');
  await cancel(third);
  clock.set(addMs(clock.now(), -5));
  await change(first, 'enterprise', 'year');
  await change(second, 'enterprise');
  clock.advance(40 * dayMs);
  await renew();
  clock.set(addMs((await periods(third)).at(-1)?.end ?? began, -5));
  await grant(third, 'pro');
  for (const tenantId of [first, second, third]) {
    const pieces = (await periods(tenantId)).filter(({ start, end }) => start < end);
    assert.ok(pieces.length >= 2);
    for (const [index, { start }] of pieces.entries()) if (index > 0) assert.ok(start >= (pieces[index - 1]?.end ?? start));
  }
  await booksAgree();
});

test('random changes, grants, cancellations, credit and jumps of the clock: never two bills for a moment, every cent in the books', async () => {
  const { change, grant, cancel, resume, move, renew, periods, subscriptions } = open();
  const step = fc.oneof(
    fc.record({
      do: fc.constant('change' as const),
      plan: fc.constantFrom('pro', 'enterprise'),
      interval: fc.constantFrom('month', 'year'),
    }),
    fc.record({ do: fc.constantFrom('cancel' as const, 'resume' as const) }),
    fc.record({ do: fc.constant('grant' as const), plan: fc.constantFrom('starter', 'pro', 'enterprise') }),
    fc.record({ do: fc.constant('move' as const), zone: fc.constantFrom('Europe/Berlin', 'Pacific/Apia', 'America/St_Johns') }),
    fc.record({ do: fc.constant('credit' as const), dollars: fc.constantFrom(10, 60, 600) }),
    fc.record({ do: fc.constant('wait' as const), hours: fc.integer({ min: 1, max: 24 * 45 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      const tenantId = newId();
      await credit(tenantId, 600);
      let credited = 600n;
      for (const now of steps) {
        switch (now.do) {
          case 'change':
            await codeOf(change(tenantId, now.plan, now.interval));
            break;
          case 'cancel':
            await codeOf(cancel(tenantId));
            break;
          case 'grant':
            await grant(tenantId, now.plan);
            break;
          case 'resume':
            await codeOf(resume(tenantId));
            break;
          case 'move':
            await codeOf(move(tenantId, now.zone));
            break;
          case 'credit':
            await credit(tenantId, now.dollars);
            credited += BigInt(now.dollars);
            break;
          case 'wait':
            clock.advance(now.hours * hourMs);
            await renew();
        }
      }
      const billed = await periods(tenantId);
      for (const [index, period] of billed.entries()) {
        const next = billed[index + 1];
        assert.ok(next === undefined || period.end <= next.start, 'periods do not overlap');
        assert.ok(period.creditedMicros <= period.amountMicros);
      }
      const net = billed.reduce((sum, { amountMicros, creditedMicros }) => sum + amountMicros - creditedMicros, 0n);
      assert.equal(await balance(tenantId), credited * 1_000_000n - net);
      const current = await subscriptions.current(tenantId);
      assert.equal(await subscriptions.planOf(tenantId, clock.now()), current?.planId ?? 'starter');
    }),
    { numRuns: 40 },
  );
  await booksAgree();
});
