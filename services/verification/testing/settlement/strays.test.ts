/** What a provider has as active and we do not, or not any more: over the real database and a provider in memory. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, it } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { addMs, dayMs, hourMs, minuteMs } from '#platform/time/index.ts';
import { createSettlementStore } from '../../adapters/postgres/settlement/store.ts';
import { createStrayStore } from '../../adapters/postgres/settlement/strays.ts';
import { cancelVerification } from '../../app/cancel-verification.ts';
import { createVerification } from '../../app/create-verification.ts';
import type { StrayPorts } from '../../app/settlement/ports.ts';
import { recoupDue } from '../../app/settlement/recoup-due.ts';
import { sweepActive } from '../../app/settlement/sweep-active.ts';
import { claimTiming } from '../../domain/settlement/claim.ts';
import { sweepTiming } from '../../domain/settlement/stray.ts';
import { type Harness, openHarness, testCatalogue } from '../harness.ts';

let h: Harness;
let measures: string[];
let ports: StrayPorts;

before(async () => void (h = await openHarness()));
after(() => h?.close());
beforeEach(async () => {
  // Nothing of the test before is left, here or there.
  await h.db.query(`with a as (delete from provider_settlements), b as (delete from number_returns), c as (delete from provider_states)
    update verifications set state = 'failed', activation_id = null, due_at = null`);
  for (const row of h.provider.rented) row.state = 'finished';
  h.provider.heal();
  h.provider.namesOrders = false;
  h.clock.advance(hourMs);
  measures = [];
  ports = {
    strays: createStrayStore(h.db),
    providers: [h.provider.name],
    named: h.ports.providers.named,
    observer: {
      stray: (_provider, activationId, measure) => void measures.push(`${measure} ${activationId}`),
      unreadable: () => {},
      failedSweep: (_provider, error) => assert.fail(String(error)),
    },
    ...{ clock: h.clock, timing: sweepTiming },
  };
});

const sweep = (of: Partial<StrayPorts> = {}) => sweepActive({ ...ports, ...of })({ leaseMs: minuteMs });
const sweepAfter = (ms: number) => {
  h.clock.advance(ms);
  return sweep();
};
const recoup = () =>
  recoupDue({
    ...{ settlements: createSettlementStore(h.db), providers: h.ports.providers, clock: h.clock, timing: claimTiming },
    observer: { settled: () => {}, open: () => {}, failedStep: (_claim, error) => assert.fail(String(error)) },
  })({ limit: 100, leaseMs: minuteMs });
const claims = () =>
  h.db.query<{ activation_id: string; state: string; origin: string; cost_micros: bigint }>(
    'select activation_id, state, origin, cost_micros from provider_settlements order by activation_id',
  );
/** Bought there, and nobody here knows. */
const stray = async (orderId = `foreign-${newId()}`) => {
  const [service, country] = [testCatalogue.service('telegram') ?? assert.fail(), testCatalogue.country('ID') ?? assert.fail()];
  await h.provider.acquire({ orderId, service, country, maxPrice: { currency: 'USD', micros: 900_000n } });
  return h.provider.rented.at(-1) ?? assert.fail();
};
const buy = () => createVerification(h.ports)(h.request({ idempotencyKey: newId(), tenantId: newId() }));

it('a number that nobody knows is claimed at the second look, cancelled there, and its money counted', async () => {
  const lost = await stray();
  assert.equal(await sweep(), 0, 'once is no proof');
  assert.equal(await sweepAfter(minuteMs), 0, 'not due yet');
  assert.equal(await sweepAfter(2 * minuteMs), 1);
  assert.deepEqual(measures, [`claim ${lost.id}`]);
  await recoup();
  assert.equal(lost.state, 'cancelled');
  assert.deepEqual(
    (await claims()).map((row) => ({ ...row })),
    [{ activation_id: lost.id, state: 'refunded', origin: 'stray', cost_micros: 200_000n }],
  );
  for (let turn = 0; turn < 3; turn++) assert.equal(await sweepAfter(3 * minuteMs), 0);
});

it('one with a code is money that is lost: leakage', async () => {
  const lost = await stray();
  h.provider.deliver(lost.id, 'Telegram code 1', '1');
  for (let turn = 0; turn < 3; turn++) await sweepAfter(3 * minuteMs);
  await recoup();
  assert.deepEqual(
    (await claims()).map(({ state }) => state),
    ['lost'],
  );
  assert.equal(measures.length, 1, 'and it is claimed once');
});

it('what is ours and runs, what is bought at this moment, and what is on its way back is left alone', async () => {
  const { id } = await buy();
  await sweepAfter(3 * minuteMs);
  await sweepAfter(3 * minuteMs);
  assert.deepEqual(measures, []);
  const running = h.provider.rented.find(({ orderId }) => orderId === id) ?? assert.fail();
  assert.equal(running.state, 'waiting');
  const returning = await stray();
  await h.db.query(
    `insert into number_returns (provider, activation_id, verification_id, tenant_id, due_at, give_up_at) values ($1, $2, $3, $3, $4, $4)`,
    [h.provider.name, returning.id, id, addMs(h.clock.now(), dayMs)],
  );
  await sweepAfter(3 * minuteMs);
  await sweepAfter(3 * minuteMs);
  assert.deepEqual(measures, []);
});

it('a lost purchase that may still find it keeps it, whatever the provider’s clock says; given up, the number is claimed', async () => {
  h.provider.namesOrders = true;
  h.provider.spoil('acquire', 'after');
  h.provider.spoil('listActive', 'before');
  const { id } = await buy();
  assert.equal((await h.db.query<{ state: string }>('select state from verifications where id = $1', [id]))[0]?.state, 'unknown');
  const rented = h.provider.rented.at(-1) ?? assert.fail();
  for (let turn = 0; turn < 4; turn++) await sweepAfter(3 * minuteMs);
  assert.deepEqual([measures, rented.state], [[], 'waiting']);
  h.provider.namesOrders = false;
  for (let turn = 0; turn < 2; turn++) await sweepAfter(3 * minuteMs);
  assert.deepEqual(measures, [], 'nor without its name: it is of the same service and country');
  await h.db.query(`update verifications set state = 'failed', due_at = null where id = $1`, [id]);
  await sweepAfter(3 * minuteMs);
  assert.deepEqual(measures, [`claim ${rented.id}`]);
});

it('a number that names an order of somebody else is not ours to cancel', async () => {
  h.provider.namesOrders = true;
  for (const orderId of ['their-order', newId()]) await stray(orderId);
  for (let turn = 0; turn < 3; turn++) await sweepAfter(3 * minuteMs);
  assert.deepEqual(measures, []);
});

it('one that ended here with its code is finished there; one whose claim was settled wrongly is claimed again, a few times', async () => {
  const done = await buy();
  const received = h.provider.rented.at(-1) ?? assert.fail();
  h.provider.deliver(received.id, 'Telegram code 48151', '48151');
  h.provider.spoil('finish', 'before');
  for (let turn = 0; turn < 3; turn++) await h.pass(minuteMs);
  const [row] = await h.db.query<{ state: string }>('select state from verifications where id = $1', [done.id]);
  assert.equal(row?.state, 'completed');
  received.state = 'received';
  await sweepAfter(5 * minuteMs);
  assert.deepEqual([measures, received.state], [[`finish ${received.id}`], 'finished']);

  const request = h.request({ idempotencyKey: newId(), tenantId: newId() });
  const { id } = await createVerification(h.ports)(request);
  const ended = h.provider.rented.at(-1) ?? assert.fail();
  await cancelVerification(h.ports)({ tenantId: request.tenantId, id });
  h.clock.advance(minuteMs);
  await recoup();
  assert.deepEqual(
    (await claims()).filter(({ activation_id }) => activation_id === ended.id).map(({ state }) => state),
    ['refunded'],
  );
  measures = [];
  for (let turn = 0; turn < 6; turn++) {
    ended.state = 'waiting';
    await sweepAfter(4 * minuteMs);
    await recoup();
    if (turn < 3) assert.equal(ended.state, 'cancelled');
  }
  assert.deepEqual(
    measures,
    Array.from({ length: 3 }, () => `reopen ${ended.id}`),
  );
});

it('of two replicas one compares at a time, and a list that cannot be read proves nothing', async () => {
  const lost = await stray();
  await Promise.all([sweep(), sweep()]);
  assert.equal(h.provider.calls.listActive > 0, true);
  const before = h.provider.calls.listActive;
  h.clock.advance(3 * minuteMs);
  await Promise.all([sweep(), sweep(), sweep()]);
  assert.equal(h.provider.calls.listActive - before, 1);
  assert.deepEqual(measures, [`claim ${lost.id}`]);
  const other = await stray();
  await sweepAfter(3 * minuteMs);
  h.provider.spoil('listActive', 'before');
  assert.equal(await sweepAfter(3 * minuteMs), 0);
  assert.equal(await sweepAfter(3 * minuteMs), 1);
  assert.equal(measures.at(-1), `claim ${other.id}`);
});
