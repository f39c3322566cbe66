/** The provider's side: claims until a fact settles them, over the real database and a provider that lies in every way it can. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, it } from 'node:test';
import fc from 'fast-check';
import { isAppError } from '#platform/errors/index.ts';
import { addMs, dayMs, hourMs, minuteMs, secondMs } from '#platform/time/index.ts';
import { createSettlementStore } from '../../adapters/postgres/settlement/store.ts';
import { cancelVerification } from '../../app/cancel-verification.ts';
import { createVerification } from '../../app/create-verification.ts';
import type { SettlementPorts } from '../../app/settlement/ports.ts';
import { recoupDue } from '../../app/settlement/recoup-due.ts';
import { reportLeakage } from '../../app/settlement/report-leakage.ts';
import { claimTiming } from '../../domain/settlement/claim.ts';
import { openHarness, type Harness } from '../harness.ts';

let here: Harness;
let settled: string[];
let failed: unknown[];
let ports: SettlementPorts;

before(async () => {
  here = await openHarness();
});
after(() => here?.close());
beforeEach(async () => {
  await here.db.query('delete from provider_settlements');
  here.provider.heal();
  here.provider.earlyCancelMs = 0;
  settled = [];
  failed = [];
  ports = {
    settlements: createSettlementStore(here.db),
    providers: here.ports.providers,
    observer: {
      settled: (_claim, kind, evidence) => void settled.push(`${kind} ${evidence}`),
      open: () => {},
      failedStep: (_claim, error) => void failed.push(error),
    },
    clock: here.clock,
    timing: claimTiming,
  };
});

const buy = async () => {
  const view = await createVerification(here.ports)(here.request());
  return { id: view.id, tenantId: await tenantOf(view.id), activation: here.provider.rented.at(-1)! };
};
const tenantOf = async (id: string): Promise<string> =>
  (await here.db.query<{ tenant_id: string }>('select tenant_id from verifications where id = $1', [id]))[0]!.tenant_id;
const cancelled = async () => {
  const bought = await buy();
  await cancelVerification(here.ports)(bought);
  return bought;
};
const recoup = async (ms: number): Promise<void> => {
  here.clock.advance(ms);
  for (let turn = 0; turn < 20; turn++) if ((await recoupDue(ports)({ limit: 100, leaseMs: minuteMs })) === 0) return;
};
const stateOf = async (id: string) =>
  (
    await here.db.query<{ state: string; evidence: string | null; attempts: number; cost_micros: bigint }>(
      'select state, evidence, attempts, cost_micros from provider_settlements where verification_id = $1',
      [id],
    )
  )[0];

it('a code is rightly owed, and nobody asks for its money back', async () => {
  const { id, activation } = await buy();
  here.provider.deliver(activation.id, 'Telegram code 48151', '48151');
  await here.pass(minuteMs);
  await here.pass(minuteMs);
  const asked = here.provider.calls.status;
  await recoup(hourMs);
  assert.deepEqual({ ...(await stateOf(id)) }, { state: 'charged', evidence: null, attempts: 0, cost_micros: 200_000n });
  assert.equal(here.provider.calls.status, asked);
});
it('a cancelled number is claimed, and what the provider says about it settles that, once', async () => {
  const { id } = await cancelled();
  assert.equal((await stateOf(id))?.state, 'claimed');
  await recoup(minuteMs);
  assert.deepEqual([(await stateOf(id))?.state, settled], ['refunded', ['refunded provider_cancelled']]);
  await recoup(dayMs);
  assert.equal(settled.length, 1);
});
it('what was given back to the customer without the provider is cancelled there until it is confirmed', async () => {
  const { id, activation } = await cancelled();
  activation.state = 'waiting';
  here.provider.spoil('cancel', 'before');
  await recoup(minuteMs);
  assert.equal((await stateOf(id))?.state, 'claimed', 'no answer is no confirmation');
  await recoup(2 * minuteMs);
  assert.deepEqual([(await stateOf(id))?.state, activation.state, settled], ['refunded', 'cancelled', ['refunded cancel_confirmed']]);
});
it('a cancellation whose answer was lost is recognised and not asked for again', async () => {
  const { activation } = await cancelled();
  activation.state = 'waiting';
  here.provider.spoil('cancel', 'after');
  const before = here.provider.calls.cancel;
  await recoup(minuteMs);
  await recoup(2 * minuteMs);
  assert.deepEqual([settled, here.provider.calls.cancel - before], [['refunded provider_cancelled'], 1]);
});
it('a provider that has a code which the customer never got keeps the money: that is leakage', async () => {
  const { id, activation } = await cancelled();
  activation.message = { text: 'Telegram code 1', code: '1', sender: '', receivedAt: here.clock.now() };
  activation.state = 'received';
  await recoup(minuteMs);
  assert.deepEqual([(await stateOf(id))?.state, settled], ['lost', ['lost code_at_provider']]);
});
it('one that never answers is asked less and less often for a day; then the money is gone', async () => {
  const { id } = await cancelled();
  const silent = { ...here.provider, status: async () => ({ kind: 'unknown', detail: 'silent' }) as const };
  ports = { ...ports, providers: { named: () => silent } };
  for (let minute = 0; minute < 23 * 60; minute += 10) await recoup(10 * minuteMs);
  const { state, attempts } = (await stateOf(id))!;
  assert.equal(state, 'claimed');
  assert.ok(attempts > 20 && attempts < 40, `${attempts} questions`);
  await recoup(2 * hourMs);
  assert.deepEqual([(await stateOf(id))?.state, settled], ['lost', ['lost unconfirmed']]);
});
it('one that is not configured any more costs no error a minute, and is given up in time', async () => {
  const { id } = await cancelled();
  ports = {
    ...ports,
    providers: {
      named: (name) => {
        throw new Error(`no ${name}`);
      },
    },
  };
  await recoup(minuteMs);
  await recoup(dayMs);
  assert.deepEqual([(await stateOf(id))?.state, failed], ['lost', []]);
});
it('an early cancellation is asked for again when the provider says', async () => {
  const { activation } = await cancelled();
  activation.state = 'waiting';
  here.provider.earlyCancelMs = 5 * minuteMs;
  await recoup(minuteMs);
  assert.equal(settled.length, 0);
  await recoup(10 * minuteMs);
  assert.deepEqual(settled, ['refunded cancel_confirmed']);
});
it('two workers ask about a claim once, and one that died leaves it to the other after its lease', async () => {
  await Promise.all(Array.from({ length: 10 }, cancelled));
  here.clock.advance(minuteMs);
  const now = here.clock.now();
  const until = addMs(now, minuteMs);
  const [one, two] = await Promise.all([ports.settlements.claimDue(now, until, 6), ports.settlements.claimDue(now, until, 6)]);
  const all = [...one, ...two].map(({ verificationId }) => verificationId);
  assert.deepEqual([all.length, new Set(all).size], [10, 10]);
  assert.equal((await ports.settlements.claimDue(addMs(until, -secondMs), until, 10)).length, 0);
  await recoup(2 * minuteMs);
  assert.equal(settled.length, 10);
});
it('the report adds up by provider, service and day, and refuses what is no period', async () => {
  const good = await cancelled();
  const bad = await cancelled();
  bad.activation.message = { text: 'x 123456', code: '123456', sender: '', receivedAt: here.clock.now() };
  bad.activation.state = 'received';
  const { activation } = await buy();
  here.provider.deliver(activation.id, 'Telegram code 48151', '48151');
  await here.pass(secondMs);
  await here.pass(minuteMs);
  await recoup(secondMs);
  assert.equal((await stateOf(good.id))?.state, 'refunded');
  const day = here.clock.now().toISOString().slice(0, 10);
  const report = reportLeakage(ports);
  const ask = (groupBy: string[], over: object = {}) => report({ from: day, to: day, groupBy, provider: '', service: '', ...over });
  const [row, ...others] = await ask([]);
  assert.equal(others.length, 0);
  assert.deepEqual(
    [
      row?.provider,
      row?.service,
      row?.day,
      row?.activations,
      row?.lostActivations,
      row?.charged.micros,
      row?.refunded.micros,
      row?.lost.micros,
      row?.claimed.micros,
    ],
    ['handler-api', '', '', 3, 1, 200_000n, 200_000n, 200_000n, 0n],
  );
  assert.deepEqual(
    (await ask(['service', 'day'])).map(({ service, provider, day: on }) => [service, provider, on]),
    [['telegram', '', day]],
  );
  assert.deepEqual(await ask([], { provider: 'nobody' }), []);
  for (const [over, field] of [
    [{ from: '2026-02-30' }, 'from'],
    [{ to: '2020-01-01' }, 'to'],
    [{ from: '2020-01-01' }, 'to'],
    [{ groupBy: ['tenant'] }, 'groupBy'],
  ] as const)
    await assert.rejects(ask([], over), (error) => isAppError(error, 'request.invalid') && error.fields?.[0]?.field === field);
});
it('whatever the provider does and whoever dies: every ended activation has one settlement, and the sums are those of the activations', async () => {
  const fate = fc.record({
    code: fc.boolean(),
    cancel: fc.boolean(),
    revived: fc.boolean(),
    spoilt: fc.array(fc.constantFrom<'before' | 'after'>('before', 'after'), { maxLength: 2 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(fate, { minLength: 1, maxLength: 6 }), async (fates) => {
      await here.db.query('delete from provider_settlements');
      here.provider.heal();
      const codes = new Map<string, boolean>();
      for (const { code, cancel, revived, spoilt } of fates) {
        const one = await buy();
        codes.set(one.id, code);
        if (code) here.provider.deliver(one.activation.id, 'Telegram code 48151', '48151');
        else if (cancel) await cancelVerification(here.ports)(one);
        if (!code && cancel && revived) one.activation.state = 'waiting';
        for (const how of spoilt) {
          here.provider.spoil('status', how);
          here.provider.spoil('cancel', how);
        }
      }
      for (let turn = 0; turn < 8; turn++) await here.pass(10 * minuteMs);
      await Promise.all([recoup(hourMs), recoup(0)]);
      for (let turn = 0; turn < 4; turn++) await recoup(hourMs);
      const rows = await here.db.query<{ verification_id: string; state: string; of_customer: string }>(
        `select s.verification_id, s.state, v.state as of_customer from provider_settlements s join verifications v on v.id = s.verification_id`,
      );
      assert.deepEqual(rows.map(({ verification_id }) => verification_id).toSorted(), [...codes.keys()].toSorted());
      // A provider that was silent for too long has a code that came too late for the customer: that, and only that, is lost.
      for (const { verification_id: id, state, of_customer } of rows)
        assert.equal(state, of_customer === 'completed' ? 'charged' : codes.get(id) === true ? 'lost' : 'refunded');
    }),
    { numRuns: 15, interruptAfterTimeLimit: 40_000 },
  );
});
