/** The law of the store: any interval, answered from roll-ups and edges, equals a recount of the events, whatever came how often in which order. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { newId } from '#platform/ids/index.ts';
import { openDatabase, type Database } from '#platform/postgres/index.ts';
import { createTestDatabase, type TestDatabase } from '#platform/testing/index.ts';
import { systemClock } from '#platform/time/index.ts';
import { getSpend } from '../../app/get-spend.ts';
import { getSummary } from '../../app/get-summary.ts';
import { ingestEvents, type IncomingEvent } from '../../app/ingest-events.ts';
import { figuresOf, verificationSteps, type Fact } from '../../domain/figures.ts';
import { summarise } from '../../domain/summary.ts';
import { migrations } from './migrations/index.ts';
import { entities } from './rows.ts';
import { eventStore, figureAudit, figureReader, prepareMonths, spendReader } from './store.ts';

const tenants = [newId(), newId()] as const;
const day = Date.parse('2026-03-28T20:00:00Z');

const fact: fc.Arbitrary<Fact> = fc.oneof(
  fc.record({
    kind: fc.constant('verification' as const),
    step: fc.constantFrom(...verificationSteps),
    service: fc.constantFrom('telegram', 'whatsapp'),
  }),
  fc.record({
    kind: fc.constant('spent' as const),
    product: fc.constantFrom('verification', 'campaign'),
    currency: fc.constantFrom('USD', 'EUR'),
    micros: fc.bigInt(-1_000n, 5_000_000n),
  }),
  fc.record({ kind: fc.constantFrom('granted' as const, 'refunded' as const), currency: fc.constant('USD'), micros: fc.bigInt(1n, 9n) }),
  fc.record({ kind: fc.constant('topped-up' as const), currency: fc.constant('USD'), micros: fc.bigInt(1n, 100_000_000n) }),
  fc.record({
    kind: fc.constant('messages-progressed' as const),
    submitted: fc.bigInt(0n, 9n),
    delivered: fc.bigInt(0n, 9n),
    failed: fc.bigInt(0n, 9n),
    suppressed: fc.bigInt(0n, 9n),
  }),
);
const incoming: fc.Arbitrary<IncomingEvent> = fc
  .record({ fact, tenantId: fc.constantFrom(...tenants), at: fc.integer({ min: 0, max: 10 * 3_600_000 }) })
  .map(({ fact: what, tenantId, at }) => ({
    id: newId(),
    tenantId,
    subject: 'namaskah.test.v1.thing.happened',
    aggregateId: newId(),
    aggregateVersion: 1,
    occurredAt: new Date(day + at),
    payload: { quote: 'it\'s "quoted", {braced}' },
    fact: what,
  }));

const recount = (events: readonly IncomingEvent[], tenantId: string, from: Date, to: Date) => {
  const sums = new Map<string, { figure: string; count: bigint; micros: bigint }>();
  for (const event of events) {
    if (event.tenantId !== tenantId || event.occurredAt < from || event.occurredAt >= to) continue;
    for (const { figure, count, micros } of figuresOf(event.fact)) {
      const known = sums.get(figure) ?? { figure, count: 0n, micros: 0n };
      sums.set(figure, { figure, count: known.count + count, micros: known.micros + micros });
    }
  }
  return summarise([...sums.values()]);
};

describe('event store', () => {
  let database: TestDatabase;
  let db: Database;
  before(async () => {
    database = await createTestDatabase('analytics', migrations);
    db = await openDatabase({ url: database.url, applicationName: 'test', poolMax: 6, entities });
    await prepareMonths(db, new Date('2026-03-01T00:00:00Z'));
  });
  after(async () => {
    await db?.close();
    await database?.close();
  });
  const ingest = (events: readonly IncomingEvent[]) => db.transaction((tx) => ingestEvents({ store: eventStore(tx) })(events));
  const freshness = { freshUntil: async () => new Date() };

  it('answers every interval exactly, after duplicates, reordering and concurrent batches', async () => {
    const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
    console.log(`seed ${seed}`);
    const everything: IncomingEvent[] = [];
    const summary = getSummary({ figures: figureReader(db), freshness });
    await fc.assert(
      fc.asyncProperty(
        fc.array(incoming, { minLength: 1, maxLength: 60 }),
        fc.integer({ min: -1, max: 36_000 }),
        fc.integer({ min: 1, max: 36_000 }),
        fc.nat(),
        async (events, start, length, shuffle) => {
          const repeated = [...events, ...events.filter((_event, index) => (index + shuffle) % 3 === 0)].toSorted((a, b) =>
            a.id + shuffle < b.id + shuffle ? 1 : -1,
          );
          const middle = Math.ceil(repeated.length / 2);
          await Promise.all([ingest(repeated.slice(0, middle)), ingest(repeated.slice(middle)), ingest(events.slice(0, 5))]);
          everything.push(...events);
          const from = new Date(day + start * 1_000 + 17);
          const to = new Date(from.getTime() + length * 1_000);
          for (const tenantId of tenants) {
            const { freshUntil: _freshUntil, ...found } = await summary(tenantId, { from, to });
            assert.deepEqual(found, recount(everything, tenantId, from, to));
          }
        },
      ),
      { seed, numRuns: 60 },
    );
    assert.equal(await figureAudit(db).firstDivergence(), undefined);
    const [stored] = await db.query<{ count: bigint }>('select count(*) from events');
    assert.equal(stored?.count, BigInt(new Set(everything.map(({ id }) => id)).size));
  });
  it('spending by day and product is a recount of the events, for its own tenant only; days that cannot be are refused', async () => {
    await db.query('truncate hourly_figures, events');
    const events = fc.sample(incoming, { numRuns: 120, seed: 11 });
    await ingest(events);
    const spend = getSpend({ spend: spendReader(db), freshness });
    for (const tenantId of tenants) {
      const expected = new Map<string, { micros: bigint; charges: bigint }>();
      for (const event of events) {
        const { fact: what, occurredAt } = event;
        const on = occurredAt.toISOString().slice(0, 10);
        if (event.tenantId !== tenantId || what.kind !== 'spent' || on !== '2026-03-28') continue;
        const key = `${on} ${what.product} ${what.currency}`;
        const known = expected.get(key) ?? { micros: 0n, charges: 0n };
        expected.set(key, { micros: known.micros + what.micros, charges: known.charges + 1n });
      }
      assert.ok(expected.size > 0);
      const { lines } = await spend(tenantId, { from: '2026-03-28', to: '2026-03-28' });
      assert.deepEqual(
        new Map(lines.map(({ day: on, product, currency, micros, charges }) => [`${on} ${product} ${currency}`, { micros, charges }])),
        expected,
      );
      const both = (await spend(tenantId, { from: '2026-03-27', to: '2026-03-29' })).lines.map(({ day: on }) => on);
      assert.deepEqual(both, both.toSorted().toReversed());
      assert.deepEqual(new Set(both), new Set(['2026-03-29', '2026-03-28']));
    }
    for (const [from, to] of [
      ['2026-02-30', '2026-03-01'],
      ['2026-03-02', '2026-03-01'],
      ['2026-01-01', '2026-06-01'],
    ] as const)
      await assert.rejects(spend(tenants[0], { from, to }), { code: 'request.invalid' });
  });
  it('the audit finds a roll-up that was changed by hand, and an event that was taken away', async () => {
    await ingest(fc.sample(incoming, { numRuns: 20, seed: 7 }));
    await db.query('update hourly_figures set count = count + 1 where ctid = (select ctid from hourly_figures limit 1)');
    assert.ok(await figureAudit(db).firstDivergence());
    await db.query('truncate hourly_figures, events');
    await ingest(fc.sample(incoming, { numRuns: 20, seed: 8 }));
    await db.query(
      'delete from events where ctid in (select ctid from events where jsonb_array_length(figures) > 0 limit 1) and jsonb_array_length(figures) > 0',
    );
    assert.ok(await figureAudit(db).firstDivergence());
  });
  it('keeps events of any time and prepares months once, also when two replicas do', async () => {
    await db.query('truncate hourly_figures, events');
    const [event] = fc.sample(incoming, { numRuns: 1, seed: 1 });
    assert.ok(event);
    for (const year of [1999, 2026, 2077]) await ingest([{ ...event, id: newId(), occurredAt: new Date(Date.UTC(year, 2, 15)) }]);
    await Promise.all([prepareMonths(db, systemClock.now()), prepareMonths(db, systemClock.now())]);
    assert.equal((await db.query('select from events')).length, 3);
  });
});
