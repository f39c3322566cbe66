import { encodeCursor, type Queryable } from '#platform/postgres/index.ts';
import type { EntryFilter, EntryPage } from '../../../app/ledger/ports.ts';
import type { PageAsk } from '../../../app/ports.ts';
import { type Product, type TransferType, walletCurrency, type WalletEntry } from '../../../domain/ledger.ts';
import { datedCursor } from '../dated-cursor.ts';

interface EntryRow {
  readonly transfer_id: string;
  readonly type: TransferType;
  readonly amount_micros: bigint;
  readonly balance_after_micros: bigint;
  readonly currency: string;
  readonly description: string;
  readonly reference: string;
  readonly product: Product | null;
  readonly reverses_id: string | null;
  readonly actor: string;
  readonly created_at: Date;
  readonly account_sequence: bigint;
}

/** The product is that of the revenue account on the other side, so that a refund and a subscription have one too. */
const selectSql = `
  select e.transfer_id, e.type, e.amount_micros, e.balance_after_micros, e.currency, t.description, t.reference, t.reverses_id, t.actor,
         case when s.kind = 'revenue' then s.discriminator end as product, e.created_at, e.account_sequence
    from entries e join transfers t on t.id = e.transfer_id
    left join accounts s on s.id = case when e.amount_micros < 0 then t.credit_account_id else t.debit_account_id end
   where e.account_id = (select id from accounts where tenant_id = $1 and currency = $2 and kind = 'wallet')
     and t.tenant_id = $1 and e.account_sequence is not null`;

type Bind = (value: unknown) => string;

const conditionsOf = ({ type, product, from, to, minMicros, maxMicros, reference, actor }: EntryFilter, bind: Bind): string => {
  const conditions: string[] = [];
  if (type !== undefined) conditions.push(`e.type = ${bind(type)}`);
  if (product !== undefined) conditions.push(`s.kind = 'revenue' and s.discriminator = ${bind(product)}`);
  if (from !== undefined) conditions.push(`e.created_at >= ${bind(from)}`);
  if (to !== undefined) conditions.push(`e.created_at < ${bind(to)}`);
  if (minMicros !== undefined) conditions.push(`abs(e.amount_micros) >= ${bind(minMicros)}`);
  if (maxMicros !== undefined) conditions.push(`abs(e.amount_micros) <= ${bind(maxMicros)}`);
  if (reference !== undefined) conditions.push(`t.reference = ${bind(reference)}`);
  if (actor !== undefined) conditions.push(`t.actor = ${bind(actor)} and t.actor <> ''`);
  return conditions.map((condition) => ` and ${condition}`).join('');
};

const binder = (): { readonly params: unknown[]; readonly bind: Bind } => {
  const params: unknown[] = [];
  return { params, bind: (value) => `$${params.push(value)}` };
};

export const listEntries = async (db: Queryable, tenantId: string, filter: EntryFilter, { limit, cursor }: PageAsk): Promise<EntryPage> => {
  const { params, bind } = binder();
  params.push(tenantId, walletCurrency);
  const conditions = conditionsOf(filter, bind);
  const after = datedCursor(cursor, 'bigint');
  const older = after === undefined ? '' : ` and (e.created_at, e.account_sequence) < (${bind(after.at)}, ${bind(after.tie)})`;
  const rows = await db.query<EntryRow>(
    `${selectSql}${conditions}${older} order by e.created_at desc, e.account_sequence desc limit ${bind(limit + 1)}`,
    params,
  );
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const nextCursor = rows.length > limit && last !== undefined ? encodeCursor([last.created_at, last.account_sequence]) : '';
  return { entries: shown.map(entryOf), nextCursor };
};

export const findEntry = async (db: Queryable, tenantId: string, transferId: string): Promise<WalletEntry | undefined> => {
  const [row] = await db.query<EntryRow>(`${selectSql} and e.transfer_id = $3`, [tenantId, walletCurrency, transferId]);
  return row && entryOf(row);
};

/** Where a reader that goes forward stands, and the last entry that it will read. */
export interface EntryRange {
  readonly after: Pick<WalletEntry, 'createdAt' | 'sequence'> | undefined;
  readonly upTo: bigint;
  readonly limit: number;
}

/** Oldest first. */
export const entriesAfter = async (
  db: Queryable,
  tenantId: string,
  filter: EntryFilter,
  { after, upTo, limit }: EntryRange,
): Promise<readonly WalletEntry[]> => {
  const { params, bind } = binder();
  params.push(tenantId, walletCurrency);
  const conditions = conditionsOf(filter, bind);
  const newer = after === undefined ? '' : ` and (e.created_at, e.account_sequence) > (${bind(after.createdAt)}, ${bind(after.sequence)})`;
  const rows = await db.query<EntryRow>(
    `${selectSql}${conditions}${newer} and e.account_sequence <= ${bind(upTo)} order by e.created_at, e.account_sequence limit ${bind(limit)}`,
    params,
  );
  return rows.map(entryOf);
};

const entryOf = (row: EntryRow): WalletEntry => ({
  transferId: row.transfer_id,
  type: row.type,
  amountMicros: row.amount_micros,
  balanceAfterMicros: row.balance_after_micros,
  currency: row.currency,
  description: row.description,
  reference: row.reference,
  product: row.product ?? undefined,
  reversesId: row.reverses_id ?? undefined,
  actor: row.actor === '' ? undefined : row.actor,
  createdAt: row.created_at,
  sequence: row.account_sequence,
});
