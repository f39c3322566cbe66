import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { newId } from '#platform/ids/index.ts';
import { type Outcome, UndoneBatch } from '#platform/messaging/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import { createTestDatabase, type TestDatabase } from '#platform/testing/index.ts';
import { addMs, hourMs, minuteMs, testClock } from '#platform/time/index.ts';
import { events } from '#events';
import { settleHolds } from '../../app/ledger/settle-holds.ts';
import { emptyWallet } from '../../domain/ledger.ts';
import { granting, placing, releasing, start, usd } from '../../testing/ledger/books.contract.ts';
import { silentMonitor } from '../../testing/payments/fake-gateway.ts';
import { openBooks, postgresBooks, postgresState } from '../../testing/ledger/postgres-books.ts';
import { postgresAudit } from '../postgres/ledger/audit.ts';
import { postgresHoldSettlement } from '../postgres/ledger/hold-settlement.ts';
import { migrations } from '../postgres/migrations/index.ts';
import { openWalletRow } from '../postgres/ledger/wallets.ts';
import { campaignReaders, saysOfHolds, settleEvents, tenantHandlers, verificationReaders } from './handlers.ts';

let database: TestDatabase;
let db: Database;
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_000);
const clock = testClock(start);
const { monitor, seen } = silentMonitor();

before(async () => {
  database = await createTestDatabase('billing', migrations);
  db = await openBooks(database.url);
});
after(async () => {
  await db?.close();
  await database?.close();
});

const settle = settleEvents(
  (tx) => settleHolds({ holds: postgresHoldSettlement(tx), clock, monitor }),
  new Map([...verificationReaders, ...campaignReaders]),
);
const [openWallet] = tenantHandlers((tx) => async (tenantId) => void (await openWalletRow(tx, tenantId, clock.now())));

interface Fact {
  readonly subject: string;
  readonly payload: unknown;
}
const envelopeOf = (tenantId: string, { subject, payload }: Fact) => ({
  id: newId(),
  subject,
  tenantId,
  aggregateId: newId(),
  aggregateVersion: 1,
  occurredAt: start,
  deliveryCount: 1,
  payload: payload as never,
});
/** A batch as it arrives, without the inbox, which would hide an effect that is not idempotent by itself. */
const deliverBatch = async (tenantId: string, facts: readonly Fact[]): Promise<Outcome> => {
  try {
    await db.transaction((tx) =>
      settle(
        tx,
        facts.map((fact) => envelopeOf(tenantId, fact)),
      ),
    );
    return { kind: 'done' };
  } catch (error) {
    if (error instanceof UndoneBatch) return error.outcome;
    throw error;
  }
};
const deliver = (tenantId: string, fact: Fact): Promise<Outcome> => deliverBatch(tenantId, [fact]);

const sweep: Fact = { subject: 'sweep', payload: undefined };
/** Delivers the facts, those between two sweeps in batches of up to three; the sweeper strikes where its mark stands. Every outcome must be done. */
const deliverAll = async (tenantId: string, facts: readonly Fact[]): Promise<void> => {
  for (let at = 0; at < facts.length;) {
    if (facts[at] === sweep) {
      await postgresBooks(db).expireDue(addMs(start, 40 * 24 * hourMs), 1_000);
      at += 1;
      continue;
    }
    const end = facts.indexOf(sweep, at);
    const batch = facts.slice(at, Math.min(end < 0 ? facts.length : end, at + 1 + (at % 3)));
    assert.deepEqual(await deliverBatch(tenantId, batch), { kind: 'done' }, batch.map(({ subject }) => subject).join());
    at += batch.length;
  }
};

const rented = async (credit: bigint, amount: bigint, product: 'verification' | 'campaign') => {
  const tenantId = newId();
  await postgresBooks(db).grant(granting(tenantId, credit));
  const place = placing(tenantId, amount, { product });
  assert.equal((await postgresBooks(db).place(place)).outcome, 'done');
  return { tenantId, holdId: place.holdId };
};

const verification = (holdId: string, price: bigint) => {
  const about = { verificationId: newId(), service: 'telegram', country: 'ID', provider: 'handler-api', holdId };
  return {
    purchased: {
      subject: events.verification.purchased.subject,
      payload: { ...about, price: usd(price), expiresAt: addMs(start, 20 * minuteMs) },
    },
    codeReceived: { subject: events.verification.codeReceived.subject, payload: { ...about, price: usd(price) } },
    completed: { subject: events.verification.completed.subject, payload: about },
    cancelled: { subject: events.verification.cancelled.subject, payload: about },
    expired: { subject: events.verification.expired.subject, payload: about },
    failed: { subject: events.verification.failed.subject, payload: { ...about, reason: 'x' } },
  } satisfies Record<string, Fact>;
};

/** The facts in any order, each once or up to three times. */
const disordered = (facts: readonly Fact[]): fc.Arbitrary<Fact[]> =>
  fc
    .tuple(...facts.map((fact) => fc.integer({ min: 1, max: 3 }).map((times) => Array.from({ length: times }, () => fact))))
    .chain((groups) => fc.shuffledSubarray(groups.flat(), { minLength: groups.flat().length }));

const summary = async (tenantId: string) => {
  const { balanceMicros, heldMicros, late } = await postgresState(db, tenantId);
  const owedMicros = Object.values(late).reduce((sum, each) => sum + each.owedMicros, 0n);
  return { balanceMicros, heldMicros, owedMicros };
};

test('a code is charged once in full, whatever the order and number of its events, even after the hold expired or was given back', async (t) => {
  t.diagnostic(`seed ${seed}`);
  for (const others of [[], [sweep], ['cancelled'], ['expired', sweep]] as const) {
    await fc.assert(
      fc.asyncProperty(fc.gen(), async (gen) => {
        const { tenantId, holdId } = await rented(100n, 40n, 'verification');
        const facts = verification(holdId, 40n);
        const extra = others.map((other) => (typeof other === 'string' ? facts[other] : other));
        await deliverAll(tenantId, gen(disordered, [facts.purchased, facts.codeReceived, facts.completed, ...extra]));
        assert.deepEqual(await summary(tenantId), { balanceMicros: 60n, heldMicros: 0n, owedMicros: 0n });
      }),
      { seed, numRuns: 15, endOnFailure: true },
    );
  }
});

test('an activation that ends without a code costs nothing and holds nothing, in any order', async () => {
  for (const ending of ['cancelled', 'expired', 'failed'] as const) {
    await fc.assert(
      fc.asyncProperty(fc.gen(), async (gen) => {
        const { tenantId, holdId } = await rented(100n, 40n, 'verification');
        const facts = verification(holdId, 40n);
        await deliverAll(tenantId, gen(disordered, [facts.purchased, facts[ending], sweep]));
        assert.deepEqual(await summary(tenantId), { balanceMicros: 100n, heldMicros: 0n, owedMicros: 0n });
      }),
      { seed, numRuns: 10, endOnFailure: true },
    );
  }
});

test("a campaign's charges come to its last total, in any order, with repetition and an expiry in between", async () => {
  const totals = fc.array(fc.bigInt({ min: 1n, max: 70n }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(
      totals,
      fc.constantFrom(60n, 80n, 200n),
      fc.boolean(),
      fc.boolean(),
      fc.gen(),
      async (progress, credit, expires, cancelled, gen) => {
        const { tenantId, holdId } = await rented(credit, 50n, 'campaign');
        const campaignId = newId();
        const total = progress.reduce((a, b) => (a > b ? a : b));
        const counts = { submitted: 1n, delivered: 0n, failed: 0n, suppressed: 0n, unknown: 0n };
        const facts: Fact[] = progress.map((charged) => ({
          subject: events.campaign.messagesProgressed.subject,
          payload: { campaignId, ...counts, holdId, chargedTotal: usd(charged) },
        }));
        const { subject } = cancelled ? events.campaign.cancelled : events.campaign.completed;
        facts.push({ subject, payload: { campaignId, holdId, chargedTotal: usd(total) } });
        await deliverAll(tenantId, gen(disordered, expires ? [...facts, sweep] : facts));
        const paid = total < credit ? total : credit;
        assert.deepEqual(await summary(tenantId), { balanceMicros: credit - paid, heldMicros: 0n, owedMicros: total - paid });
      },
    ),
    { seed, numRuns: 60, endOnFailure: true },
  );
});

test('what cannot be collected is recorded and reported, and the event is finished', async () => {
  const { tenantId, holdId } = await rented(40n, 40n, 'verification');
  const facts = verification(holdId, 40n);
  await deliverAll(tenantId, [sweep]);
  const spent = placing(tenantId, 35n);
  await postgresBooks(db).place(spent);
  const before = seen.length;
  await deliverAll(tenantId, [facts.codeReceived]);
  assert.deepEqual(await summary(tenantId), { balanceMicros: 35n, heldMicros: 35n, owedMicros: 35n });
  assert.deepEqual(seen.slice(before), [{ kind: 'uncollected', fact: { tenantId, holdId, product: 'verification', owedMicros: 35n } }]);
});

test('only events that say something of a hold concern this consumer', async () => {
  const { holdId } = await rented(100n, 40n, 'verification');
  const facts = verification(holdId, 40n);
  const all = Object.values(facts).map((fact) => envelopeOf(newId(), fact));
  const concerned = await saysOfHolds(verificationReaders)(all);
  assert.deepEqual(
    [...concerned].map(({ subject }) => subject),
    [facts.codeReceived, facts.cancelled, facts.expired, facts.failed].map(({ subject }) => subject),
  );
});

test("facts about a hold that was never placed, or is another tenant's, go to the dead letters; facts without a hold are done", async () => {
  const { holdId } = await rented(100n, 40n, 'verification');
  const facts = verification(holdId, 40n);
  for (const fact of [facts.codeReceived, facts.cancelled, facts.expired]) assert.equal((await deliver(newId(), fact)).kind, 'dead');
  assert.equal((await deliver(newId(), { ...facts.failed, payload: { holdId: '', reason: 'x' } })).kind, 'done');
  assert.equal(
    (await deliver(newId(), { subject: events.campaign.cancelled.subject, payload: { holdId: '', chargedTotal: undefined } })).kind,
    'done',
  );
});

/** As verification asks for it: a cancelled purchase that got its money back, and the hold of its late code under the message's id. */
const lateCode = async (credit: bigint, price: bigint, lateMicros = price) => {
  const { tenantId, holdId: purchase } = await rented(credit, price, 'verification');
  const [verificationId, messageId] = [newId(), newId()];
  const ask = () =>
    postgresBooks(db).place(
      placing(tenantId, lateMicros, { idempotencyKey: `verification:${verificationId}:late:${messageId}`, reference: verificationId }),
    );
  const { cancelled } = verification(purchase, price);
  const shown = (holdId: string): Fact => {
    const about = { verificationId, service: 'telegram', country: 'ID', provider: 'handler-api', messageId, position: 1, lateByMs: 1n };
    return {
      subject: events.verification.lateCodeReceived.subject,
      payload: { ...about, holdId, price: holdId === '' ? undefined : usd(lateMicros) },
    };
  };
  return { tenantId, purchase, cancelled, ask, shown };
};
/** The id of the hold, however often it is asked for. */
const heldOnce = async (ask: () => ReturnType<ReturnType<typeof postgresBooks>['place']>): Promise<string> => {
  const answers = await Promise.all([ask(), ask(), ask()]);
  const ids = answers.map((answer) => (answer.outcome === 'done' || answer.outcome === 'replayed' ? answer.hold.id : answer.outcome));
  assert.deepEqual(answers.map(({ outcome }) => outcome).toSorted(), ['done', 'replayed', 'replayed']);
  assert.equal(new Set(ids).size, 1);
  return ids[0] ?? assert.fail();
};

test('a late code is charged once from the hold under its message, in any order with the end that gave the price back, repeated, expired', async () => {
  for (const extra of [[], [sweep]])
    await fc.assert(
      fc.asyncProperty(fc.bigInt({ min: 1n, max: 40n }), fc.gen(), async (price, gen) => {
        const one = await lateCode(100n, 40n, price);
        const holdId = await heldOnce(one.ask);
        assert.notEqual(holdId, one.purchase);
        await deliverAll(one.tenantId, gen(disordered, [one.cancelled, one.shown(holdId), ...extra]));
        assert.deepEqual(await summary(one.tenantId), { balanceMicros: 100n - price, heldMicros: 0n, owedMicros: 0n });
        const { entries } = await postgresState(db, one.tenantId);
        assert.equal(entries.filter(({ amountMicros }) => amountMicros === -price).length, 1);
        const again = await one.ask();
        assert.deepEqual(
          [again.outcome, await summary(one.tenantId)],
          ['replayed', { balanceMicros: 100n - price, heldMicros: 0n, owedMicros: 0n }],
        );
      }),
      { seed, numRuns: 15, endOnFailure: true },
    );
});

test('two replicas that settle one late code at one moment charge it once', async () => {
  const one = await lateCode(100n, 40n);
  const holdId = await heldOnce(one.ask);
  const outcomes = await Promise.all(Array.from({ length: 4 }, () => deliver(one.tenantId, one.shown(holdId))));
  assert.deepEqual(new Set(outcomes.map(({ kind }) => kind)), new Set(['done']));
  // The hold of the purchase is as it was: its own events decide about it.
  assert.deepEqual(await summary(one.tenantId), { balanceMicros: 60n, heldMicros: 40n, owedMicros: 0n });
});

test('a late code whose hold has expired, and whose money was spent since, is recorded as uncollected once', async () => {
  const one = await lateCode(40n, 40n);
  await deliverAll(one.tenantId, [one.cancelled]);
  const holdId = await heldOnce(one.ask);
  await deliverAll(one.tenantId, [sweep]);
  await postgresBooks(db).place(placing(one.tenantId, 35n));
  const before = seen.length;
  await deliverAll(one.tenantId, [one.shown(holdId)]);
  assert.deepEqual(await summary(one.tenantId), { balanceMicros: 35n, heldMicros: 35n, owedMicros: 35n });
  await deliverAll(one.tenantId, [one.shown(holdId), one.shown(holdId)]);
  assert.deepEqual(await summary(one.tenantId), { balanceMicros: 35n, heldMicros: 35n, owedMicros: 35n });
  assert.deepEqual(seen.slice(before)[0], {
    kind: 'uncollected',
    fact: { tenantId: one.tenantId, holdId, product: 'verification', owedMicros: 35n },
  });
});

test("a late code that is free is no charge; one without a price, with no hold, or with another tenant's goes to the dead letters and charges nobody", async () => {
  const [one, other] = [await lateCode(100n, 40n), await lateCode(100n, 40n)];
  const holdId = await heldOnce(one.ask);
  const before = [await summary(one.tenantId), await summary(other.tenantId)];
  assert.equal((await deliver(one.tenantId, one.shown(''))).kind, 'done');
  const free = one.shown(holdId);
  assert.equal((await deliver(one.tenantId, { ...free, payload: { ...(free.payload as object), price: undefined } })).kind, 'dead');
  assert.equal((await deliver(one.tenantId, one.shown(newId()))).kind, 'dead');
  assert.equal((await deliver(other.tenantId, one.shown(holdId))).kind, 'dead');
  assert.deepEqual([await summary(one.tenantId), await summary(other.tenantId)], before);
});

test('a late code that stayed hidden after its hold was placed costs nothing once the hold is given back', async () => {
  const one = await lateCode(100n, 40n);
  await deliverAll(one.tenantId, [one.cancelled]);
  const holdId = await heldOnce(one.ask);
  const release = () => postgresBooks(db).release(releasing(one.tenantId, holdId, `verification:${holdId}:unused`));
  assert.deepEqual([(await release()).outcome, (await release()).outcome], ['done', 'replayed']);
  assert.deepEqual(await summary(one.tenantId), { balanceMicros: 100n, heldMicros: 0n, owedMicros: 0n });
});

test('a registered tenant has a wallet of zero', async () => {
  const tenantId = newId();
  const registered = envelopeOf(tenantId, { subject: events.auth.tenantRegistered.subject, payload: { tenantId, plan: 'starter' } });
  for (let time = 0; time < 3; time++) assert.deepEqual(await db.transaction((tx) => openWallet!.handle(tx, registered)), { kind: 'done' });
  assert.deepEqual(await postgresBooks(db).wallet(tenantId), emptyWallet);
});

test('after all of it the books agree', async () => {
  assert.equal(await postgresAudit(db).firstDivergence(), undefined);
});
