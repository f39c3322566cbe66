import type { Database, Transaction } from '#platform/postgres/index.ts';
import type { Divergence, LedgerAudit } from '../../../app/ledger/ports.ts';
import { adjustmentLaws } from '../adjustments/laws.ts';
import { documentLaws } from '../documents/laws.ts';
import { ledgerLaws } from '../ledger/laws.ts';
import { marginLaws } from '../margins/laws.ts';
import { paymentLaws } from '../payments/laws.ts';
import { planLaws } from '../plans/laws.ts';
import { priceLaws } from '../prices/laws.ts';
import { usageLaws } from '../usage/laws.ts';
import { evidence, type Law } from './law.ts';

/** The books first: what is built upon them can only be right when they are. */
export const laws: readonly Law[] = [
  ...ledgerLaws,
  ...paymentLaws,
  ...documentLaws,
  ...adjustmentLaws,
  ...planLaws,
  ...priceLaws,
  ...usageLaws,
  ...marginLaws,
];

/** Rows shown of each table. */
const shown = 10;

const imbalanceSql = `select coalesce(sum(abs(total)), 0)::bigint as total from (select sum(amount_micros) as total from entries group by currency) s`;

/** Of PostgreSQL's data exceptions: what a row holds is not what a law can read. */
const isUnreadable = (error: unknown): error is Error & { readonly code: string } =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('22');

interface Broken {
  readonly subject: unknown;
  readonly expected: unknown;
  readonly found: unknown;
}

const divergenceOf = async (tx: Transaction, { law, about }: Law, { subject, expected, found }: Broken): Promise<Divergence> => {
  const rows: Record<string, readonly unknown[]> = {};
  const [id] = String(subject).split(' ');
  for (const [table, sql] of subject === null ? [] : Object.entries(evidence[about]))
    rows[table] = await tx.query(`${sql} limit ${shown}`, [id]);
  return { law, subject: String(subject), expected: String(expected), found: String(found), rows };
};

/** A row that cannot be read breaks the law that reads it, and hides nothing from the others. */
const brokenRow = async (tx: Transaction, { sql }: Law): Promise<Broken | undefined> => {
  await tx.query('savepoint law');
  try {
    const [broken] = await tx.query<Broken>(`select * from (${sql}) broken limit 1`);
    await tx.query('release savepoint law');
    return broken;
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    await tx.query('rollback to savepoint law');
    await tx.query('release savepoint law');
    return { subject: null, expected: 'rows that can be read', found: error.message };
  }
};

async function* divergencesIn(tx: Transaction): AsyncGenerator<Divergence, void> {
  // An audit reads everything; the usual limit of a statement is meant for requests.
  await tx.query('set local statement_timeout = 0');
  for (const law of laws) {
    const broken = await brokenRow(tx, law);
    if (broken !== undefined) yield await divergenceOf(tx, law, broken);
  }
}

/** All laws against one snapshot, so that running traffic cannot look like a divergence. */
export const postgresAudit = (db: Database): LedgerAudit => ({
  firstDivergence: () =>
    db.transaction(async (tx) => (await divergencesIn(tx).next()).value ?? undefined, { isolation: 'repeatable read' }),
  report: () =>
    db.transaction(
      async (tx) => {
        const divergences: Divergence[] = [];
        for await (const divergence of divergencesIn(tx)) divergences.push(divergence);
        const [imbalance] = await tx.query<{ total: bigint }>(imbalanceSql);
        return { laws: laws.length, divergences, imbalanceMicros: imbalance?.total ?? 0n };
      },
      { isolation: 'repeatable read' },
    ),
});
