/** Each law of the audit, broken by hand as only a superuser can, is found under its own name. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import type { Database, Transaction } from '#platform/postgres/index.ts';
import { createTestDatabase, type TestDatabase } from '#platform/testing/index.ts';
import { addMs, dayMs, hourMs, testClock } from '#platform/time/index.ts';
import { decideAdjustment } from '../../../app/adjustments/decide-adjustment.ts';
import { proposeAdjustment } from '../../../app/adjustments/propose-adjustment.ts';
import { closePeriod } from '../../../app/documents/close-period.ts';
import { issueReceipts } from '../../../app/documents/issue-receipts.ts';
import { createPromotion } from '../../../app/prices/create-promotion.ts';
import { redeemPromotion } from '../../../app/prices/redeem-promotion.ts';
import { openBooks, postgresBooks } from '../../../testing/ledger/postgres-books.ts';
import { postgresAdjustments } from '../adjustments/adjustments.ts';
import { postgresDocuments } from '../documents/documents.ts';
import { postgresChain } from '../ledger/chain.ts';
import { postgresProviderCosts } from '../margins/provider-costs.ts';
import { migrations } from '../migrations/index.ts';
import { postgresDisputes } from '../payments/disputes.ts';
import { postgresPromotions } from '../prices/promotions.ts';
import { laws, postgresAudit } from './audit.ts';

const clock = testClock(new Date('2026-11-10T12:00:00Z'));
const tenantId = newId();
const issuer = { code: 'NMK', party: { name: 'Namaskah', address: [], country: 'GB', taxId: '' } };

/** Something of everything that the laws speak about. */
const fill = async (db: Database): Promise<void> => {
  const books = postgresBooks(db);
  const keyed = () => ({ tenantId, idempotencyKey: newId(), request: 'r', now: clock.now() });
  const about = { reference: 'ref', description: 'something' };
  const usd = (micros: bigint) => money('USD', micros);
  await books.grant({
    ...keyed(),
    transferId: newId(),
    amount: usd(1_000n),
    reason: 'r',
    priority: 20,
    expiresAt: addMs(clock.now(), 400 * dayMs),
  });
  const place = async (micros: bigint) => {
    const holdId = newId();
    const expiresAt = addMs(clock.now(), hourMs);
    await books.place({ ...keyed(), holdId, amount: usd(micros), product: 'campaign', ...about, expiresAt, expiryAcceptable: true });
    return holdId;
  };
  await books.capture({ ...keyed(), holdId: await place(100n), amount: usd(60n), final: true });
  await books.collect({ tenantId, holdId: await place(10n), upToMicros: 5_000n, final: true, now: clock.now() });
  await books.grant({
    ...keyed(),
    transferId: newId(),
    amount: usd(1_000n),
    reason: 'r',
    priority: 20,
    expiresAt: addMs(clock.now(), 400 * dayMs),
  });
  const fromHoldId = await place(7n);
  const part = { holdId: newId(), fromHoldId, amount: usd(3n), product: 'campaign', ...about } as const;
  await books.carve({ ...keyed(), ...part, expiresAt: addMs(clock.now(), hourMs), expiryAcceptable: true });
  const chargeId = newId();
  await books.charge({ ...keyed(), transferId: chargeId, amount: usd(30n), product: 'verification', ...about });

  const paymentId = newId();
  await db.query(
    `insert into payments (id, tenant_id, gateway, amount_micros, currency, idempotency_key, request_hash, next_check_at, created_at)
     values ($1, $2, 'simulator', 5000, 'USD', 'k', 'x', $3, $3)`,
    [paymentId, tenantId, clock.now()],
  );
  await db.query(`select settle_payment($1, 'g', $2, $3, $4, $5, 'namaskah.billing.v1.payment.succeeded', '{}', '')`, [
    paymentId,
    newId(),
    newId(),
    clock.now(),
    newId(),
  ]);
  const second = newId();
  const unpaid = newId();
  await db.query(
    `insert into payments (id, tenant_id, gateway, amount_micros, currency, idempotency_key, request_hash, next_check_at, created_at)
     values ($1, $2, 'simulator', 70, 'USD', 'twice', 'x', $3, $3)`,
    [unpaid, tenantId, clock.now()],
  );
  await db.query(`select add_attempt($1, $2, $3, 'stripe', 'again', null, '', $4, $4)`, [second, tenantId, unpaid, clock.now()]);
  const settle = `select settle_attempt($1, 'g', $2, $3, $4, $5, $6, 'namaskah.billing.v1.payment.succeeded', '{}', '')`;
  for (const attempt of [unpaid, second]) await db.query(settle, [attempt, newId(), newId(), newId(), clock.now(), newId()]);
  const [given, refused] = [newId(), newId()];
  for (const [id, micros] of [
    [given, 20],
    [refused, 10],
  ] as const) {
    const columns = [id, tenantId, unpaid, micros, id, newId(), clock.now(), newId()];
    await db.query(
      `select request_refund($1, $2, $3, $4, 'USD', 'customer', 'r', 'user:1', $5, 'x', $6, $7, $8, 'namaskah.billing.v1.refund.requested', '{}', '')`,
      columns,
    );
  }
  await db.query(`select finish_refund($1, 'failed', '', 'no', $2, $3, $4, 'namaskah.billing.v1.refund.failed', '{}', '')`, [
    refused,
    newId(),
    clock.now(),
    newId(),
  ]);

  await postgresDisputes(db).record({
    ...{ gateway: 'simulator', gatewayDisputeId: 'dp_1', reference: paymentId, status: 'open', reason: 'fraudulent', amount: usd(11n) },
    ...{ id: newId(), takenId: newId(), returnedId: newId(), now: clock.now() },
  });

  const adjustments = postgresAdjustments(db);
  const propose = proposeAdjustment({ adjustments, clock, policy: { limitMicros: { USD: 100n }, lifetimeMs: dayMs } });
  const asked = { tenantId, reason: 'goodwill', note: 'a note that is long enough' };
  await propose('user:ann', { ...asked, idempotencyKey: newId(), amount: usd(50n) });
  const { id } = await propose('user:ann', { ...asked, idempotencyKey: newId(), amount: usd(500n) });
  await decideAdjustment({ adjustments, clock })('user:bob', { id, decision: 'posted', note: '' });
  await propose('user:cid', { ...asked, idempotencyKey: newId(), amount: usd(10n), refundOf: chargeId });

  const [subscription, billed, paid] = [newId(), newId(), newId()];
  const post = `select post_to_wallet($1, $2, 'USD', $3, 0, $4, 'revenue', $4, 'Plan', '', null, null, null, null, $5)`;
  await db.query(post, [paid, tenantId, -40n, 'subscription', clock.now()]);
  await db.query(
    `insert into billed_periods (id, subscription_id, tenant_id, plan, interval, starts_at, ends_at, amount_micros, currency, transfer_id, created_at)
     values ($1, $2, $3, 'pro', 'month', $4, $5, 40, 'USD', $6, $4)`,
    [billed, subscription, tenantId, clock.now(), addMs(clock.now(), 30 * dayMs), paid],
  );
  await db.query(
    `insert into subscriptions (id, tenant_id, plan, interval, state, time_zone, anchor_at, period_index, period_start, period_end, billed_id, attempts, due_at, owed_micros, currency, version, created_at)
     values ($1, $2, 'pro', 'month', 'active', 'UTC', $3, 0, $3, $4, $5, 0, $4, 0, 'USD', 1, $3)`,
    [subscription, tenantId, clock.now(), addMs(clock.now(), 30 * dayMs), billed],
  );
  const [period, usage] = [newId(), newId()];
  await db.query(`select post_to_wallet($1, $2, 'USD', -9, 0, 'usage', 'revenue', 'usage', 'Calls', $3, null, null, $4, null, $5)`, [
    ...[usage, tenantId, `${period}/api_calls`, `usage/${period}/api_calls/1`, clock.now()],
  ]);
  await db.query(
    `insert into usage_events (tenant_id, meter, event_id, quantity, occurred_at, recorded_at, period_id) values ($1, 'api_calls', 'e', 3, $2, $2, $3)`,
    [tenantId, clock.now(), period],
  );
  await db.query(
    `insert into usage_totals (tenant_id, period_id, meter, quantity, event_count, rated_quantity, rated_micros, charged_micros, charge_count, updated_at) values ($1, $2, 'api_calls', 3, 1, 3, 9, 9, 1, $3)`,
    [tenantId, period, clock.now()],
  );
  await db.query('insert into usage_charges values ($1, $2, $3, 1, $4, 9, 3, $5)', [tenantId, period, 'api_calls', usage, clock.now()]);
  await db.query('insert into usage_days values ($1, $2, $3, 3)', [tenantId, clock.now(), 'api_calls']);
  const budget = newId();
  await db.query(
    `insert into budgets (id, tenant_id, name, interval, currency, amount_micros, hard, zone, created_at, updated_at) values ($1, $2, 'b', 'daily', 'USD', 100000, true, 'UTC', $3, $3)`,
    [budget, tenantId, clock.now()],
  );
  await db.query(
    `insert into budget_windows select b.id, w, spent_in_window(b, w) from budgets b, lateral (select budget_window(b.interval, b.zone, $1) as w) s`,
    [clock.now()],
  );
  await place(3n);
  const alert = newId();
  await db.query(
    `insert into usage_alerts (id, tenant_id, name, metric, threshold, direction, recurrence, fired, created_at, updated_at) values ($1, $2, 'a', 'wallet_balance', 5, 'down', 'every', 1, $3, $3)`,
    [alert, tenantId, clock.now()],
  );
  await db.query(`insert into usage_alert_events values ($1, 1, $2, '', 5, 4, $3)`, [alert, tenantId, clock.now()]);

  const quoteId = newId();
  const item = {
    item: { product: 'campaign' },
    quantity: '2',
    price: '4',
    lines: [{ kind: 'list', label: 'List price', attos: '4000000000000' }],
  };
  await db.query(
    `insert into quotes (id, tenant_id, fingerprint, currency, total_micros, plan, items, expires_at, created_at) values ($1, $2, '', 'USD', 8, 'starter', $3, $4, $5)`,
    [quoteId, tenantId, JSON.stringify([item]), addMs(clock.now(), hourMs), clock.now()],
  );
  const onQuote = { holdId: newId(), amount: usd(8n), product: 'campaign' as const, quoteId, expiresAt: addMs(clock.now(), hourMs) };
  await books.place({ ...keyed(), ...about, ...onQuote, expiryAcceptable: true });
  const promotions = postgresPromotions(db);
  await createPromotion({ promotions, clock })('user:ada', {
    ...{ idempotencyKey: newId(), code: 'GIFT', kind: 'credit', percentPpm: 0, amount: usd(3n), products: [], minimum: undefined },
    ...{ firstPurchaseOnly: false, startsAt: undefined, endsAt: undefined, totalLimit: 5, tenantLimit: 1, benefitDays: 0 },
  });
  await redeemPromotion({ promotions, clock })(tenantId, { idempotencyKey: newId(), code: 'GIFT' });

  const cost = { tenantId, product: 'verification', reference: 'ref', provider: 'sim', amountMicros: 12n, currency: 'USD' } as const;
  await postgresProviderCosts(db).post([{ ...cost, occurredAt: clock.now() }]);

  const documents = postgresDocuments(db, issuer.code);
  await issueReceipts({ documents, issuer, clock })();
  clock.set(new Date('2026-12-01T02:00:00Z'));
  assert.equal(await closePeriod({ documents, issuer, clock, graceMs: 0 })(), 1);
  while ((await postgresChain(db).seal(clock.now(), 5)) !== undefined);
};

/** For each law: what a hand that may do everything could do to break it. */
const corruptions: Readonly<Record<string, string>> = {
  'the entries of all accounts sum to zero in each currency (debits = credits)': `delete from entries where transfer_id = (select id from transfers where type = 'payment' limit 1) and account_sequence is null`,
  'a transfer has exactly two entries: its amount out of the debit account and into the credit account': `update entries set amount_micros = amount_micros + 1 where transfer_id = (select id from transfers where type = 'payment' limit 1) and account_sequence is null`,
  'every entry belongs to a transfer and to an account of its currency': `delete from transfers where type = 'payment'`,
  "a transfer touches its own tenant's wallet and no other, and one system account": `update transfers set tenant_id = gen_random_uuid() where type = 'charge'`,
  "a wallet's balance is the sum of its entries, and it counts them": `update accounts set balance_micros = balance_micros + 1 where kind = 'wallet'`,
  "a wallet's entries are numbered without gaps, each carries the running balance, and time does not go back": `update entries set account_sequence = 1000 where account_sequence = 2`,
  "a wallet's balance is what is left of its grants, and its promotional part what is left of the promotional ones": `update accounts set promotional_micros = promotional_micros - 1 where kind = 'wallet'`,
  'what is left of a grant is the sum of its entries': `update grants set remaining_micros = remaining_micros - 1 where remaining_micros > 1`,
  "a transfer's entries on grants are its entry on the wallet": `update grant_entries set amount_micros = amount_micros - 1 where amount_micros < 0`,
  'credit does not lapse unnoticed: a wallet knows of an expiry that comes before all of its open grants': `update accounts set credit_expires_at = null where kind = 'wallet'`,
  'available credit is never negative': `alter table accounts drop constraint accounts_floor; update accounts set held_micros = balance_micros + 1 where kind = 'wallet'`,
  'what a wallet holds is the sum of its open holds': `update holds set state = 'released', resolved_at = now() where state = 'held'`,
  'what was taken out of a hold is the sum of the holds that were made of it, of its tenant and currency': `update holds set carved_micros = carved_micros + 1 where carved_micros > 0`,
  'every transfer is in exactly one block of the chain, or waits for one': `insert into unsealed_batches select array[id] from transfers limit 1`,
  'the blocks are a chain: numbered without gaps, each with the hash of the one before it and of what it seals': `update transfers set description = 'something else' where type = 'charge'`,
  'what was captured and collected for a hold is the sum of its charges': `update holds set captured_micros = captured_micros - 1 where captured_micros > 1`,
  'what is uncollected is the reported total less everything charged': `update uncollected set owed_micros = owed_micros + 1`,
  'a payment is credited once, in full, to its own tenant, exactly when it succeeded': `update payments set amount_micros = amount_micros + 1`,
  'a payment shows the attempt that was credited, of which there is one exactly when it succeeded': `update payments set attempt_id = gen_random_uuid()`,
  'what was paid twice has a refund of its own, and only that': `delete from refunds where cause = 'surplus'`,
  'a refund took its amount from the wallet of its payment, a failed one gave it back, and all of a payment together are not more than it': `update refunds set amount_micros = amount_micros + 1 where cause <> 'surplus'`,
  'a dispute took from the wallet of its payment what it says, and gave it back exactly when it was won': `update disputes set taken_micros = taken_micros - 1`,
  'the lines of an invoice sum to what was charged in its period, to the last micro': `update closed_periods set invoice_id = null`,
  'the lines of a credit note sum to what was given back in its period, to the last micro': `update closed_periods set credit_note_id = null`,
  'billing periods follow each other: each begins, in time and in entries, where the one before ended': `update billing_schedules set last_sequence = last_sequence - 1`,
  'a closed period covers entries that exist, and every wallet has a running period': `delete from billing_schedules`,
  'documents are numbered 1, 2, 3 … for each issuer, kind and year, and the counter stands at the last': `delete from documents where kind = 'invoice'`,
  'a document says what it said when it was issued: its hash, its number, its sums': `update documents set content = replace(content, 'Plan', 'Plane') where kind = 'invoice'`,
  'a payment that was credited has one receipt of its amount, or waits for one': `update documents set total_micros = total_micros + 1 where kind = 'receipt'`,
  "an adjustment by hand is in the books exactly when it was posted, with its amount, on its tenant's wallet": `update adjustments set amount_micros = amount_micros + 1 where decided_by is not null`,
  'nobody approved an adjustment of his own': `alter table adjustments drop constraint adjustments_two_people; update adjustments set decided_by = proposed_by where decided_by is not null`,
  'what was given back of a charge is not more than the charge, and went to the same wallet': `update transfers set amount_micros = 1000 where type = 'refund'`,
  "a billed period of a plan was paid by one transfer of its amount, out of its tenant's wallet": `update billed_periods set amount_micros = amount_micros + 1`,
  'no moment of a tenant is billed twice, and each subscription stands in a period that was billed': `alter table billed_periods drop constraint billed_periods_once;
    insert into billed_periods select gen_random_uuid(), subscription_id, tenant_id, plan, interval, starts_at, ends_at, 0, 0, currency, null, created_at from billed_periods`,
  "a hold never exceeds the quote that it names, which is its own tenant's": `update quotes set tenant_id = gen_random_uuid()`,
  'the lines of a quoted price add up to it exactly, and its items to the total of the quote': `update quotes set total_micros = total_micros + 1`,
  "one version of a price book is effective at a time, and a tenant's was decided by a second person": `alter table price_books drop constraint price_books_one_at_a_time;
    insert into price_books select (jsonb_populate_record(b, jsonb_build_object('id', gen_random_uuid(), 'version', 9))).* from price_books b where book = 'default'`,
  'a promotion counts its redemptions, within its limits, and each credit of it is in the books with its amount': `delete from redemptions`,
  'a total of usage is the sum of its events': `update usage_totals set quantity = quantity + 1`,
  'what was charged for usage is the sum of its charges, and each is a transfer of that amount': `delete from usage_charges`,
  'usage was charged as it was rated, unless it is owed, waits, or was given back by hand': `update usage_totals set rated_micros = rated_micros + 1`,
  'what rounding left of a total of usage is half a micro at most': `update usage_totals set remainder_picos = -500001`,
  'the days of usage sum to its periods': `update usage_days set quantity = quantity - 1`,
  'what a budget has counted in its newest window is what the holds and charges of that window say': `update budget_windows set spent_micros = spent_micros - 1`,
  'an alert has told each of its crossings, numbered without gaps': `delete from usage_alert_events`,
  "a provider's cost is one transfer of its amount, out of the costs of its product and into what is owed to its provider": `update provider_costs set provider = 'another'`,
};

/** Further rows that a law has to find: none of them shows in the corruption above. */
const further: readonly (readonly [law: string, sql: string])[] = [
  [
    'what was charged for usage is the sum of its charges, and each is a transfer of that amount',
    `delete from usage_charges; update usage_totals set rated_micros = 0, charged_micros = 0`,
  ],
  [
    'documents are numbered 1, 2, 3 … for each issuer, kind and year, and the counter stands at the last',
    `drop index documents_sequence; update documents set sequence = 3 - sequence where kind = 'receipt'`,
  ],
  ...[`issued_at = issued_at + interval '1 day'`, `currency = 'EUR'`, `payment_id = gen_random_uuid()`].map(
    (change) =>
      [
        'a document says what it said when it was issued: its hash, its number, its sums',
        `update documents set ${change} where kind = 'receipt'`,
      ] as const,
  ),
  [
    'a document says what it said when it was issued: its hash, its number, its sums',
    `update documents set content = left(content, 100) where kind = 'invoice'`,
  ],
  [
    'a document says what it said when it was issued: its hash, its number, its sums',
    `update documents set content = 'gone', content_hash = sha256('gone') where kind = 'invoice'`,
  ],
  [
    'usage was charged as it was rated, unless it is owed, waits, or was given back by hand',
    `update usage_totals set rated_micros = rated_micros + 1`,
  ],
  [
    'usage was charged as it was rated, unless it is owed, waits, or was given back by hand',
    `update usage_totals set rated_quantity = rated_quantity - 1`,
  ],
  [
    'what was charged for usage is the sum of its charges, and each is a transfer of that amount',
    `update transfers set type = 'charge' where type = 'usage'; update entries set type = 'charge' where type = 'usage'`,
  ],
  [
    'the lines of a quoted price add up to it exactly, and its items to the total of the quote',
    `update quotes set items = '[{"price": "four", "quantity": "2"}]'`,
  ],
];

describe('the audit', () => {
  let database: TestDatabase;
  let db: Database;
  before(async () => {
    database = await createTestDatabase('billing', migrations);
    db = await openBooks(database.url, 3);
    await fill(db);
  });
  after(async () => {
    await db.close();
    await database.close();
  });

  /** Corrupts, looks, and undoes. */
  const afterCorruption = async <T>(sql: string, look: (inside: Database) => Promise<T>): Promise<T> => {
    let seen: { readonly value: T } | undefined;
    const undo = new Error('undo');
    const work = async (tx: Transaction): Promise<never> => {
      await tx.query(`set local session_replication_role = 'replica'`);
      for (const statement of sql.split(';')) await tx.query(statement);
      const inside = { ...db, transaction: <R>(inner: (outer: Transaction) => Promise<R>) => inner(tx) } as Database;
      seen = { value: await look(inside) };
      throw undo;
    };
    await assert.rejects(db.transaction(work), undo);
    assert.ok(seen);
    return seen.value;
  };

  test('finds nothing in sound books', async () => {
    const report = await postgresAudit(db).report();
    assert.deepEqual(report.divergences, []);
    assert.deepEqual([report.laws, report.imbalanceMicros], [laws.length, 0n]);
    assert.equal(await postgresAudit(db).firstDivergence(), undefined);
  });

  test('every law has a corruption that proves it, and no two laws one name', () => {
    assert.deepEqual(laws.map(({ law }) => law).toSorted(), Object.keys(corruptions).toSorted());
  });

  for (const [law, sql] of Object.entries(corruptions)) {
    test(`finds: ${law}`, async () => {
      const { divergences, first } = await afterCorruption(sql, async (inside) => ({
        divergences: (await postgresAudit(inside).report()).divergences,
        first: await postgresAudit(inside).firstDivergence(),
      }));
      const found = divergences.find((each) => each.law === law);
      assert.ok(found, `found instead: ${divergences.map((each) => each.law).join('; ')}`);
      assert.notEqual(found.expected, found.found);
      assert.equal(first?.law, divergences[0]?.law);
    });
  }

  for (const [law, sql] of further) {
    test(`finds, too: ${sql.slice(0, 90)}`, async () => {
      const { divergences } = await afterCorruption(sql, (inside) => postgresAudit(inside).report());
      assert.ok(
        divergences.some((each) => each.law === law),
        `found instead: ${divergences.map((each) => each.law).join('; ')}`,
      );
    });
  }

  test('shows the rows around the subject', async () => {
    const found = await afterCorruption(corruptions['what is uncollected is the reported total less everything charged'] ?? '', (inside) =>
      postgresAudit(inside).firstDivergence(),
    );
    assert.deepEqual(Object.keys(found?.rows ?? {}), ['holds', 'transfers', 'uncollected']);
    const holds = (found?.rows['holds'] ?? []) as readonly { readonly id: string }[];
    assert.deepEqual(
      holds.map(({ id }) => id),
      [found?.subject],
    );
  });

  test('the command says so: 0 and "agree"; 1 and the law with its rows, also as JSON; 2 when it cannot read', async () => {
    const run = async (url: string, ...args: string[]) => {
      const command = spawn(process.execPath, ['services/billing/verify.ts', ...args], {
        cwd: new URL('../../../../..', import.meta.url).pathname,
        env: { ...process.env, DATABASE_URL: url },
      });
      let [out, error] = ['', ''];
      command.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
      command.stderr.on('data', (chunk: Buffer) => (error += chunk.toString()));
      const [code] = (await once(command, 'close')) as [number];
      return { code, out, error };
    };
    const sound = await run(database.url);
    assert.deepEqual([sound.code, sound.error], [0, '']);
    assert.match(sound.out, /The books agree/);
    await db.query('update payments set amount_micros = amount_micros + 1');
    const [broken, json] = [await run(database.url), await run(database.url, '--json')];
    assert.equal(broken.code, 1);
    assert.match(
      broken.error,
      /Divergence: a payment is credited once[^]*expected succeeded (5001, found 5000|71, found 70)[^]*payments \{.*"amount_micros":"(5001|71)"/,
    );
    assert.equal(json.code, 1);
    const report = JSON.parse(json.out) as { agrees: boolean; divergences: { law: string }[] };
    assert.equal(report.agrees, false);
    assert.ok(report.divergences.length >= 1);
    await db.query('update payments set amount_micros = amount_micros - 1');
    assert.equal((await run('postgres://nobody:x@127.0.0.1:1/none')).code, 2);
  });
});
