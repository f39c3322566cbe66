import { publishEvent } from '#platform/messaging/index.ts';
import { money } from '#platform/money/index.ts';
import { type Database, encodeCursor, type Queryable, type Transaction } from '#platform/postgres/index.ts';
import { events } from '#events';
import type {
  ClosedPeriod,
  DetailsStore,
  DocumentReader,
  DocumentTransactions,
  DocumentUnit,
  DuePayment,
  PeriodActivity,
  Schedule,
} from '../../../app/documents/ports.ts';
import { type Activity, type BillingDetails, noDetails } from '../../../domain/documents/document.ts';
import type { TaxRate } from '../../../domain/documents/tax.ts';
import type { Product } from '../../../domain/ledger.ts';
import { datedCursor } from '../dated-cursor.ts';
import { documentOf, writeContent } from './content.ts';
import { BillingDetailsRow, BillingScheduleRow, DocumentRow } from './rows.ts';

const scheduleColumns = 'wallet_id, tenant_id, currency, period_from, period_to, last_sequence';
const dueSql = `select ${scheduleColumns} from billing_schedules where period_to <= $1 and wallet_id <> all($2) order by period_to, wallet_id limit 1 for update skip locked`;

const takeSql = `with due as (
    select payment_id from receipts_due where payment_id <> all($2) order by settled_at, payment_id limit $1 for update skip locked),
  taken as (delete from receipts_due r using due where r.payment_id = due.payment_id)
  select p.id, p.tenant_id, p.gateway, p.currency, p.amount_micros from due join payments p on p.id = due.payment_id
   order by p.settled_at, p.id`;

const taxSql = `select name, rate_ppm as "ratePpm", inclusive from tax_rates
  where country = $1 and valid_from <= $2 order by valid_from desc limit 1`;

/**
 * What is between a wallet and revenue, by product; subscriptions by what they are called, usage by period and meter, which are charged in
 * as many steps as it takes, and called as the last of them. Times never fall along the
 * numbers of a wallet's entries, so "before the end" is a range of numbers.
 */
const activitySql = `select s.discriminator as product,
    coalesce((array_agg(t.description order by e.account_sequence desc) filter (where e.type in ('subscription', 'usage')))[1], '') as title,
    count(*) filter (where e.amount_micros < 0) as charges, count(*) filter (where e.amount_micros > 0) as refunds,
    coalesce(-sum(e.amount_micros) filter (where e.amount_micros < 0), 0)::bigint as charged,
    coalesce(sum(e.amount_micros) filter (where e.amount_micros > 0), 0)::bigint as refunded
  from entries e join transfers t on t.id = e.transfer_id
  join accounts s on s.id = case when e.amount_micros < 0 then t.credit_account_id else t.debit_account_id end and s.kind = 'revenue'
  left join usage_charges u on u.transfer_id = t.id and e.type = 'usage'
 where e.account_id = $1 and t.tenant_id = $2 and e.account_sequence > $3 and e.account_sequence <= $4
 group by s.discriminator, u.period_id, u.meter, case when e.type in ('subscription', 'usage') and u.transfer_id is null then t.description end
 order by 1, 2`;
const toSequenceSql = `select coalesce(max(account_sequence), $2)::bigint as last from entries
  where account_id = $1 and account_sequence > $2 and created_at < $3`;

/** By the invoice of the charge; those of the period itself have none yet. */
const refundedSql = `with given_back as (
    select o.account_sequence as sequence, e.amount_micros
      from entries e join transfers t on t.id = e.transfer_id join accounts s on s.id = t.debit_account_id and s.kind = 'revenue'
      join entries o on o.transfer_id = t.reverses_id and o.account_id = e.account_id
     where e.account_id = $1 and t.tenant_id = $2 and e.account_sequence > $3 and e.account_sequence <= $4 and e.amount_micros > 0)
  select p.invoice_id as invoice, g.sequence > $3 as running, sum(g.amount_micros)::bigint as micros
    from given_back g
    left join closed_periods p on p.wallet_id = $1 and g.sequence > p.after_sequence and g.sequence <= p.to_sequence
   group by 1, 2`;

const numberSql = `insert into document_counters as c (issuer, kind, year, last) values ($1, $2, $3, 1)
  on conflict (issuer, kind, year) do update set last = c.last + 1 returning last`;

interface ScheduleRow {
  readonly wallet_id: string;
  readonly tenant_id: string;
  readonly currency: string;
  readonly period_from: Date;
  readonly period_to: Date;
  readonly last_sequence: bigint;
}
const scheduleOf = (row: ScheduleRow): Schedule => ({
  walletId: row.wallet_id,
  tenantId: row.tenant_id,
  currency: row.currency,
  from: row.period_from,
  to: row.period_to,
  lastSequence: row.last_sequence,
});

interface ActivityRow {
  readonly product: Product;
  readonly title: string;
  readonly charges: bigint;
  readonly refunds: bigint;
  readonly charged: bigint;
  readonly refunded: bigint;
}
const activityOf = ({ product, title, charges, refunds, charged, refunded }: ActivityRow): Activity => ({
  product,
  title,
  charges,
  refunds,
  chargedMicros: charged,
  refundedMicros: refunded,
});

/** @param issuerCode whose numbers are counted */
export const postgresDocuments = (db: Database, issuerCode: string): DocumentTransactions & DocumentReader & DetailsStore => ({
  run: (work) => db.transaction((tx) => work(unitOf(tx, issuerCode))),

  find: async (tenantId, id) => {
    const row = await db.em().findOne(DocumentRow, { tenantId, id });
    return row === null ? undefined : documentOf(row);
  },

  list: async (tenantId, kinds, { limit, cursor }) => {
    const after = datedCursor(cursor, 'uuid');
    const older =
      after === undefined ? {} : { $or: [{ issuedAt: { $lt: after.at } }, { issuedAt: after.at, id: { $lt: String(after.tie) } }] };
    const where = { tenantId, kind: { $in: [...kinds] }, ...older };
    const rows = await db.em().find(DocumentRow, where, { orderBy: [{ issuedAt: 'desc' }, { id: 'desc' }], limit: limit + 1 });
    const shown = rows.slice(0, limit);
    const last = shown.at(-1);
    return {
      documents: shown.map(documentOf),
      nextCursor: rows.length > limit && last !== undefined ? encodeCursor([last.issuedAt, last.id]) : '',
    };
  },

  schedule: async (tenantId, currency) => {
    const row = await db.em().findOne(BillingScheduleRow, { tenantId, currency });
    if (row === null) return undefined;
    const { walletId, periodFrom: from, periodTo: to, lastSequence } = row;
    return { walletId, tenantId, currency, from, to, lastSequence };
  },

  ...postgresDetails(db),

  replace: (tenantId, details, by, at, nextTo) =>
    db.transaction(async (tx) => {
      const { name, address, country, taxId, timeZone } = details;
      await tx.em.upsert(BillingDetailsRow, {
        tenantId,
        name,
        address: [...address],
        country,
        taxId,
        timeZone,
        updatedBy: by,
        updatedAt: at,
      });
      // Locked against the worker that closes the period: one of both is first.
      const running = await tx.query<ScheduleRow>(`select ${scheduleColumns} from billing_schedules where tenant_id = $1 for update`, [
        tenantId,
      ]);
      for (const { wallet_id: walletId, period_from: from } of running)
        await tx.query('update billing_schedules set period_to = $3 where wallet_id = $1 and tenant_id = $2', [
          walletId,
          tenantId,
          nextTo(from),
        ]);
    }),
});

export const postgresDetails = (db: Database): Pick<DetailsStore, 'details'> => ({ details: (tenantId) => detailsIn(db.em(), tenantId) });

const detailsIn = async (em: Transaction['em'], tenantId: string): Promise<BillingDetails> => {
  const row = await em.findOne(BillingDetailsRow, { tenantId });
  if (row === null) return noDetails;
  const { name, address, country, taxId, timeZone } = row;
  return { name, address, country, taxId, timeZone };
};

const activityIn = async (db: Queryable, { walletId, tenantId, lastSequence }: Schedule, to: Date): Promise<PeriodActivity> => {
  // The range first: what is booked from now on, whatever its time, is beyond it.
  const [last] = await db.query<{ last: bigint }>(toSequenceSql, [walletId, lastSequence, to]);
  const toSequence = last?.last ?? lastSequence;
  const rows = await db.query<ActivityRow>(activitySql, [walletId, tenantId, lastSequence, toSequence]);
  return { activities: rows.map(activityOf), toSequence };
};

const unitOf = (tx: Transaction, issuerCode: string): DocumentUnit => ({
  duePeriod: async (endedBy, leftOut) => {
    const [row] = await tx.query<ScheduleRow>(dueSql, [endedBy, leftOut]);
    return row && scheduleOf(row);
  },

  takeDuePayments: async (limit, leftOut) => {
    type Row = { id: string; tenant_id: string; gateway: string; currency: string; amount_micros: bigint };
    const rows = await tx.query<Row>(takeSql, [limit, leftOut]);
    return rows.map(({ id, tenant_id, gateway, currency, amount_micros }): DuePayment => ({
      id,
      tenantId: tenant_id,
      gateway,
      currency,
      amountMicros: amount_micros,
    }));
  },

  details: (tenantId) => detailsIn(tx.em, tenantId),

  taxRate: async (country, at) => (country === '' ? undefined : (await tx.query<TaxRate>(taxSql, [country, at]))[0]),

  activity: (schedule, to) => activityIn(tx, schedule, to),

  refundedInvoices: async ({ walletId, tenantId, lastSequence }, toSequence) => {
    type Row = { invoice: string | null; running: boolean; micros: bigint };
    const rows = await tx.query<Row>(refundedSql, [walletId, tenantId, lastSequence, toSequence]);
    const ids = rows.flatMap(({ invoice }) => invoice ?? []);
    const invoices = await tx.em.find(DocumentRow, { tenantId, id: { $in: ids } }, { orderBy: { number: 'asc' } });
    return {
      earlier: invoices.map((row) => ({ invoice: documentOf(row), micros: rows.find(({ invoice }) => invoice === row.id)?.micros ?? 0n })),
      runningMicros: rows.find(({ running }) => running)?.micros ?? 0n,
    };
  },

  nextNumber: async (kind, year) => {
    const [row] = await tx.query<{ last: bigint }>(numberSql, [issuerCode, kind, year]);
    if (row === undefined) throw new Error('no number was given');
    return row.last;
  },

  add: async (id, tenantId, content, sequence) => {
    const { text, hash } = writeContent(content);
    const { kind, number, currency, totalMicros, issuedAt, payment } = content;
    await tx.em.insert(DocumentRow, {
      id,
      tenantId,
      kind,
      issuer: issuerCode,
      year: issuedAt.getUTCFullYear(),
      sequence,
      number,
      paymentId: payment?.id ?? null,
      currency,
      totalMicros,
      content: text,
      contentHash: hash,
      issuedAt,
    });
    await publishEvent(tx, events.billing.documentIssued, {
      tenantId,
      aggregateId: id,
      aggregateVersion: 1n,
      occurredAt: issuedAt,
      payload: { documentId: id, kind, number, total: money(currency, totalMicros) },
    });
  },

  close: (period) => closeIn(tx, period),
});

const closeIn = async (
  tx: Transaction,
  { schedule, timeZone, toSequence, invoiceId, creditNoteId, nextTo, closedAt }: ClosedPeriod,
): Promise<void> => {
  const { walletId, tenantId, currency, from, to, lastSequence } = schedule;
  await tx.query(
    `insert into closed_periods (wallet_id, tenant_id, currency, period_from, period_to, time_zone, after_sequence, to_sequence,
       invoice_id, credit_note_id, closed_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    [walletId, tenantId, currency, from, to, timeZone, lastSequence, toSequence, invoiceId ?? null, creditNoteId ?? null, closedAt],
  );
  await tx.query(
    'update billing_schedules set period_from = $3, period_to = $4, last_sequence = $5 where wallet_id = $1 and tenant_id = $2',
    [walletId, tenantId, to, nextTo, toSequence],
  );
};
