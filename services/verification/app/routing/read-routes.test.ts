import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { secondMs } from '#platform/time/index.ts';
import { createRouteStore } from '../../adapters/postgres/routing/store.ts';
import { wilson } from '../../domain/routing/wilson.ts';
import { type Harness, openHarness, testHalfLifeMs } from '../../testing/harness.ts';
import { createVerification } from '../create-verification.ts';
import { recentDay } from '../market/recent-day.ts';
import { getRoute } from './get-route.ts';
import { listRoutes } from './list-routes.ts';
import { listServiceStatus } from './list-service-status.ts';
import { pauseProvider } from './pause-provider.ts';
import { refreshRoutes } from './refresh-routes.ts';
import { routeCodes } from './route-codes.ts';
import { wishedProviders } from './route-wishes.ts';

const isMissing = (error: unknown): boolean => isAppError(error) && error.code === 'request.not_found';

describe('what is shown of routes', () => {
  let h: Harness;
  before(async () => {
    h = await openHarness({ others: ['second'] });
  });
  after(() => h.close());
  const parts = () => {
    const routes = createRouteStore({ db: h.db, halfLifeMs: testHalfLifeMs });
    const { planner, clock } = h;
    return { planner, clock, routes, refresh: refreshRoutes({ planner, routes, clock }) };
  };
  const codes = () =>
    routeCodes(
      h.providers.map(({ name }) => name),
      h.ports.sealer,
    );

  it('a purchase tells its customer who could be asked, and who was, by codes; another tenant is told nothing', async () => {
    const request = h.request();
    const { id } = await createVerification(h.ports)(request);
    const read = getRoute({ store: h.ports.store, codes: codes() });
    const { candidates, attempts } = await read({ tenantId: request.tenantId, id });
    assert.equal(candidates.length, 2);
    assert.deepEqual([attempts.length, attempts[0]?.outcome, attempts[0]?.route], [1, 'granted', candidates[0]?.route]);
    const shown = JSON.stringify({ candidates, attempts });
    for (const { name } of h.providers) assert.ok(!shown.includes(name), name);
    assert.equal(codes().provider(candidates[0]?.route ?? ''), h.providers.find(({ calls }) => calls.acquire > 0)?.name);
    await assert.rejects(read({ tenantId: newId(), id }), isMissing);
  });

  it('wishes are told by codes, decide who is asked, and stand in the trace', async () => {
    for (const provider of h.providers) provider.heal();
    const [wanted = '', unwanted = ''] = h.providers.map(({ name }) => name).toReversed();
    const wishes = { exclude: [codes().of(unwanted)], prefer: [codes().of(wanted)] };
    const request = h.request({ idempotencyKey: newId(), ...wishedProviders(codes(), wishes) });
    const { id } = await createVerification(h.ports)(request);
    const { candidates } = await getRoute({ store: h.ports.store, codes: codes() })({ tenantId: request.tenantId, id });
    assert.deepEqual(
      candidates.map(({ route, verdict }) => [route, verdict]),
      [
        [codes().of(wanted), 'preferred'],
        [codes().of(unwanted), 'excluded'],
      ],
    );
    assert.equal((await createVerification(h.ports)(request)).id, id);
    const otherwise = createVerification(h.ports)({ ...request, preferredProviders: [] });
    await assert.rejects(otherwise, { code: 'request.idempotency_conflict' });
    const nobody = h.request({ idempotencyKey: newId(), excludedProviders: [wanted, unwanted] });
    await assert.rejects(createVerification(h.ports)(nobody), { code: 'verification.not_offered' });
  });

  it('a wish that names no route, one twice over, or too many, is refused with its field', () => {
    const known = codes().of(h.providers[0]?.name ?? '');
    const refused = (exclude: string[], prefer: string[], field: string) =>
      assert.throws(
        () => wishedProviders(codes(), { exclude, prefer }, 'items[2].'),
        (error: unknown) => isAppError(error, 'request.invalid') && error.fields[0]?.field === field,
      );
    refused([known, 'route_0000000000'], [], 'items[2].excludeRoutes[1]');
    refused([], [h.providers[0]?.name ?? ''], 'items[2].preferRoutes[0]');
    refused([known], [known], 'items[2].preferRoutes[0]');
    refused(
      Array.from({ length: 11 }, () => known),
      [],
      'items[2].excludeRoutes',
    );
    assert.deepEqual(wishedProviders(codes(), undefined), { excludedProviders: [], preferredProviders: [] });
  });

  it('a refusal stands before the provider that gave the number', async () => {
    for (const provider of h.providers) provider.heal();
    const request = h.request();
    const [first, last] = h.planner.decide({ id: 'any', offer: offer(), excluded: [] }).order;
    h.providers.find(({ name }) => name === first)?.refuse('no_numbers');
    const ports = { ...h.ports, routes: { ...h.ports.routes, decide: () => ({ order: [first ?? '', last ?? ''], candidates: [] }) } };
    const { id } = await createVerification(ports)(request);
    const { attempts } = await getRoute({ store: h.ports.store, codes: codes() })({ tenantId: request.tenantId, id });
    assert.deepEqual(
      attempts.map(({ route, outcome }) => [route, outcome]),
      [
        [codes().of(first ?? ''), 'no_numbers'],
        [codes().of(last ?? ''), 'granted'],
      ],
    );
  });
  const offer = () => ({
    ...{ service: h.ports.catalogue.service('telegram') ?? assert.fail(), country: h.ports.catalogue.country('ID') ?? assert.fail() },
    ...{ capability: 'sms', operator: '', areaCode: '', chosen: {}, price: { currency: 'USD', micros: 900_000n } },
  });

  it('pages through the status of services and the routes, and computes a day once in a while only', async () => {
    const { planner, clock, routes, refresh } = parts();
    const see = (service: string, codesSeen: number, misses: number): void => {
      const at = clock.now();
      const numbered = { provider: 'second', service, country: 'ID', operator: '', createdAt: at };
      for (let turn = 0; turn < codesSeen; turn++)
        planner.reached({ ...numbered, state: 'received', receivedAt: new Date(at.getTime() + 9 * secondMs) } as never);
      for (let turn = 0; turn < misses; turn++) planner.reached({ ...numbered, state: 'expired' } as never);
    };
    see('signal', 9, 1);
    see('viber', 0, 4);
    await refresh();
    let days = 0;
    const counted = { day: (since: Date) => ((days += 1), routes.day(since)) };
    const status = listServiceStatus({ planner, day: recentDay({ clock, routes: counted }) });
    const all = { service: '', country: '', after: undefined, limit: 100 };
    const [signal] = (await status({ ...all, service: 'signal' })).rows;
    assert.deepEqual([signal?.country, signal?.numbers, signal?.rate?.mean], ['ID', 10, 0.9]);
    assert.deepEqual([signal?.rate?.low, signal?.rate?.high], Object.values(wilson(9, 1)));
    assert.ok(Math.abs((signal?.medianLatencyMs ?? 0) - 9_000) < 2_000);
    const names: string[] = [];
    let position: readonly [string, string] | undefined;
    for (let turn = 0; turn < 20; turn++) {
      const { rows, more } = await status({ ...all, after: position, limit: 1 });
      const [row] = rows;
      if (row) names.push(row.service);
      if (!more || !row) break;
      position = [row.service, row.country];
    }
    assert.deepEqual(
      names,
      (await status(all)).rows.map(({ service }) => service),
    );
    assert.ok(names.includes('viber'));
    assert.equal(days, 1);
    clock.advance(31 * secondMs);
    await status(all);
    assert.equal(days, 2);
    const known = listRoutes({ planner, clock });
    const first = known({ provider: 'second', service: '', country: '', after: undefined, limit: 1 });
    const rest = known({ provider: 'second', service: '', country: '', after: first.rows[0]?.name, limit: 100 });
    assert.deepEqual(
      [...first.rows, ...rest.rows].map(({ service }) => service).filter((name) => name !== 'telegram'),
      ['signal', 'viber'],
    );
  });

  it('an operator pauses and resumes by name; there is nobody of another name', async () => {
    const pause = pauseProvider(parts());
    const { paused } = await pause({ name: 'second', by: 'user:op', note: 'maintenance' });
    assert.deepEqual([paused?.by, paused?.note], ['user:op', 'maintenance']);
    assert.ok(!h.planner.decide({ id: newId(), offer: offer(), excluded: [] }).order.includes('second'));
    assert.equal((await pause({ name: 'second', by: 'user:op', note: undefined })).paused, undefined);
    await assert.rejects(pause({ name: 'nobody', by: 'user:op', note: 'x' }), isMissing);
  });
});
