import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import { createTestDatabase, type TestDatabase } from '#platform/testing/index.ts';
import { dayMs, hourMs, testClock } from '#platform/time/index.ts';
import { setBillingDetails } from '../../../app/documents/billing-details.ts';
import { closePeriod } from '../../../app/documents/close-period.ts';
import { getDocument } from '../../../app/documents/get-document.ts';
import { issueDocument, occasionOf } from '../../../app/documents/issue.ts';
import { issueReceipts } from '../../../app/documents/issue-receipts.ts';
import { previewInvoice } from '../../../app/documents/preview-invoice.ts';
import { invoiceOf, noDetails } from '../../../domain/documents/document.ts';
import { openBooks } from '../../../testing/ledger/postgres-books.ts';
import { openRenderer } from '../../pdf/renderer.ts';
import { postgresAudit } from '../ledger/audit.ts';
import { postgresHolds } from '../ledger/hold-ledger.ts';
import { postgresWallets } from '../ledger/wallets.ts';
import { migrations } from '../migrations/index.ts';
import { postgresDocuments } from './documents.ts';

const issuer = { code: 'NMK', party: { name: 'Namaskah', address: ['1 Harbour Street'], country: 'GB', taxId: 'GB1' } };
const november = new Date('2026-11-10T12:00:00Z');
const december = new Date('2026-12-01T01:00:00Z');

describe('documents', () => {
  let database: TestDatabase;
  let db: Database;
  let clock: ReturnType<typeof testClock>;
  let tenantId: string;
  beforeEach(async () => {
    database = await createTestDatabase('billing', migrations);
    db = await openBooks(database.url, 20);
    clock = testClock(november);
    tenantId = await newTenant();
  });
  const closeDatabase = async () => {
    await db.close();
    await database.close();
  };
  const finish = async () => {
    assert.equal(await postgresAudit(db).firstDivergence(), undefined, 'the books agree after all that');
    await closeDatabase();
  };
  /** Every test on a database of its own, audited at its end. */
  const law = (name: string, body: () => Promise<void>): void => {
    test(name, async () => {
      try {
        await body();
      } catch (error) {
        await closeDatabase();
        throw error;
      }
      await finish();
    });
  };

  const newTenant = async (micros = 1_000_000_000n): Promise<string> => {
    const id = newId();
    await postgresWallets(db).grant({
      tenantId: id,
      idempotencyKey: newId(),
      request: 'r',
      transferId: newId(),
      amount: money('USD', micros),
      reason: 'credit',
      priority: 20,
      expiresAt: undefined,
      now: clock.now(),
    });
    return id;
  };
  const charge = async (
    of: string,
    micros: bigint,
    product: 'verification' | 'usage' | 'subscription' = 'verification',
    now = clock.now(),
  ) => {
    const transferId = newId();
    const result = await postgresHolds(db).charge({
      tenantId: of,
      idempotencyKey: newId(),
      request: 'r',
      transferId,
      amount: money('USD', micros),
      product,
      reference: 'ref',
      description: 'Pro plan',
      now,
    });
    assert.equal(result.outcome, 'done');
    return transferId;
  };
  const refund = async (of: string, reverses: string, micros: bigint) => {
    const command = { tenantId: of, idempotencyKey: newId(), request: 'r', transferId: newId(), reverses, amount: money('USD', micros) };
    assert.equal((await postgresWallets(db).refund({ ...command, description: 'sorry', reference: '', now: clock.now() })).outcome, 'done');
  };
  const store = () => postgresDocuments(db, issuer.code);
  const close = () => closePeriod({ documents: store(), issuer, clock, graceMs: hourMs })();
  const closeAll = async (): Promise<number> => {
    let closed = 0;
    while ((await close()) > 0) closed += 1;
    return closed;
  };
  const all = async (of = tenantId) => (await store().list(of, ['invoice', 'credit_note'], { limit: 100, cursor: '' })).documents;
  const sum = (lines: readonly { amountMicros: bigint }[]) => lines.reduce((total, { amountMicros }) => total + amountMicros, 0n);
  const at = (time: string | Date) => clock.set(new Date(time));

  law(
    'a month is invoiced once it is over: a line for each product, to the last micro; refunds are a credit note that names the invoice',
    async () => {
      const first = await charge(tenantId, 1_234_567n);
      await charge(tenantId, 1n);
      await charge(tenantId, 49_000_000n, 'subscription');
      await refund(tenantId, first, 34_567n);
      at('2026-12-01T00:59:59.999Z');
      assert.equal(await closeAll(), 0, 'the hour of grace is not over');
      at(december);
      assert.equal(await closeAll(), 1);
      const documents = await all();
      const invoice = documents.find(({ kind }) => kind === 'invoice');
      const note = documents.find(({ kind }) => kind === 'credit_note');
      assert.deepEqual(
        invoice?.lines.map(({ product, quantity, amountMicros }) => [product, quantity, amountMicros]),
        [
          ['subscription', 1n, 49_000_000n],
          ['verification', 2n, 1_234_568n],
        ],
      );
      assert.deepEqual([invoice?.number, note?.number], ['NMK-2026-000001', 'NMK-2026-CN-000001']);
      assert.deepEqual([sum(note?.lines ?? []), note?.refersTo], [34_567n, ['NMK-2026-000001']]);
      assert.deepEqual([invoice?.period?.from, invoice?.period?.to], [november, new Date('2026-12-01T00:00:00Z')]);
      assert.equal(await closeAll(), 0, 'once');

      await refund(tenantId, first, 1_000n);
      at('2027-01-01T01:00:00Z');
      assert.equal(await closeAll(), 1);
      const later = (await all()).filter(({ number }) => number.startsWith('NMK-2027'));
      assert.deepEqual(
        later.map(({ kind, number, refersTo }) => [kind, number, refersTo]),
        [['credit_note', 'NMK-2027-CN-000001', ['NMK-2026-000001']]],
        'a month without charges has no invoice; numbers begin anew each year',
      );
      const subjects = await db.query<{ n: bigint }>(`select count(*) as n from outbox where subject like '%document.issued'`);
      assert.equal(subjects[0]?.n, 3n);
    },
  );

  law('what is booked too late is in the next invoice; nothing twice, nothing lost, whatever zones the tenant moves through', async () => {
    const setZone = (timeZone: string) =>
      setBillingDetails({ store: store(), clock })(tenantId, 'user:ann', { ...noDetails, name: 'Acme', country: 'GB', timeZone });
    let charged = 0n;
    const zones = ['Asia/Jakarta', 'America/Los_Angeles', 'Pacific/Kiritimati', 'Pacific/Pago_Pago', 'Europe/London', 'UTC'];
    for (let step = 0; step < 60; step++) {
      clock.advance(5 * dayMs + 7 * hourMs);
      if (step % 7 === 0) await setZone(zones[(step / 7) % zones.length] ?? 'UTC');
      charged += BigInt(step + 1);
      await charge(tenantId, BigInt(step + 1));
      await closeAll();
      // A service whose clock is behind books before the period that was just closed.
      charged += 1_000n;
      await charge(tenantId, 1_000n, 'usage', new Date(clock.now().getTime() - 40 * dayMs));
    }
    clock.advance(70 * dayMs);
    await closeAll();
    const invoices = (await all()).filter(({ kind }) => kind === 'invoice');
    assert.equal(sum(invoices.flatMap(({ lines }) => lines)), charged);
    const periods = await db.query<{ from: Date; to: Date; after: bigint; upto: bigint }>(
      'select period_from as from, period_to as to, after_sequence as after, to_sequence as upto from closed_periods where tenant_id = $1 order by 1',
      [tenantId],
    );
    assert.ok(periods.length > 10);
    for (const [index, { from, after: begin }] of periods.entries()) {
      if (index === 0) continue;
      assert.deepEqual([from, begin], [periods[index - 1]?.to, periods[index - 1]?.upto]);
    }
  });

  law('a period that cannot be closed keeps no other from being closed, and is closed once it can be', async () => {
    await charge(tenantId, 5n);
    clock.advance(1);
    const other = await newTenant();
    await charge(other, 7n);
    const zoned = (timeZone: string) =>
      db.query(
        `insert into billing_details (tenant_id, name, address, country, tax_id, time_zone, updated_by, updated_at) values ($1, 'Acme', '{}', 'GB', '', $2, '', $3)
         on conflict (tenant_id) do update set time_zone = excluded.time_zone`,
        [tenantId, timeZone, clock.now()],
      );
    // As the runtime knows no longer.
    await zoned('Mars/Olympus');
    at(december);
    assert.equal(await close(), 1);
    assert.deepEqual([(await all(other)).length, (await all()).length], [1, 0]);
    await assert.rejects(close(), RangeError);
    await zoned('UTC');
    assert.equal(await closeAll(), 1);
    assert.equal((await all()).length, 1);
  });

  law('what is booked into a period while it is being closed is in the next invoice', async () => {
    await charge(tenantId, 5n);
    at(december);
    let booked = false;
    const racing: Database = {
      ...db,
      transaction: (work, options) =>
        db.transaction((tx) => {
          const query: typeof tx.query = async (sql, ...rest) => {
            const rows = await tx.query(sql, ...rest);
            if (!booked && sql.includes('from entries')) {
              booked = true;
              await charge(tenantId, 70n, 'verification', november);
            }
            return rows as never;
          };
          return work({ query, em: tx.em, afterCommit: (callback) => tx.afterCommit(callback), signalOutbox: () => tx.signalOutbox() });
        }, options),
    };
    assert.equal(await closePeriod({ documents: postgresDocuments(racing, issuer.code), issuer, clock, graceMs: hourMs })(), 1);
    assert.equal(booked, true);
    at('2027-01-01T01:00:00Z');
    await closeAll();
    assert.deepEqual(
      (await all()).map(({ totalMicros }) => totalMicros),
      [70n, 5n],
    );
  });

  law('two workers at once close every period of many tenants once, and numbers have no gap', async () => {
    const tenants = await Promise.all(Array.from({ length: 25 }, () => newTenant()));
    for (const each of tenants) await charge(each, 5n);
    at(december);
    await Promise.all([closeAll(), closeAll(), closeAll()]);
    // Whoever found all that was left locked by the others comes again.
    await closeAll();
    const numbers = await db.query<{ sequence: bigint }>(`select sequence from documents where kind = 'invoice' order by 1`);
    assert.deepEqual(
      numbers.map(({ sequence }) => sequence),
      Array.from({ length: 25 }, (_, index) => BigInt(index + 1)),
    );
  });

  law('numbers have no gap even when half of those who take one fail afterwards', async () => {
    const schedule = await store().schedule(tenantId, 'USD');
    assert.ok(schedule);
    const attempts = await Promise.allSettled(
      Array.from({ length: 40 }, (_, index) =>
        store().run(async (unit) => {
          const occasion = await occasionOf(unit, issuer, { details: noDetails, currency: 'USD', issuedAt: clock.now() });
          const content = invoiceOf(occasion, { from: november, to: december, timeZone: 'UTC' }, []);
          const { number } = await issueDocument(unit, issuer, tenantId, content);
          if (index % 2 === 0) throw new Error('the power went off');
          return number;
        }),
      ),
    );
    const numbers = attempts.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    assert.equal(numbers.length, 20);
    assert.deepEqual(
      numbers.toSorted(),
      Array.from({ length: 20 }, (_, index) => `NMK-2026-${String(index + 1).padStart(6, '0')}`),
    );
  });

  law('an issued document never changes: not with the details, not by SQL; its PDF is the same bytes', async () => {
    await setBillingDetails({ store: store(), clock })(tenantId, 'user:ann', {
      name: 'Ünïcode Čo. شركة',
      address: ['ул. Пушкина 10', '東京'],
      country: 'DE',
      taxId: 'DE 123456789',
      timeZone: '',
    });
    await charge(tenantId, 120_000_000n);
    at(december);
    await closeAll();
    const [issued] = await all();
    assert.ok(issued);
    assert.match(issued.taxNote, /Reverse charge/);
    const renderer = await openRenderer();
    const first = await renderer.pdf(issued);
    assert.equal(Buffer.from(first.subarray(0, 5)).toString(), '%PDF-');
    await setBillingDetails({ store: store(), clock })(tenantId, 'user:ann', { ...noDetails, name: 'Other', country: 'GB' });
    const again = await getDocument({ reader: store() })(tenantId, issued.id);
    assert.deepEqual(again, issued);
    assert.equal(Buffer.compare(first, await (await openRenderer()).pdf(again)), 0);
    await assert.rejects(db.query('update documents set total_micros = 0 where id = $1', [issued.id]));
    await assert.rejects(db.query('delete from documents where id = $1', [issued.id]));
    await assert.rejects(getDocument({ reader: store() })(newId(), issued.id), (error) => isAppError(error, 'request.not_found'));
  });

  law('the tax is that of the country on the day, from data', async () => {
    await db.query(`insert into tax_rates values ('GB', '2020-01-01', 'VAT', 200000, true), ('GB', '2026-12-15', 'VAT', 250000, false)`);
    await setBillingDetails({ store: store(), clock })(tenantId, 'user:ann', { ...noDetails, name: 'Acme', country: 'GB' });
    await charge(tenantId, 120_000_000n);
    at(december);
    await closeAll();
    await charge(tenantId, 100_000_000n);
    at('2027-01-01T01:00:00Z');
    await closeAll();
    const [later, earlier] = await all();
    assert.deepEqual([earlier?.netMicros, earlier?.taxMicros, earlier?.dueMicros], [100_000_000n, 20_000_000n, 0n]);
    assert.deepEqual([later?.netMicros, later?.taxMicros, later?.dueMicros], [100_000_000n, 25_000_000n, 25_000_000n]);
  });

  law('a new rate is for what is used from its day on: the invoice of the month before, issued on that day, has the old one', async () => {
    await db.query(`insert into tax_rates values ('GB', '2020-01-01', 'VAT', 200000, true), ('GB', '2026-12-01', 'VAT', 250000, true)`);
    await setBillingDetails({ store: store(), clock })(tenantId, 'user:ann', { ...noDetails, name: 'Acme', country: 'GB' });
    const first = await charge(tenantId, 120_000_000n);
    await refund(tenantId, first, 12_000_000n);
    at(december);
    await closeAll();
    assert.deepEqual((await all()).map(({ kind, taxMicros }) => `${kind} ${taxMicros}`).toSorted(), [
      'credit_note 2000000',
      'invoice 20000000',
    ]);
    const preview = previewInvoice({ documents: store(), reader: store(), issuer, clock });
    await charge(tenantId, 125_000_000n);
    assert.equal((await preview(tenantId)).taxMicros, 25_000_000n);
  });

  law('a month of usage that is charged in hundreds of steps is one line for each meter and period', async () => {
    const [period, earlier] = [newId(), newId()];
    const use = async (of: string, step: number, description: string) => {
      const id = newId();
      const post = `select post_to_wallet($1, $2, 'USD', -20000, 0, 'usage', 'revenue', 'usage', $3, '', null, null, null, null, $4)`;
      await db.query(post, [id, tenantId, description, clock.now()]);
      await db.query(`insert into usage_charges values ($1, $2, 'api.calls', $3, $4, 20000, 0, $5)`, [tenantId, of, step, id, clock.now()]);
    };
    for (let step = 1; step <= 300; step++) await use(period, step, `API requests, to 30 November: ${100_000 + step} used`);
    await use(earlier, 1, 'API requests, October (adjusted after the period)');
    const total = `insert into usage_totals (tenant_id, period_id, meter, quantity, event_count, charged_micros, rated_micros, charge_count, updated_at)
      values ($1, $2, 'api.calls', 0, 0, $3, $3, $4, $5)`;
    await db.query(total, [tenantId, period, 6_000_000n, 300, clock.now()]);
    await db.query(total, [tenantId, earlier, 20_000n, 1, clock.now()]);
    await charge(tenantId, 5n, 'usage');
    at(december);
    await closeAll();
    const [invoice] = await all();
    assert.deepEqual(
      invoice?.lines.map(({ description, quantity, amountMicros }) => `${description} · ${quantity} · ${amountMicros}`).toSorted(),
      [
        'API requests, October (adjusted after the period) · 1 · 20000',
        'API requests, to 30 November: 100300 used · 300 · 6000000',
        'Pro plan · 1 · 5',
      ],
    );
  });

  law('a preview says what the invoice would say now, has no number, and is stored nowhere', async () => {
    const preview = previewInvoice({ documents: store(), reader: store(), issuer, clock });
    await charge(tenantId, 7n);
    const now = await preview(tenantId);
    assert.deepEqual([now.number, sum(now.lines), now.period?.to], ['', 7n, new Date('2026-12-01T00:00:00Z')]);
    assert.deepEqual((await preview(newId())).lines, [], 'without a wallet, too');
    assert.deepEqual(await all(), []);
  });

  law('each payment that succeeds gets one receipt, also with two workers', async () => {
    const paid = async () => {
      const id = newId();
      await db.query(
        `insert into payments (id, tenant_id, gateway, amount_micros, currency, idempotency_key, request_hash, next_check_at, created_at)
         values ($1, $2, 'simulator', 5000000, 'USD', $3, 'x', $4, $4)`,
        [id, tenantId, newId(), clock.now()],
      );
      return id;
    };
    const settle = (id: string) =>
      db.query('select settle_payment($1, $2, $3, $4, $5, $6, $7, $8, $9)', [
        id,
        'g',
        newId(),
        newId(),
        clock.now(),
        newId(),
        'namaskah.billing.v1.payment.succeeded',
        '{}',
        Buffer.from('{}'),
      ]);
    const ids = await Promise.all(Array.from({ length: 30 }, paid));
    for (const id of ids.slice(0, 25)) await settle(id);
    await settle(ids[0] ?? '');
    const issue = issueReceipts({ documents: store(), issuer, clock });
    const drain = async () => {
      while ((await issue()) > 0);
    };
    await Promise.all([drain(), drain()]);
    await drain();
    const { documents } = await store().list(tenantId, ['receipt'], { limit: 100, cursor: '' });
    assert.deepEqual(documents.map(({ payment }) => payment?.id ?? 'none').toSorted(), ids.slice(0, 25).toSorted());
    assert.equal(documents[0]?.totalMicros, 5_000_000n);
    assert.deepEqual(
      documents
        .map(({ number }) => number)
        .toSorted()
        .at(-1),
      'NMK-2026-R-000025',
    );

    // One that has its receipt cannot have another, and keeps those behind it from nothing.
    await db.query(`insert into receipts_due (payment_id, settled_at) values ($1, 'epoch')`, [ids[0]]);
    await settle(ids[25] ?? '');
    assert.equal(await issue(), 1);
    await assert.rejects(issue(), /documents_payment/);
    await db.query('delete from receipts_due where payment_id = $1', [ids[0]]);
    assert.equal(await issue(), 0);
    assert.equal((await store().list(tenantId, ['receipt'], { limit: 100, cursor: '' })).documents.length, 26);
  });

  law('a payment that other money came for, and that another attempt paid after all, has its receipt', async () => {
    const [id, again] = [newId(), newId()];
    await db.query(
      `insert into payments (id, tenant_id, gateway, amount_micros, currency, idempotency_key, request_hash, next_check_at, created_at)
       values ($1, $2, 'simulator', 5000000, 'USD', 'k', 'x', $3, $3)`,
      [id, tenantId, clock.now()],
    );
    await db.query(`select add_attempt($1, $2, $3, 'stripe', 'again', null, '', $4, $4)`, [again, tenantId, id, clock.now()]);
    const failed = `select fail_attempt($1, 'mismatched', 'paid 4 of 5', $2, $3, 'namaskah.billing.v1.payment.failed', '{}', '')`;
    await db.query(failed, [id, clock.now(), newId()]);
    const settled = `select settle_attempt($1, 'g', $2, $3, $4, $5, $6, 'namaskah.billing.v1.payment.succeeded', '{}', '') as outcome`;
    assert.deepEqual(await db.query(settled, [again, newId(), newId(), newId(), clock.now(), newId()]), [{ outcome: 'credited' }]);
    while ((await issueReceipts({ documents: store(), issuer, clock })()) > 0);
    const { documents } = await store().list(tenantId, ['receipt'], { limit: 100, cursor: '' });
    assert.deepEqual(
      documents.map(({ payment, totalMicros }) => [payment?.id, payment?.gateway, totalMicros]),
      [[id, 'stripe', 5_000_000n]],
    );
  });

  law('a refund gives back the tax that its invoice took, whatever the rate and the details are by then', async () => {
    await db.query(`insert into tax_rates values ('GB', '2020-01-01', 'VAT', 200000, true), ('GB', '2026-12-01', 'VAT', 250000, true)`);
    const settle = (over: Partial<typeof noDetails>) =>
      setBillingDetails({ store: store(), clock })(tenantId, 'user:ann', { ...noDetails, name: 'Acme', country: 'GB', ...over });
    await settle({});
    const first = await charge(tenantId, 120_000_000n);
    at(december);
    await closeAll();
    const second = await charge(tenantId, 125_000_000n);
    await refund(tenantId, first, 60_000_000n);
    await refund(tenantId, second, 12_500_000n);
    at('2027-01-01T01:00:00Z');
    await closeAll();
    await settle({ country: 'DE', taxId: 'DE123456789' });
    await refund(tenantId, first, 60_000_000n);
    at('2027-02-01T01:00:00Z');
    await closeAll();
    const notes = (await all()).filter(({ kind }) => kind === 'credit_note').toReversed();
    assert.deepEqual(
      notes.map(({ netMicros, taxMicros, totalMicros, taxNote }) => [netMicros, taxMicros, totalMicros, taxNote]),
      [
        [60_000_000n, 12_500_000n, 72_500_000n, 'VAT 20 %, included in prices; VAT 25 %, included in prices'],
        [50_000_000n, 10_000_000n, 60_000_000n, 'VAT 20 %, included in prices'],
      ],
    );
  });

  law('a credit note names no invoice of a month in which only the refund of a payment began, and failed later', async () => {
    const [id, refundId] = [newId(), newId()];
    const nothing = `'{}', ''`;
    await db.query(
      `insert into payments (id, tenant_id, gateway, amount_micros, currency, idempotency_key, request_hash, next_check_at, created_at)
       values ($1, $2, 'simulator', 5000000, 'USD', 'k', 'x', $3, $3)`,
      [id, tenantId, clock.now()],
    );
    const settled = `select settle_payment($1, 'g', $2, $3, $4, $5, 'namaskah.billing.v1.payment.succeeded', ${nothing})`;
    await db.query(settled, [id, newId(), newId(), clock.now(), newId()]);
    await charge(tenantId, 7n);
    const asked = `select request_refund($1, $2, $3, 5000000, 'USD', 'customer', 'r', 'user:1', 'k', 'x', $4, $5, $6, 'namaskah.billing.v1.refund.requested', ${nothing})`;
    await db.query(asked, [refundId, tenantId, id, newId(), clock.now(), newId()]);
    at(december);
    await closeAll();
    const failed = `select finish_refund($1, 'failed', '', 'no', $2, $3, $4, 'namaskah.billing.v1.refund.failed', ${nothing})`;
    await db.query(failed, [refundId, newId(), clock.now(), newId()]);
    await refund(tenantId, await charge(tenantId, 9n), 2n);
    at('2027-01-01T01:00:00Z');
    await closeAll();
    while ((await issueReceipts({ documents: store(), issuer, clock })()) > 0);
    const notes = (await all()).filter(({ kind }) => kind === 'credit_note');
    assert.deepEqual(
      notes.map(({ totalMicros, refersTo }) => [totalMicros, refersTo]),
      [[2n, ['NMK-2027-000001']]],
    );
  });

  law('wrong details name their fields', async () => {
    const fieldsOf = async (over: Partial<typeof noDetails>) => {
      const set = setBillingDetails({ store: store(), clock })(tenantId, 'user:ann', {
        ...noDetails,
        name: 'Acme',
        country: 'GB',
        ...over,
      });
      const error: unknown = await set.then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      return isAppError(error) ? error.fields.map(({ field }) => field) : [];
    };
    assert.deepEqual(await fieldsOf({ name: ' ' }), ['name']);
    assert.deepEqual(await fieldsOf({ country: 'Germany' }), ['country']);
    assert.deepEqual(await fieldsOf({ timeZone: 'Mars/Olympus' }), ['time_zone']);
    assert.deepEqual(await fieldsOf({ timeZone: '+02:00' }), ['time_zone'], 'an offset has no summer');
    assert.deepEqual(await fieldsOf({ address: ['a', ''] }), ['address[1]']);
    assert.deepEqual(await fieldsOf({ address: Array.from({ length: 7 }, () => 'x') }), ['address']);
    assert.deepEqual(await fieldsOf({ taxId: '<script>' }), ['tax_id']);
    assert.deepEqual(await fieldsOf({}), []);
  });
});
