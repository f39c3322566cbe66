/** What becomes of codes that arrive after the money went back: by plan, within a window, never when the number is somebody else's. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import { newId } from '#platform/ids/index.ts';
import { minuteMs, secondMs } from '#platform/time/index.ts';
import { loadPolicies } from '../../adapters/policies/load.ts';
import { outboxRowOf } from '../../adapters/nats/events.ts';
import { createLateStore } from '../../adapters/postgres/late/store.ts';
import { postgresTexts } from '../../adapters/postgres/retention/texts.ts';
import { createSettlementStore } from '../../adapters/postgres/settlement/store.ts';
import { snapshotReader } from '../../adapters/postgres/live/reader.ts';
import { cancelVerification } from '../../app/cancel-verification.ts';
import { createVerification } from '../../app/create-verification.ts';
import { getVerification } from '../../app/get-verification.ts';
import { listChanges } from '../../app/history/list-changes.ts';
import { listMessages } from '../../app/history/list-messages.ts';
import type { LateOutcome, LatePorts } from '../../app/late/ports.ts';
import { workLateCodes } from '../../app/late/work-late-codes.ts';
import { getVerifications } from '../../app/live/get-verifications.ts';
import { numberHash } from '../../app/policy/hash-number.ts';
import { receivePush } from '../../app/receive-push.ts';
import { recoupDue } from '../../app/settlement/recoup-due.ts';
import { decideLateCode } from '../../domain/late/late-code.ts';
import { lateCodePolicies, type Policies } from '../../domain/policies.ts';
import { claimTiming } from '../../domain/settlement/claim.ts';
import { states } from '../../domain/state.ts';
import { type Harness, openHarness } from '../harness.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_000);
const policies: Policies = {
  ...loadPolicies(new URL('../../data/policies.json', import.meta.url)),
  lateCodes: { windowMinutes: 60, retryMinutes: 2 },
  plans: {
    starter: { lateCode: 'hide', retentionDays: 30 },
    pro: { lateCode: 'show', retentionDays: 90 },
    enterprise: { lateCode: 'charge', retentionDays: 365 },
  },
};

describe('a late code', () => {
  let h: Harness;
  let late: LatePorts;
  let outcomes: LateOutcome[];
  before(async () => {
    h = await openHarness();
    const now = () => h.clock.now();
    late = {
      ...h.ports,
      policies,
      lateCodes: createLateStore({ db: h.db, hashNumber: numberHash(h.ports.sealer), outboxRowOf: outboxRowOf(now), now }),
      observer: { decided: (_, outcome) => void outcomes.push(outcome), failedStep: (_, error) => void h.failedSteps.push(error) },
    };
  });
  after(() => h.close());
  beforeEach(() => {
    outcomes = [];
    h.clock.advance(120 * minuteMs);
    h.ledger.balanceMicros = 1_000_000_000n;
    h.failedSteps.length = 0;
  });

  const work = (ports = late) => workLateCodes(ports)({ limit: 50, leaseMs: 45_000 });
  /** A cancelled activation of a tenant on this plan. */
  const cancelled = async (plan: string) => {
    const tenantId = newId();
    await postgresTexts(h.db).setPlan(tenantId, plan, h.clock.now());
    const bought = await createVerification(h.ports)(h.request({ tenantId }));
    const found = (await h.ports.store.find(tenantId, bought.id)) ?? assert.fail();
    await cancelVerification(h.ports)({ tenantId, id: bought.id });
    const activationId = found.activationId ?? assert.fail();
    return {
      ...{ tenantId, id: bought.id, activationId, price: found.priceMicros, phoneNumber: found.phoneNumber ?? '' },
      push: (text = 'Telegram code: 77771', code = '77771') => receivePush(h.ports)(h.push(activationId, text, code)),
      view: () => getVerification(h.ports)({ tenantId, id: bought.id }),
      holds: () => [...h.ledger.holds.keys()].filter((key) => key.startsWith(`${bought.id}:late:`)),
      settlement: async () =>
        (
          await h.db.query<{ state: string; evidence: string | null }>(
            'select state, evidence from provider_settlements where verification_id = $1',
            [bought.id],
          )
        )[0],
    };
  };
  const recoup = () => {
    const settlements = createSettlementStore(h.db);
    const observer = { settled: () => {}, open: () => {}, failedStep: () => {} };
    return recoupDue({ settlements, providers: h.ports.providers, observer, clock: h.clock, timing: claimTiming })({
      limit: 500,
      leaseMs: 1_000,
    });
  };

  it('is hidden where the plan says so, and kept as evidence', async () => {
    const one = await cancelled('starter');
    await one.push();
    await work();
    const view = await one.view();
    assert.deepEqual([view.status, view.code, view.messages.length, view.late], ['cancelled', '', 0, false]);
    assert.deepEqual(outcomes, ['policy']);
    assert.deepEqual(await h.events(one.id), ['purchased', 'cancelled']);
    assert.equal((await h.db.query('select 1 from messages where verification_id = $1 and hidden', [one.id])).length, 1);
  });

  it('is hidden for a tenant whose plan nobody knows, as on the smallest', async () => {
    const one = await cancelled('starter');
    await h.db.query('delete from tenant_plans where tenant_id = $1', [one.tenantId]);
    await one.push();
    await work();
    assert.deepEqual(outcomes, ['policy']);
  });

  it('is shown where the plan says so: everywhere, marked late, told once, and the status stays', async () => {
    const one = await cancelled('pro');
    h.clock.advance(45 * secondMs);
    await one.push();
    const before = await one.view();
    await work();
    const view = await one.view();
    assert.deepEqual([view.status, view.code, view.late, view.version], ['cancelled', '77771', true, before.version + 1]);
    assert.deepEqual(
      view.messages.map(({ text, code }) => [text, code]),
      [['Telegram code: 77771', '77771']],
    );
    assert.deepEqual(await listMessages(h.ports)(one), view.messages);
    const [live] = await getVerifications({ reader: snapshotReader(h.db), ...h.ports })({
      tenantId: one.tenantId,
      ids: [one.id],
    });
    assert.deepEqual(live, view);
    assert.deepEqual(await h.events(one.id), ['purchased', 'cancelled', 'late-code-received']);
    const payload = (await h.payloads(one.id)).at(-1);
    assert.deepEqual([payload?.['holdId'] ?? '', payload?.['lateByMs'], payload?.['position']], ['', '45000', 1]);
    assert.ok(!JSON.stringify(payload).includes('77771'));
    assert.equal((await listChanges(h.ports)(one)).at(-1)?.kind, 'late_code_received');
    assert.deepEqual([outcomes, one.holds()], [['shown'], []]);
  });

  it('that is pushed again, before and after it was decided, is one message and one event', async () => {
    const one = await cancelled('pro');
    await Promise.all([one.push(), one.push(), one.push()]);
    await work();
    await one.push();
    await work();
    assert.equal((await one.view()).messages.length, 1);
    assert.equal((await h.events(one.id)).length, 3);
  });

  it('is charged anew where the plan says so, once, by the price of the purchase', async () => {
    const one = await cancelled('enterprise');
    const balance = h.ledger.balanceMicros;
    await one.push();
    await Promise.all([work(), work()]);
    await work();
    assert.equal(h.ledger.balanceMicros, balance - one.price);
    const payload = (await h.payloads(one.id)).at(-1);
    assert.equal(payload?.['holdId'], h.ledger.holds.get(one.holds()[0] ?? '')?.holdId);
    assert.deepEqual([(await one.view()).code, one.holds().length, outcomes], ['77771', 1, ['charged']]);
    // What nobody asked for is free, as with codes in time.
    await one.push('Telegram code: 88881', '88881');
    await work();
    assert.deepEqual([(await one.view()).code, one.holds().length, outcomes], ['88881', 1, ['charged', 'shown']]);
  });

  it('whose worker dies after the hold is charged by the next one from the same hold', async () => {
    const one = await cancelled('enterprise');
    await one.push();
    await work({ ...late, lateCodes: { ...late.lateCodes, show: () => Promise.reject(new Error('killed')) } });
    assert.deepEqual([(await one.view()).code, one.holds().length], ['', 1]);
    h.clock.advance(46 * secondMs);
    await work();
    assert.deepEqual([(await one.view()).code, one.holds().length, outcomes], ['77771', 1, ['charged']]);
  });

  for (const how of ['before', 'after'] as const)
    it(`whose hold has no answer (lost ${how} it was placed) is asked for again under its key`, async () => {
      const one = await cancelled('enterprise');
      await one.push();
      h.ledger.spoil(how);
      await work();
      assert.equal((await one.view()).code, '');
      h.clock.advance(3 * minuteMs);
      await work();
      assert.deepEqual([(await one.view()).code, one.holds().length], ['77771', 1]);
    });

  const holdOf = async (id: string) => (await h.db.query('select state, hold, due_at from late_codes where verification_id = $1', [id]))[0];
  const killed = () => ({ ...late, lateCodes: { ...late.lateCodes, show: () => Promise.reject(new Error('killed')) } });

  for (const lost of ['nothing', 'before', 'after'] as const)
    it(`that is hidden after its hold was placed costs nothing any more (lost: ${lost})`, async () => {
      const [one, balance] = [await cancelled('enterprise'), h.ledger.balanceMicros];
      await one.push();
      await work(killed());
      assert.equal(h.ledger.balanceMicros, balance - one.price);
      await h.db.query('update verifications set frozen_at = now() where id = $1', [one.id]);
      h.clock.advance(46 * secondMs);
      await work();
      assert.deepEqual(outcomes, ['frozen']);
      if (lost === 'nothing') await Promise.all([work(), work()]);
      else {
        const pending = {
          ...late,
          ledger: { ...h.ledger, giveBack: (tenantId: string, id: string) => (h.ledger.spoil(lost), h.ledger.giveBack(tenantId, id)) },
        };
        await work(pending);
        assert.deepEqual((await holdOf(one.id))?.['hold'], 'unneeded');
        h.clock.advance(2 * minuteMs);
        await work();
      }
      assert.equal(h.ledger.balanceMicros, balance);
      assert.deepEqual(await holdOf(one.id), { state: 'hidden', hold: 'none', due_at: null });
      assert.deepEqual([one.holds().length, (await one.view()).code, outcomes], [1, '', ['frozen']]);
      const calls = h.ledger.calls;
      await work();
      assert.equal(h.ledger.calls, calls);
    });

  it('whose hold had no answer, and whose window is over since, costs nothing any more', async () => {
    const [one, balance] = [await cancelled('enterprise'), h.ledger.balanceMicros];
    h.clock.advance(59 * minuteMs);
    await one.push();
    h.ledger.spoil('after');
    await work();
    assert.deepEqual([outcomes, h.ledger.balanceMicros], [['not_paid'], balance - one.price]);
    await work();
    assert.deepEqual([h.ledger.balanceMicros, (await holdOf(one.id))?.['hold']], [balance, 'none']);
  });

  it('that is free after all, since another one was paid for meanwhile, gives its hold back and is shown', async () => {
    const [one, balance] = [await cancelled('enterprise'), h.ledger.balanceMicros];
    await one.push();
    h.ledger.spoil('after');
    await work();
    await one.push('Telegram code: 88881', '88881');
    await work();
    assert.deepEqual([outcomes, h.ledger.balanceMicros], [['charged'], balance - 2n * one.price]);
    h.clock.advance(3 * minuteMs);
    await work();
    await work();
    assert.deepEqual([outcomes, h.ledger.balanceMicros], [['charged', 'shown'], balance - one.price]);
    assert.deepEqual((await one.view()).messages.map(({ code }) => code).toSorted(), ['77771', '88881']);
    const states = await h.db.query('select state, hold from late_codes where verification_id = $1 order by state', [one.id]);
    assert.deepEqual(states, [
      { state: 'charged', hold: 'none' },
      { state: 'shown', hold: 'none' },
    ]);
  });

  it('whose hold can be given back by nobody is left to its expiry', async () => {
    const one = await cancelled('enterprise');
    await one.push();
    await work(killed());
    await h.db.query('update verifications set frozen_at = now() where id = $1', [one.id]);
    h.clock.advance(46 * secondMs);
    await work({ ...late, ledger: { ...h.ledger, giveBack: () => Promise.resolve(false) } });
    h.clock.advance(119 * minuteMs);
    const away = { ...late, ledger: { ...h.ledger, placeHold: () => assert.fail('asked'), giveBack: () => assert.fail('asked') } };
    h.clock.advance(2 * minuteMs);
    await work(away);
    assert.deepEqual(await holdOf(one.id), { state: 'hidden', hold: 'none', due_at: null });
  });

  it('that was refused has no hold to give back', async () => {
    const one = await cancelled('enterprise');
    h.clock.advance(59 * minuteMs);
    h.ledger.balanceMicros = 0n;
    await one.push();
    await work();
    assert.deepEqual([outcomes, await holdOf(one.id)], [['not_paid'], { state: 'hidden', hold: 'none', due_at: null }]);
  });

  it('that cannot be paid for stays hidden; who tops up within the window gets it, who does not never does', async () => {
    const [one, two] = [await cancelled('enterprise'), await cancelled('enterprise')];
    h.ledger.balanceMicros = 0n;
    await one.push();
    await work();
    assert.deepEqual([(await one.view()).code, outcomes], ['', []]);
    h.ledger.balanceMicros = one.price;
    h.clock.advance(3 * minuteMs);
    await work();
    assert.deepEqual([(await one.view()).code, outcomes], ['77771', ['charged']]);
    await two.push();
    for (let turn = 0; turn < 12; turn++) {
      await work();
      h.clock.advance(10 * minuteMs);
    }
    h.ledger.balanceMicros = 1_000_000_000n;
    await work();
    assert.deepEqual([(await two.view()).code, outcomes], ['', ['charged', 'not_paid']]);
  });

  it('is never shown when the number has been rented to somebody else since, for any service', async () => {
    const one = await cancelled('pro');
    h.clock.advance(secondMs);
    const other = { id: newId(), tenantId: newId(), service: 'whatsapp', createdAt: h.clock.now() };
    assert.equal(await h.ports.numbers.lease(other, one.phoneNumber), 'leased');
    await one.push();
    await work();
    assert.deepEqual([(await one.view()).code, outcomes], ['', ['leased_again']]);
  });

  it('is never shown when the number is rented for longer since', async () => {
    const one = await cancelled('pro');
    await h.db.query(
      `insert into rentals (id, tenant_id, state, version, service, country, provider, provider_rental_id, phone_number, hours, auto_renew, created_at, ends_at, attempts)
       values ($1, $2, 'active', 1, 'telegram', 'ID', 'handler-api', $3, $4, 24, false, $5, $6, 0)`,
      [newId(), newId(), newId(), one.phoneNumber, h.clock.now(), new Date(h.clock.now().getTime() + 60 * minuteMs)],
    );
    await one.push();
    await work();
    assert.deepEqual([(await one.view()).code, outcomes], ['', ['leased_again']]);
  });

  it('is hidden after its window, and on an activation that is frozen', async () => {
    const [one, two] = [await cancelled('pro'), await cancelled('pro')];
    await two.push();
    await h.db.query('update verifications set frozen_at = now() where id = $1', [two.id]);
    await work();
    assert.deepEqual(outcomes, ['frozen']);
    h.clock.advance(61 * minuteMs);
    await one.push();
    await work();
    assert.deepEqual([(await one.view()).code, (await two.view()).code, outcomes], ['', '', ['frozen', 'window_over']]);
  });

  it('from before the lease is no late code at all', async () => {
    const one = await cancelled('pro');
    const { body, ...push } = h.push(one.activationId, 'Telegram code: 12121', '12121');
    const old = {
      ...(JSON.parse(Buffer.from(body).toString()) as object),
      receivedAt: new Date(h.clock.now().getTime() - 3_600_000).toISOString(),
    };
    await receivePush(h.ports)({ ...push, body: Buffer.from(JSON.stringify(old)) });
    await work();
    assert.deepEqual([(await one.view()).code, outcomes], ['', []]);
  });

  it("of a frozen activation, or by another one's worker, is decided once", async () => {
    const one = await cancelled('pro');
    await one.push();
    const [claimed] = await late.lateCodes.claimDue(h.clock.now(), new Date(h.clock.now().getTime() + 1_000), 1);
    assert.ok(claimed);
    assert.equal(await late.lateCodes.hide(claimed, 'policy', h.clock.now()), true);
    assert.equal(await late.lateCodes.hide(claimed, 'policy', h.clock.now()), false);
    const to = { ...claimed.verification, version: claimed.verification.version + 1, codes: 1 };
    assert.equal(
      await late.lateCodes.show(claimed, to, { kind: 'lateCodeReceived', verification: to, lateByMs: 0, charge: undefined }),
      false,
    );
    assert.equal((await one.view()).version, claimed.verification.version);
  });

  it('has the provider asked once more; what it keeps is a sale when the code was charged, and a loss when it was not', async () => {
    const [paid, free] = [await cancelled('enterprise'), await cancelled('pro')];
    h.clock.advance(minuteMs);
    await recoup();
    assert.deepEqual([(await paid.settlement())?.state, (await free.settlement())?.state], ['refunded', 'refunded']);
    for (const one of [paid, free]) {
      h.provider.deliver(one.activationId, 'Telegram code: 77771', '77771');
      const rented = h.provider.rented.find(({ orderId }) => orderId === one.id) ?? assert.fail();
      rented.state = 'waiting';
      await one.push();
      assert.equal((await one.settlement())?.state, 'claimed');
    }
    h.provider.deliver(paid.activationId, 'Telegram code: 77771', '77771');
    h.provider.deliver(free.activationId, 'Telegram code: 77771', '77771');
    await work();
    h.clock.advance(minuteMs);
    await recoup();
    assert.deepEqual(await paid.settlement(), { state: 'charged', evidence: null });
    assert.deepEqual(await free.settlement(), { state: 'lost', evidence: 'code_at_provider' });
  });

  it('that is charged after the provider has kept its money turns the loss into a sale', async () => {
    const one = await cancelled('enterprise');
    await h.db.query(
      `update provider_settlements set state = 'lost', evidence = 'code_at_provider', due_at = null, settled_at = now() where verification_id = $1`,
      [one.id],
    );
    await one.push();
    await work();
    assert.deepEqual(await one.settlement(), { state: 'charged', evidence: null });
  });

  it('is decided by facts alone, and shown only within all of them', () => {
    const endedAt = new Date('2026-11-21T12:00:00Z');
    fc.assert(
      fc.property(
        fc.constantFrom(...states),
        fc.constantFrom(...lateCodePolicies),
        fc.boolean(),
        fc.boolean(),
        fc.integer({ min: 0, max: 120 }),
        fc.integer({ min: 0, max: 3 }),
        (state, policy, frozen, leasedAgain, minutes, codes) => {
          const verification = { state, codes, priceMicros: 450_000n, endedAt, frozenAt: frozen ? endedAt : undefined };
          const verdict = decideLateCode(
            { verification, policy, leasedAgain, arrivedAt: new Date(endedAt.getTime() + minutes * minuteMs) },
            policies,
          );
          const may = (state === 'cancelled' || state === 'expired') && policy !== 'hide' && !frozen && !leasedAgain && minutes <= 60;
          assert.equal(verdict.kind, may ? 'show' : 'hide');
          if (verdict.kind === 'show') assert.equal(verdict.priceMicros, policy === 'charge' && codes === 0 ? 450_000n : 0n);
        },
      ),
      { seed, numRuns: 500 },
    );
  });
});
