import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { type Database, openDatabase } from '#platform/postgres/index.ts';
import { createTestDatabase, type TestDatabase } from '#platform/testing/index.ts';
import { addMs, hourMs, minuteMs, secondMs, testClock } from '#platform/time/index.ts';
import { migrations } from '../../adapters/postgres/migrations/index.ts';
import { entities } from '../../adapters/postgres/rows.ts';
import { createRouteStore } from '../../adapters/postgres/routing/store.ts';
import { offerFor } from '../../domain/catalogue.ts';
import { medianOf } from '../../domain/routing/histogram.ts';
import type { Verification } from '../../domain/verification.ts';
import { testCatalogue } from '../../testing/harness.ts';
import type { AcquireOutcome } from '../ports.ts';
import { createPlanner } from './planner.ts';
import type { RouteStore } from './ports.ts';
import { refreshRoutes } from './refresh-routes.ts';

const halfLifeMs = 6 * hourMs;
const granted: AcquireOutcome = {
  ...{ kind: 'granted', activationId: '1', phoneNumber: '+62', costMicros: 200_000n, expiresAt: undefined },
};
const lost: AcquireOutcome = { kind: 'unknown', detail: '' };

describe('what replicas learn of routes', () => {
  let database: TestDatabase;
  let db: Database;
  before(async () => {
    database = await createTestDatabase('verification', migrations);
    db = await openDatabase({ url: database.url, applicationName: 'routing-test', poolMax: 4, entities });
  });
  after(async () => {
    await db.close();
    await database.close();
  });

  /** One process: its memory, and the database that it shares with the others. */
  const replica = (clock = testClock(), over: Partial<RouteStore> = {}) => {
    const routes = { ...createRouteStore({ db, halfLifeMs }), ...over };
    const planner = createPlanner({
      sellers: ['a', 'b'].map((name) => ({ name, sells: () => true })),
      ...{ clock, halfLifeMs, attempts: 3, observer: { refused: () => {}, circuit: () => {}, decided: () => {} } },
    });
    return { clock, routes, planner, refresh: refreshRoutes({ planner, routes, clock }) };
  };
  const offer = offerFor(testCatalogue, { service: 'telegram', country: 'ID', capability: 'sms' });
  const bought = (provider: string, service: string, at: Date, over: Partial<Verification> = {}): Verification =>
    ({ ...{ id: newId(), provider, service, country: 'ID', operator: '', createdAt: at, state: 'waiting' }, ...over }) as Verification;
  const withCode = (provider: string, service: string, at: Date, latencyMs: number): Verification =>
    bought(provider, service, at, { state: 'received', receivedAt: addMs(at, latencyMs) });
  const ofRoute = (planner: ReturnType<typeof replica>['planner'], provider: string, service: string, now: Date) =>
    planner.evidence.ladder({ provider, service, country: 'ID', operator: '' }, now).at(-1) ?? assert.fail();

  it('each adds its own, all see the sum, and one that starts later sees it too', async () => {
    const [one, other] = [replica(), replica()];
    const now = one.clock.now();
    for (const { planner } of [one, other]) {
      planner.answered(bought('a', 'viber', now), granted);
      planner.reached(withCode('a', 'viber', now, 8_000));
      planner.answered(bought('a', 'viber', now), granted);
      planner.reached(bought('a', 'viber', now, { state: 'expired' }));
    }
    await one.refresh();
    await other.refresh();
    await one.refresh();
    const late = replica();
    await late.refresh();
    for (const { planner } of [one, other, late]) {
      const { granted: numbers, codes, misses, costMicros } = ofRoute(planner, 'a', 'viber', now);
      assert.deepEqual([numbers, codes, misses, costMicros], [4, 2, 2, 800_000]);
    }
    const [hour] = await db.query<{ codes: number; latencies: number[] }>(`select * from route_hours where service = 'viber'`);
    assert.equal(hour?.codes, 2);
    const median = medianOf(hour?.latencies ?? []) ?? 0;
    assert.ok(Math.abs(median - 8_000) < 2_000, String(median));
  });

  it('what is written later finds the earlier aged, and nothing is counted twice', async () => {
    const one = replica();
    const now = one.clock.now();
    for (let turn = 0; turn < 8; turn++) one.planner.reached(withCode('a', 'line', now, 5_000));
    await one.refresh();
    one.clock.advance(halfLifeMs);
    one.planner.reached(withCode('a', 'line', one.clock.now(), 5_000));
    await one.refresh();
    await one.refresh();
    const fresh = replica(one.clock);
    await fresh.refresh();
    for (const { planner } of [one, fresh]) {
      const { codes } = ofRoute(planner, 'a', 'line', one.clock.now());
      assert.ok(Math.abs(codes - 5) < 1e-6, String(codes));
    }
    // After half a year hardly anything is left, and the arithmetic of the database copes with it.
    one.clock.advance(180 * 24 * hourMs);
    one.planner.reached(withCode('a', 'line', one.clock.now(), 5_000));
    await one.refresh();
    assert.ok(Math.abs(ofRoute(one.planner, 'a', 'line', one.clock.now()).codes - 1) < 1e-6);
  });

  it('what cannot be written down is kept and written the next time', async () => {
    let broken = true;
    const store = createRouteStore({ db, halfLifeMs });
    const one = replica(testClock(), {
      record: (...given) => (broken ? Promise.reject(new Error('the database is away')) : store.record(...given)),
    });
    const now = one.clock.now();
    one.planner.reached(withCode('a', 'imo', now, 5_000));
    await assert.rejects(one.refresh());
    one.planner.reached(withCode('a', 'imo', now, 5_000));
    broken = false;
    await one.refresh();
    assert.equal(ofRoute(one.planner, 'a', 'imo', now).codes, 2);
  });

  it('a circuit that one opens is open for all, survives a restart, and closes for all', async () => {
    const clock = testClock();
    const [one, other] = [replica(clock), replica(clock)];
    await Promise.all([one.refresh(), other.refresh()]);
    const first = (of: ReturnType<typeof replica>) => of.planner.decide({ id: 'x', offer, excluded: [] }).candidates;
    const circuit = (of: ReturnType<typeof replica>) => first(of).find(({ provider }) => provider === 'b')?.circuit;
    for (let turn = 0; turn < 5; turn++) one.planner.answered(bought('b', 'telegram', clock.now()), lost);
    assert.equal(circuit(one), 'open', 'at once where it was seen');
    await one.refresh();
    await other.refresh();
    const restarted = replica(clock);
    await restarted.refresh();
    assert.deepEqual([circuit(other), circuit(restarted)], ['open', 'open']);
    clock.advance(minuteMs);
    assert.equal(circuit(other), 'half_open');
    for (let turn = 0; turn < 3; turn++) other.planner.answered(bought('b', 'telegram', clock.now()), granted);
    await other.refresh();
    await Promise.all([one.refresh(), restarted.refresh()]);
    assert.deepEqual([one, other, restarted].map(circuit), ['closed', 'closed', 'closed']);
  });

  it('of two that change one circuit at once, one is first and both agree', async () => {
    const clock = testClock();
    const [one, other] = [replica(clock), replica(clock)];
    await Promise.all([one.refresh(), other.refresh()]);
    for (const { planner } of [one, other])
      for (let turn = 0; turn < 5; turn++) planner.answered(bought('a', 'telegram', clock.now()), lost);
    await Promise.all([one.refresh(), other.refresh()]);
    clock.advance(secondMs);
    await Promise.all([one.refresh(), other.refresh()]);
    assert.deepEqual(one.planner.state('a'), other.planner.state('a'));
    assert.deepEqual([one.planner.changedCircuits(), other.planner.changedCircuits()], [[], []]);
    assert.equal(one.planner.state('a').circuit.state, 'open');
  });

  it('who is paused is asked by no replica, and by all again when that is over', async () => {
    const [one, other] = [replica(), replica()];
    await one.routes.pause('b', { at: one.clock.now(), by: 'user:operator', note: 'maintenance there' });
    await Promise.all([one.refresh(), other.refresh()]);
    for (const { planner } of [one, other]) assert.ok(!planner.decide({ id: newId(), offer, excluded: ['a'] }).order.includes('b'));
    await other.routes.pause('b', undefined);
    await Promise.all([one.refresh(), other.refresh()]);
    for (const { planner } of [one, other]) assert.deepEqual(planner.decide({ id: newId(), offer, excluded: ['a'] }).order, ['b']);
  });

  it('who is switched off by policy is asked by nobody either', async () => {
    const one = replica();
    const order = () => one.planner.decide({ id: newId(), offer, excluded: ['a'] }).order;
    const id = newId();
    await db.query(
      `insert into policy_switches (scope, target, id, reason, set_by, set_at) values ('provider', 'b', $1, 'abuse', 'user:operator', now())`,
      [id],
    );
    await one.refresh();
    assert.deepEqual(order(), []);
    await db.query('delete from policy_switches where id = $1', [id]);
    await one.refresh();
    assert.deepEqual(order(), ['b']);
  });
});
