/** Costs of providers in the books, and what is left of the charges. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import { createTestDatabase, type TestDatabase } from '#platform/testing/index.ts';
import { dayMs, hourMs } from '#platform/time/index.ts';
import { postgresChain } from '../../adapters/postgres/ledger/chain.ts';
import { postgresMargins, postgresProviderCosts } from '../../adapters/postgres/margins/provider-costs.ts';
import { migrations } from '../../adapters/postgres/migrations/index.ts';
import { postgresAudit } from '../../adapters/postgres/verify/audit.ts';
import type { ProviderCost } from '../../app/margins/ports.ts';
import { recordProviderCosts } from '../../app/margins/record-provider-costs.ts';
import { type MarginRequest, reportMargins } from '../../app/margins/report-margins.ts';
import { capturing, granting, placing, refunding, start } from '../ledger/books.contract.ts';
import { openBooks, postgresBooks } from '../ledger/postgres-books.ts';

let database: TestDatabase;
let db: Database;
before(async () => {
  database = await createTestDatabase('billing', migrations);
  db = await openBooks(database.url, 6);
});
after(async () => {
  await db?.close();
  await database?.close();
});

const costOf = (over: Partial<ProviderCost> = {}): ProviderCost => ({
  ...{ tenantId: newId(), product: 'verification', reference: newId(), provider: 'sim', amountMicros: 200n },
  ...{ currency: 'USD', occurredAt: start, ...over },
});
const record = (costs: readonly ProviderCost[]) => recordProviderCosts({ costs: postgresProviderCosts(db) })(costs);
const report = (over: Partial<MarginRequest> = {}) =>
  reportMargins({ margins: postgresMargins(db) })({ from: '2026-03-01', to: '2026-03-01', product: '', provider: '', ...over });
const balances = () =>
  db.query<{ kind: string; discriminator: string; balance_micros: string }>(
    `select kind, discriminator, balance_micros from system_balances where kind in ('payable', 'provider_cost') and balance_micros <> 0 order by 1, 2`,
  );

describe('costs of providers', () => {
  it('are posted once, however often and in whatever order and batches they are told, from several replicas at once', async () => {
    const other = await openBooks(database.url, 3);
    try {
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 4 }), async (count, times) => {
          const provider = `p-${newId()}`;
          const costs = Array.from({ length: count }, (_, at) => costOf({ provider, amountMicros: BigInt(at + 1) }));
          const told = Array.from({ length: times }, (_, turn) => (turn % 2 === 0 ? costs : costs.toReversed()));
          const posted = await Promise.all(
            told.map((batch, turn) =>
              (turn % 2 === 0 ? db : other).transaction((tx) =>
                recordProviderCosts({ costs: postgresProviderCosts(tx) })([...batch, ...batch]),
              ),
            ),
          );
          assert.equal(
            posted.reduce((a, b) => a + b, 0),
            count,
          );
          const [owed] = (await balances()).filter(({ discriminator }) => discriminator === provider);
          assert.equal(BigInt(owed?.balance_micros ?? 0), BigInt((count * (count + 1)) / 2), 'what is owed to the provider');
        }),
        { numRuns: 12 },
      );
    } finally {
      await other.close();
    }
    await postgresChain(db).seal(start, 1_000);
    assert.equal(await postgresAudit(db).firstDivergence(), undefined);
  });

  it('that are nothing, or of nobody, are none; the first one told counts', async () => {
    const [nothing, nobody, first] = [costOf({ amountMicros: 0n }), costOf({ provider: '' }), costOf({ amountMicros: 7n })];
    assert.equal(await record([nothing, nobody, first, { ...first, amountMicros: 9n }]), 1);
    assert.equal(await record([{ ...first, amountMicros: 9n }]), 0);
    const rows = await db.query<{ amount_micros: bigint }>('select amount_micros from provider_costs where reference = $1', [
      first.reference,
    ]);
    assert.deepEqual(rows, [{ amount_micros: 7n }]);
  });

  it('cannot be changed afterwards', async () => {
    await record([costOf()]);
    await assert.rejects(db.query('update provider_costs set amount_micros = 1'), { code: '23001' });
  });
});

describe('margins', () => {
  it('charges, refunds and costs meet at the purchase, by day, product and provider', async () => {
    const tenantId = newId();
    const books = postgresBooks(db);
    const at = new Date(start.getTime() + 40 * dayMs);
    await books.grant({ ...granting(tenantId, 10_000n), now: at });
    const sell = async (micros: bigint, provider: string, cost: bigint, now = at) => {
      const hold = placing(tenantId, micros, { reference: newId(), now, expiresAt: new Date(now.getTime() + hourMs) });
      await books.place(hold);
      await books.capture({ ...capturing(tenantId, hold.holdId, micros), now });
      await record([costOf({ tenantId, reference: hold.reference, provider, amountMicros: cost, occurredAt: now })]);
      return hold.holdId;
    };
    const cheap = await sell(500n, 'cheap', 200n);
    await sell(500n, 'cheap', 300n);
    await sell(500n, 'dear', 600n);
    const tomorrow = new Date(at.getTime() + dayMs);
    await sell(500n, 'dear', 100n, tomorrow);
    const [charge] = await db.query<{ id: string }>(`select id from transfers where hold_id = $1 and type = 'charge'`, [cheap]);
    await books.refund({ ...refunding(tenantId, charge?.id ?? '', 500n), now: tomorrow });
    const lines = await report({ from: '2026-04-10', to: '2026-04-11' });
    assert.deepEqual(
      lines.map(({ day, product, provider, chargedMicros, refundedMicros, costMicros, charges }) => [
        ...[day, product, provider, chargedMicros, refundedMicros, costMicros, charges],
      ]),
      [
        ['2026-04-11', 'verification', 'cheap', 0n, 500n, 0n, 0n],
        ['2026-04-11', 'verification', 'dear', 500n, 0n, 100n, 1n],
        ['2026-04-10', 'verification', 'cheap', 1_000n, 0n, 500n, 2n],
        ['2026-04-10', 'verification', 'dear', 500n, 0n, 600n, 1n],
      ],
    );
    assert.deepEqual((await report({ from: '2026-04-10', to: '2026-04-10', provider: 'dear' })).length, 1);
    assert.deepEqual(await report({ from: '2026-04-10', to: '2026-04-11', product: 'campaign' }), []);
  });

  it('a request that cannot be answered is refused by field', async () => {
    const refused = async (over: Partial<MarginRequest>): Promise<string | undefined> => {
      try {
        await report(over);
        return undefined;
      } catch (error) {
        return isAppError(error, 'request.invalid') ? error.fields.map(({ field }) => field).join() : String(error);
      }
    };
    assert.equal(await refused({ from: '2026-02-30' }), 'from');
    assert.equal(await refused({ to: 'x' }), 'to');
    assert.equal(await refused({ to: '2026-02-01' }), 'to');
    assert.equal(await refused({ from: '2026-01-01', to: '2026-04-03' }), 'to');
    assert.equal(await refused({ product: 'shoes' }), 'product');
  });
});
