import { newId } from '#platform/ids/index.ts';
import { outboxRow } from '#platform/messaging/index.ts';
import { type Database, encodeCursor, type Queryable } from '#platform/postgres/index.ts';
import { events } from '#events';
import type { EntryFilter, EntryPage, GrantResult, WalletReader, Wallets } from '../../../app/ledger/ports.ts';
import type { PageAsk } from '../../../app/ports.ts';
import { type Product, type TransferType, walletCurrency, type WalletEntry } from '../../../domain/ledger.ts';
import { datedCursor } from '../dated-cursor.ts';
import { requestHash } from '../request-hash.ts';
import { AccountRow } from '../rows.ts';

const openSql = `insert into accounts (id, tenant_id, kind, currency, created_at) values ($1, $2, 'wallet', $3, $4)
  on conflict (tenant_id, currency) where kind = 'wallet' do nothing`;
const grantSql = 'select * from grant_credit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)';

/** Opening inside a transaction of the caller, for the consumer. */
export const openWalletRow = (queryable: Queryable, tenantId: string, now: Date): Promise<unknown> =>
  queryable.query(openSql, [newId(), tenantId, walletCurrency, now]);

export const postgresWallets = (db: Database): Wallets & WalletReader => ({
  open: async (tenantId, now) => {
    await openWalletRow(db, tenantId, now);
  },

  grant: async ({ tenantId, idempotencyKey, request, transferId, amount, reason, now }) => {
    const event = outboxRow(events.billing.creditGranted, {
      tenantId,
      aggregateId: transferId,
      aggregateVersion: 1n,
      occurredAt: now,
      payload: { transferId, amount, reason },
    });
    const command = [transferId, newId(), tenantId, idempotencyKey, requestHash(request), amount.micros, amount.currency, reason, now];
    const [row] = await db.query<{ outcome: string; transfer_id: string }>(grantSql, [
      ...command,
      event.id,
      event.subject,
      event.headers,
      event.payload,
    ]);
    if (row?.outcome === 'done') db.signalOutbox();
    return grantResult(row);
  },

  wallet: async (tenantId) => {
    const row = await db.em().findOne(AccountRow, { tenantId, kind: 'wallet', currency: walletCurrency });
    return row === null ? undefined : { currency: row.currency, balanceMicros: row.balanceMicros, heldMicros: row.heldMicros };
  },

  entries: (tenantId, filter, page) => listEntries(db, tenantId, filter, page),
});

const grantResult = (row: { outcome: string; transfer_id: string } | undefined): GrantResult =>
  row?.outcome === 'done' || row?.outcome === 'replayed'
    ? { outcome: row.outcome, transferId: row.transfer_id }
    : { outcome: 'idempotency_conflict' };

interface EntryRow {
  readonly transfer_id: string;
  readonly type: TransferType;
  readonly amount_micros: bigint;
  readonly balance_after_micros: bigint;
  readonly currency: string;
  readonly description: string;
  readonly reference: string;
  readonly product: Product | null;
  readonly created_at: Date;
  readonly account_sequence: bigint;
}

const listEntries = async (
  db: Queryable,
  tenantId: string,
  { type, from, to }: EntryFilter,
  { limit, cursor }: PageAsk,
): Promise<EntryPage> => {
  const params: unknown[] = [tenantId, walletCurrency, limit + 1];
  const bind = (value: unknown): string => `$${params.push(value)}`;
  const conditions = ['e.account_sequence is not null'];
  if (type !== undefined) conditions.push(`e.type = ${bind(type)}`);
  if (from !== undefined) conditions.push(`e.created_at >= ${bind(from)}`);
  if (to !== undefined) conditions.push(`e.created_at < ${bind(to)}`);
  const after = datedCursor(cursor, 'bigint');
  if (after !== undefined) conditions.push(`(e.created_at, e.account_sequence) < (${bind(after.at)}, ${bind(after.tie)})`);
  const rows = await db.query<EntryRow>(
    `select e.transfer_id, e.type, e.amount_micros, e.balance_after_micros, e.currency, t.description, t.reference, h.product, e.created_at, e.account_sequence
       from entries e join transfers t on t.id = e.transfer_id left join holds h on h.id = t.hold_id
      where e.account_id = (select id from accounts where tenant_id = $1 and currency = $2 and kind = 'wallet')
        and t.tenant_id = $1 and ${conditions.join(' and ')}
      order by e.created_at desc, e.account_sequence desc limit $3`,
    params,
  );
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const nextCursor = rows.length > limit && last !== undefined ? encodeCursor([last.created_at, last.account_sequence]) : '';
  return { entries: shown.map(entryOf), nextCursor };
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
  createdAt: row.created_at,
  sequence: row.account_sequence,
});
