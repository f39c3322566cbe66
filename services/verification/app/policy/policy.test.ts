import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { type ErrorCode, isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { type Database, openDatabase } from '#platform/postgres/index.ts';
import { addMs, dayMs, hourMs, minuteMs, secondMs } from '#platform/time/index.ts';
import { outboxRowOf } from '../../adapters/nats/events.ts';
import { postgresDecisions } from '../../adapters/postgres/policy/audit.ts';
import { postgresSwitches } from '../../adapters/postgres/policy/switches.ts';
import { postgresTenantPolicies } from '../../adapters/postgres/policy/tenants.ts';
import { entities } from '../../adapters/postgres/rows.ts';
import { createVerificationStore } from '../../adapters/postgres/store.ts';
import { admit, type PolicyRefusal } from '../../domain/policy/admit.ts';
import type { KycLevel, Standing } from '../../domain/policy/rules.ts';
import { noUsage, type Usage } from '../../domain/policy/usage.ts';
import type { Verification } from '../../domain/verification.ts';
import { type Harness, openHarness } from '../../testing/harness.ts';
import { testRules } from '../../testing/policy/rules.ts';
import { cancelVerification } from '../cancel-verification.ts';
import { createVerification } from '../create-verification.ts';
import type { Ports } from '../ports.ts';
import { quotePrice } from '../quote-price.ts';
import { receivePush } from '../receive-push.ts';
import { acknowledgeBlock } from './acknowledge-block.ts';
import { listDecisions } from './list-decisions.ts';
import { readPolicy } from './read-policy.ts';
import { setKycLevel } from './set-kyc-level.ts';
import { setServiceClass } from './set-service-class.ts';
import { setTenantLimits } from './set-tenant-limits.ts';
import { switchOff } from './switch-off.ts';
import { switchOn } from './switch-on.ts';

const refusedWith = (code: ErrorCode, reason?: PolicyRefusal) => (error: unknown) => {
  if (!isAppError(error, code)) assert.fail(`expected ${code}, got ${String(error)}`);
  if (reason !== undefined) assert.equal(error.meta?.['policyReason'], reason);
  return true;
};
const onField = (field: string) => (error: unknown) => isAppError(error, 'request.invalid') && error.fields[0]?.field === field;
const operator = 'user:operator';
const note = 'because the tests say so';

describe('policy', () => {
  let h: Harness;
  let secondDb: Database;
  /** Another replica: its own connections, its own batches. */
  let second: Ports;
  before(async () => {
    h = await openHarness({ rules: testRules });
    secondDb = await openDatabase({ url: h.url, applicationName: 'second', poolMax: 4, entities });
    second = {
      ...h.ports,
      store: createVerificationStore({
        db: secondDb,
        rules: testRules,
        outboxRowOf: outboxRowOf(() => h.clock.now()),
        now: () => h.clock.now(),
      }),
    };
  });
  after(async () => {
    await secondDb?.close();
    await h?.close();
  });

  const tenants = () => postgresTenantPolicies(h.db);
  const parts = () => ({ tenants: tenants(), rules: testRules, clock: h.clock, catalogue: h.ports.catalogue });
  const policy = (tenantId: string) => readPolicy(parts())(tenantId);
  const switches = () => ({ switches: postgresSwitches(h.db), catalogue: h.ports.catalogue, providers: ['handler-api'], clock: h.clock });
  const buy = (tenantId: string, over = {}, ports: Ports = h.ports) => createVerification(ports)(h.request({ tenantId, ...over }));
  const activationOf = async (id: string): Promise<string> => {
    const [row] = await h.db.query<{ activation_id: string }>('select activation_id from verifications where id = $1', [id]);
    return row?.activation_id ?? assert.fail('no activation');
  };
  const deliver = async (id: string) => receivePush(h.ports)(h.push(await activationOf(id), 'Your code is 12345', '12345'));
  const setLimits = (tenantId: string, limits: object) => setTenantLimits(parts())(operator, { tenantId, limits, note });
  /** A tenant that is not new, with that level. */
  const settled = async (level: KycLevel = 1): Promise<string> => {
    const tenantId = newId();
    await tenants().sawTenant(tenantId, addMs(h.clock.now(), -2 * dayMs));
    await setKycLevel(parts())(operator, { tenantId, level, purpose: 'testing sign-up', note });
    return tenantId;
  };
  const decisions = async (tenantId: string, kind = '') =>
    (await listDecisions({ decisions: postgresDecisions(h.db) })({ tenantId, kind, before: undefined, limit: 100 })).decisions;

  it('of 50 purchases at once on two replicas against a limit of 5, exactly 5 are made, held and bought', async () => {
    const tenantId = await settled();
    await setLimits(tenantId, { maxOpen: 5 });
    const [holds, rented] = [h.ledger.holds.size, h.provider.rented.length];
    const answers = await Promise.allSettled(Array.from({ length: 50 }, (_, n) => buy(tenantId, {}, n % 2 ? h.ports : second)));
    assert.equal(answers.filter(({ status }) => status === 'fulfilled').length, 5);
    for (const answer of answers)
      if (answer.status === 'rejected') refusedWith('verification.limit_reached', 'open_activations')(answer.reason);
    assert.equal(h.ledger.holds.size - holds, 5, 'no hold before the decision');
    assert.equal(h.provider.rented.length - rented, 5);
    assert.equal((await policy(tenantId)).counts.open, 5);
    const refused = await decisions(tenantId, 'refused');
    assert.equal(
      refused.reduce((sum, line) => sum + line.times, 0),
      45,
      'each refusal is counted',
    );
    assert.equal(refused[0]?.reason, 'open_activations');
    assert.equal(refused[0]?.detail['limit'], 5);
  });

  it('a number that ends makes room; the same key is answered as before, limit or not, and another body still conflicts', async () => {
    const tenantId = await settled();
    await setLimits(tenantId, { maxOpen: 1 });
    const idempotencyKey = newId();
    const first = await buy(tenantId, { idempotencyKey });
    await assert.rejects(buy(tenantId), refusedWith('verification.limit_reached', 'open_activations'));
    assert.equal((await buy(tenantId, { idempotencyKey })).id, first.id);
    await assert.rejects(buy(tenantId, { idempotencyKey, country: 'GB' }), refusedWith('request.idempotency_conflict'));
    assert.equal((await policy(tenantId)).counts.open, 1, 'a repetition counts once');
    await cancelVerification(h.ports)({ tenantId, id: first.id });
    await deliver((await buy(tenantId)).id);
    const { counts } = await policy(tenantId);
    assert.deepEqual([counts.open, counts.paid, counts.outcomes, counts.cancelsPerHour, counts.purchasesPerHour], [0, 1, 2, 1, 2]);
    await buy(tenantId);
  });

  it('a refused purchase has no row: repeated with its key when there is room, it is made', async () => {
    const tenantId = await settled();
    await setLimits(tenantId, { maxOpen: 0 });
    const idempotencyKey = newId();
    await assert.rejects(buy(tenantId, { idempotencyKey }), refusedWith('verification.limit_reached'));
    await setLimits(tenantId, {});
    assert.equal((await buy(tenantId, { idempotencyKey })).status, 'waiting');
  });

  it('a purchase that fails is given back: to the hour, the day and the open ones', async () => {
    const tenantId = await settled();
    h.provider.refuse('no_numbers');
    await assert.rejects(buy(tenantId), refusedWith('verification.no_numbers'));
    const { counts } = await policy(tenantId);
    assert.deepEqual([counts.open, counts.purchasesPerHour, counts.spentMicros, counts.outcomes], [0, 0, 0n, 0]);
  });

  it('spending of a day is what is held and paid; what is given back may be spent again, and midnight clears it', async () => {
    const tenantId = await settled();
    await setLimits(tenantId, { maxSpendPerDayMicros: 700_000n });
    const [first, other] = [await buy(tenantId), await buy(tenantId)];
    assert.equal(first.price.micros, 280_000n);
    await assert.rejects(buy(tenantId), refusedWith('verification.limit_reached', 'spend_per_day'));
    await cancelVerification(h.ports)({ tenantId, id: first.id });
    await deliver(other.id);
    await deliver((await buy(tenantId)).id);
    await assert.rejects(buy(tenantId), (error) => {
      refusedWith('verification.limit_reached', 'spend_per_day')(error);
      assert.ok(isAppError(error) && (error.retryAfterMs ?? 0) > 0 && (error.retryAfterMs ?? 0) <= dayMs);
      assert.match(error.message, /0\.70 USD/);
      return true;
    });
    await h.pass(dayMs);
    assert.equal((await buy(tenantId)).status, 'waiting');
  });

  it('too many cancellations stop purchases for a while, never cancellations', async () => {
    const tenantId = await settled();
    await setLimits(tenantId, { maxCancelsPerHour: 2 });
    const views = [await buy(tenantId), await buy(tenantId), await buy(tenantId)];
    for (const { id } of views) assert.equal((await cancelVerification(h.ports)({ tenantId, id })).status, 'cancelled');
    await assert.rejects(buy(tenantId), refusedWith('verification.limit_reached', 'cancels_per_hour'));
    await h.pass(2 * hourMs);
    await buy(tenantId);
  });

  it('a new account has lower limits, from when it registered', async () => {
    const tenantId = newId();
    await tenants().sawTenant(tenantId, h.clock.now());
    const { maxOpen, lifeMs } = testRules.newAccount;
    const views = [];
    for (let n = 0; n < maxOpen; n++) views.push(await buy(tenantId));
    await assert.rejects(
      buy(tenantId),
      (error) => refusedWith('verification.limit_reached', 'open_activations')(error) && /new account/.test(String(error)),
    );
    assert.ok((await policy(tenantId)).newAccountUntil);
    // The event of the registration comes late: it counts, the first purchase does not.
    await tenants().sawTenant(tenantId, addMs(h.clock.now(), -lifeMs));
    await tenants().sawTenant(tenantId, h.clock.now());
    assert.equal((await policy(tenantId)).newAccountUntil, undefined);
    await buy(tenantId);
  });

  it('restricted services need a known holder, blocked ones an operator’s word; both are refused before any price or hold', async () => {
    const tenantId = await settled(0);
    await assert.rejects(buy(tenantId, { service: 'binance' }), refusedWith('verification.kyc_required', 'kyc_required'));
    await setKycLevel(parts())(operator, { tenantId, level: 1, purpose: 'QA of our exchange integration', note });
    assert.equal((await buy(tenantId, { service: 'binance' })).status, 'waiting');

    const holds = h.ledger.holds.size;
    h.prices.away = true;
    await assert.rejects(buy(tenantId, { service: 'paypal' }), refusedWith('verification.service_blocked', 'service_blocked'));
    await assert.rejects(
      quotePrice(h.ports)({ tenantId, service: 'paypal', country: 'ID', capability: 'sms' }),
      refusedWith('verification.service_blocked'),
    );
    h.prices.away = false;
    assert.equal(h.ledger.holds.size, holds);
    const set = (service: string, policyClass: string) => setServiceClass(parts())(operator, { tenantId, service, policyClass, note });
    await set('paypal', 'open');
    assert.equal((await buy(tenantId, { service: 'paypal' })).status, 'waiting');
    await assert.rejects(buy(newId(), { service: 'paypal' }), refusedWith('verification.service_blocked'), 'for this tenant only');
    await set('paypal', '');
    await assert.rejects(buy(tenantId, { service: 'paypal' }), refusedWith('verification.service_blocked'));
    await set('telegram', 'blocked');
    await assert.rejects(buy(tenantId), refusedWith('verification.service_blocked', 'service_blocked'));
    assert.deepEqual((await policy(tenantId)).ownClasses, [{ service: 'telegram', policyClass: 'blocked' }]);
    assert.ok((await decisions(tenantId, 'refused')).some((line) => line.reason === 'service_blocked' && line.service === 'paypal'));
  });

  it('a kill switch of a tenant, a service or a provider stops the next purchase on every replica, until it is lifted', async () => {
    const tenantId = await settled();
    for (const [scope, target] of [
      ['tenant', tenantId],
      ['service', 'telegram'],
      ['provider', 'handler-api'],
    ] as const) {
      const set = await switchOff(switches())(operator, { scope, target, reason: note });
      for (const ports of [h.ports, second])
        await assert.rejects(buy(tenantId, {}, ports), refusedWith('verification.switched_off', `${scope}_switched_off`));
      await h.ports.policy.refreshSwitches();
      assert.deepEqual(h.ports.policy.providersOff(), scope === 'provider' ? [target] : []);
      await assert.rejects(buy(tenantId), refusedWith('verification.switched_off', `${scope}_switched_off`));
      assert.deepEqual(
        (await postgresSwitches(h.db).list()).map(({ id }) => id),
        [set.id],
      );
      await switchOn(switches())(operator, { id: set.id, reason: note });
      await h.ports.policy.refreshSwitches();
      await assert.rejects(switchOn(switches())(operator, { id: set.id, reason: note }), refusedWith('request.not_found'));
      await buy(tenantId, {}, second);
    }
    const kinds = (await decisions(tenantId)).map(({ kind }) => kind);
    assert.ok(kinds.includes('switched_off') && kinds.includes('switched_on'));
  });

  it('what an operator says must make sense, and says who and why', async () => {
    const tenantId = newId();
    const kyc = (over: object) => setKycLevel(parts())(operator, { tenantId, level: 1, purpose: 'x', note, ...over });
    await assert.rejects(kyc({ level: 4 }), onField('level'));
    await assert.rejects(kyc({ level: 0.5 }), onField('level'));
    await assert.rejects(kyc({ purpose: ' ' }), onField('purpose'));
    await assert.rejects(kyc({ purpose: 'x'.repeat(501) }), onField('purpose'));
    await assert.rejects(kyc({ note: 'short' }), onField('note'));
    await assert.rejects(kyc({ tenantId: 'x' }), refusedWith('request.not_found'));
    await assert.rejects(setLimits(tenantId, { maxOpen: -1 }), onField('limits.maxOpen'));
    await assert.rejects(setLimits(tenantId, { maxCancelsPerHour: 1_000_001 }), onField('limits.maxCancelsPerHour'));
    await assert.rejects(setLimits(tenantId, { maxSpendPerDayMicros: -1n }), onField('limits.maxSpendPerDay'));
    const off = (scope: string, target: string) => switchOff(switches())(operator, { scope, target, reason: note });
    await assert.rejects(off('country', 'ID'), onField('scope'));
    await assert.rejects(off('tenant', 'x'), onField('target'));
    await assert.rejects(off('service', 'no-such'), onField('target'));
    await assert.rejects(off('provider', 'no-such'), onField('target'));
    await assert.rejects(
      setServiceClass(parts())(operator, { tenantId, service: 'no-such', policyClass: 'open', note }),
      onField('service'),
    );
    await assert.rejects(
      setServiceClass(parts())(operator, { tenantId, service: 'telegram', policyClass: 'x', note }),
      onField('policyClass'),
    );
    assert.deepEqual(await decisions(tenantId), [], 'what is refused is not written down as done');
    await kyc({});
    const [line] = await decisions(tenantId);
    assert.deepEqual([line?.kind, line?.actor, line?.note, line?.tenantId], ['kyc_set', operator, note, tenantId]);
  });

  it('below the success floor purchases stop for a day; a tenant may lift that itself a few times', async () => {
    const tenantId = await settled(2);
    const { acknowledgements, minOutcomes } = testRules.successFloor;
    const fail = async () => {
      for (let n = 0; n < minOutcomes; n++) await cancelVerification(h.ports)({ tenantId, id: (await buy(tenantId)).id });
      await assert.rejects(buy(tenantId), refusedWith('verification.success_too_low', 'success_floor'));
    };
    const acknowledge = () => acknowledgeBlock(parts())(tenantId, 'user:owner');
    await assert.rejects(acknowledge(), refusedWith('verification.no_block'));
    for (let n = 0; n < acknowledgements; n++) {
      await fail();
      await acknowledge();
    }
    await fail();
    assert.equal((await policy(tenantId)).acknowledgementsLeft, 0);
    await assert.rejects(acknowledge(), refusedWith('verification.acknowledgements_used'));
    await h.pass(testRules.successFloor.blockMs - minuteMs);
    await assert.rejects(buy(tenantId), refusedWith('verification.success_too_low'));
    await h.pass(minuteMs);
    await buy(tenantId);
    assert.equal((await decisions(tenantId, 'acknowledged')).length, acknowledgements);
    await h.pass(testRules.successFloor.acknowledgementMs);
    assert.equal((await policy(tenantId)).acknowledgementsLeft, acknowledgements, 'the period is over');
  });

  it('acknowledging twice at once lifts one block, once', async () => {
    const tenantId = await settled(2);
    for (let n = 0; n < testRules.successFloor.minOutcomes; n++)
      await cancelVerification(h.ports)({ tenantId, id: (await buy(tenantId)).id });
    await assert.rejects(buy(tenantId), refusedWith('verification.success_too_low'));
    const answers = await Promise.allSettled(Array.from({ length: 5 }, () => acknowledgeBlock(parts())(tenantId, 'user:owner')));
    assert.equal(answers.filter(({ status }) => status === 'fulfilled').length, 1);
    assert.equal((await policy(tenantId)).acknowledgementsLeft, testRules.successFloor.acknowledgements - 1);
  });

  it('the audit is a list that goes on where it stopped, of one tenant or of all', async () => {
    const tenantId = await settled();
    for (let n = 0; n < 4; n++) await setLimits(tenantId, { maxOpen: n });
    const list = listDecisions({ decisions: postgresDecisions(h.db) });
    const seen: string[] = [];
    let before: string | undefined;
    do {
      const page = await list({ tenantId, kind: 'limits_set', before, limit: 3 });
      seen.push(...page.decisions.map((line) => String(line.detail['maxOpen'])));
      before = page.next;
    } while (before !== undefined);
    assert.deepEqual(seen, ['3', '2', '1', '0']);
    await assert.rejects(list({ tenantId: '', kind: 'nonsense', before: undefined, limit: 3 }), onField('kind'));
    assert.ok((await list({ tenantId: '', kind: '', before: undefined, limit: 100 })).decisions.some((line) => line.tenantId === tenantId));
  });

  it('decides in the database as the domain does, for any standing, usage and purchase', async () => {
    const start = new Date('2026-06-01T00:00:00Z').getTime();
    const counter = (limit: number) =>
      fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: Math.max(0, limit - 2), max: limit + 2 }));
    const spans = fc.record({
      kycLevel: fc.constantFrom<KycLevel>(0, 1),
      ageMs: fc.constantFrom(0, hourMs, dayMs - 1, dayMs, 30 * dayMs),
      own: fc.option(fc.record({ maxOpen: fc.integer({ min: 0, max: 4 }), maxSpendPerDayMicros: fc.bigInt({ min: 0n, max: 3_000_000n }) })),
      open: counter(5),
      purchases: counter(20),
      purchasesBefore: counter(20),
      cancels: counter(10),
      cancelsBefore: counter(10),
      spentMicros: fc.bigInt({ min: 0n, max: 20_500_000n }),
      outcomes: fc.tuple(
        fc.integer({ min: 0, max: 2 }),
        fc.integer({ min: 0, max: 2 }),
        fc.integer({ min: 0, max: 14 }),
        fc.integer({ min: 0, max: 14 }),
      ),
      blockedMs: fc.option(fc.integer({ min: -1, max: 2 }).map((n) => n * secondMs)),
      minute: fc.integer({ min: 0, max: 3 * 24 * 60 }),
      passedMs: fc.oneof(fc.integer({ min: 0, max: 3 * hourMs }), fc.integer({ min: 0, max: 60 * hourMs })),
      wishes: fc.array(
        fc.record({ priceMicros: fc.bigInt({ min: 1n, max: 2_000_000n }), policyClass: fc.constantFrom('open', 'restricted', 'blocked') }),
        { minLength: 1, maxLength: 6 },
      ),
    });
    const truncated = (ms: number, periodMs: number) => new Date(Math.floor(ms / periodMs) * periodMs);
    await fc.assert(
      fc.asyncProperty(spans, async (given) => {
        const tenantId = newId();
        const before = start + given.minute * minuteMs;
        const at = new Date(before + given.passedMs);
        const standing: Standing = { kycLevel: given.kycLevel, ownLimits: given.own ?? {}, since: addMs(at, -given.ageMs) };
        const [paid, paidBefore, unpaid, unpaidBefore] = given.outcomes;
        let usage: Usage = {
          ...noUsage(new Date(before)),
          ...{ open: given.open, purchases: given.purchases, purchasesBefore: given.purchasesBefore, cancels: given.cancels },
          ...{ cancelsBefore: given.cancelsBefore, spentMicros: given.spentMicros, paid, paidBefore, unpaid, unpaidBefore },
          hour: truncated(before, hourMs),
          blockedUntil: given.blockedMs === null ? undefined : addMs(at, given.blockedMs),
        };
        await tenants().sawTenant(tenantId, standing.since);
        const act = { actor: operator, note, at };
        await tenants().setKyc(tenantId, standing.kycLevel, 'x', act);
        await tenants().setLimits(tenantId, standing.ownLimits, act);
        await h.db.query(
          `insert into policy_usage (tenant_id, open, hour, purchases, purchases_before, cancels, cancels_before, day, spent_micros, paid,
             paid_before, unpaid, unpaid_before, blocked_until) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
          [
            ...[tenantId, usage.open, usage.hour, usage.purchases, usage.purchasesBefore, usage.cancels, usage.cancelsBefore, usage.day],
            ...[usage.spentMicros, usage.paid, usage.paidBefore, usage.unpaid, usage.unpaidBefore, usage.blockedUntil ?? null],
          ],
        );
        const expected = given.wishes.map(({ priceMicros, policyClass }) => {
          const decision = admit(testRules, standing, usage, { priceMicros, policyClass, at, switchedOff: undefined });
          usage = decision.usage;
          return decision.refused;
        });
        // All but the first travel as one batch.
        const decided = await Promise.all(
          given.wishes.map(({ priceMicros, policyClass }) => h.ports.store.reserve(row(tenantId, priceMicros, at), policyClass)),
        );
        assert.deepEqual(
          decided.map((answer) => (answer.kind === 'refused' ? answer.refused : undefined)),
          expected,
        );
        const stored = await tenants().find(tenantId, at);
        assert.deepEqual(stored.usage, usage);
      }),
      { numRuns: 150 },
    );
  });

  const row = (tenantId: string, priceMicros: bigint, createdAt: Date): Verification => ({
    ...{ retryOf: undefined, cancellableAt: undefined, reportReason: undefined, codes: 0, another: undefined },
    ...{
      id: newId(),
      tenantId,
      idempotencyKey: newId(),
      requestHash: 'x',
      state: 'reserving',
      version: 1,
      service: 'telegram',
      country: 'ID',
    },
    ...{
      capability: 'sms',
      operator: '',
      areaCode: '',
      actor: '',
      currency: 'USD',
      priceMicros,
      quoteId: undefined,
      fromHoldId: undefined,
    },
    ...{
      route: undefined,
      provider: 'handler-api',
      activationId: undefined,
      providerCostMicros: undefined,
      phoneNumber: undefined,
      holdId: undefined,
    },
    ...{ sealedCode: undefined, reason: undefined, createdAt, purchaseDeadline: createdAt, expiresAt: undefined, receivedAt: undefined },
    ...{ endedAt: undefined, dueAt: undefined, attempts: 0 },
  });
});
