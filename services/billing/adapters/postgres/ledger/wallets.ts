import { newId } from '#platform/ids/index.ts';
import { outboxRow } from '#platform/messaging/index.ts';
import { type Database, encodeCursor, type Queryable } from '#platform/postgres/index.ts';
import { events } from '#events';
import type { CreditSweep, GrantPage, GrantResult, LapsePage, RefundResult, WalletReader, Wallets } from '../../../app/ledger/ports.ts';
import type { PageAsk } from '../../../app/ports.ts';
import { type Wallet, walletCurrency } from '../../../domain/ledger.ts';
import { datedCursor } from '../dated-cursor.ts';
import { requestHash } from '../request-hash.ts';
import { listEntries } from './entries.ts';
import { AccountRow, GrantRow } from './rows.ts';

const openSql = `insert into accounts (id, tenant_id, kind, currency, created_at) values ($1, $2, 'wallet', $3, $4)
  on conflict (tenant_id, currency) where kind = 'wallet' do nothing`;
const grantSql = 'select * from give_credit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)';
const refundSql = 'select reverse_transfer($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) as outcome';
/** A statement of its own: the first one may have committed while the second waited, after that one's snapshot. */
const refundOfKeySql = `select id from transfers where tenant_id = $1 and type = 'refund' and idempotency_key = $2`;
/** Rows that others have locked are left to the next run: this never waits while it holds wallets itself. */
const lapseSql = `with due as materialized (
    select id, credit_expires_at from accounts
     where credit_expires_at <= $1 and (credit_expires_at, id) > ($2, $3) order by credit_expires_at, id limit $4 for update skip locked)
  select id, credit_expires_at, lapse_credit(id, $1) as lapsed from due`;

/** Opening inside a transaction of the caller, for the consumer. */
export const openWalletRow = (queryable: Queryable, tenantId: string, now: Date): Promise<unknown> =>
  queryable.query(openSql, [newId(), tenantId, walletCurrency, now]);

export const postgresWallets = (db: Database): Wallets & WalletReader & CreditSweep => ({
  open: async (tenantId, now) => {
    await openWalletRow(db, tenantId, now);
  },

  grant: async ({ tenantId, idempotencyKey, request, transferId, amount, reason, priority, expiresAt, now }) => {
    const event = outboxRow(events.billing.creditGranted, {
      tenantId,
      aggregateId: transferId,
      aggregateVersion: 1n,
      occurredAt: now,
      payload: { transferId, amount, reason },
    });
    const command = [transferId, newId(), tenantId, idempotencyKey, requestHash(request), amount.micros, amount.currency];
    const [row] = await db.query<{ outcome: string; transfer_id: string }>(grantSql, [
      ...command,
      reason,
      priority,
      expiresAt ?? null,
      now,
      event.id,
      event.subject,
      event.headers,
      event.payload,
    ]);
    if (row?.outcome === 'done') db.signalOutbox();
    return grantResult(row);
  },

  refund: async ({ tenantId, idempotencyKey, request, transferId, reverses, amount, description, reference, now }) => {
    const command = [
      transferId,
      tenantId,
      reverses,
      amount.micros,
      'refund',
      description,
      reference,
      idempotencyKey,
      requestHash(request),
      now,
    ];
    const [row] = await db.query<{ outcome: RefundResult['outcome'] }>(refundSql, command);
    if (row === undefined) throw new Error('a refund has an outcome');
    const { outcome } = row;
    if (outcome === 'done') return { outcome, transferId };
    if (outcome !== 'replayed') return { outcome };
    const [first] = await db.query<{ id: string }>(refundOfKeySql, [tenantId, idempotencyKey]);
    if (first === undefined) throw new Error('a replayed refund has its transfer');
    return { outcome, transferId: first.id };
  },

  lapseDue: async (now, after, limit): Promise<LapsePage> => {
    const from = after ?? { at: new Date(0), id: '00000000-0000-0000-0000-000000000000' };
    const rows = await db.query<{ id: string; credit_expires_at: Date; lapsed: bigint }>(lapseSql, [now, from.at, from.id, limit]);
    const last = rows.at(-1);
    return {
      wallets: rows.length,
      lapsed: rows.filter(({ lapsed }) => lapsed > 0n).length,
      next: rows.length < limit || last === undefined ? undefined : { at: last.credit_expires_at, id: last.id },
    };
  },

  wallet: async (tenantId) => {
    const em = db.em();
    const row = await em.findOne(AccountRow, { tenantId, kind: 'wallet', currency: walletCurrency });
    if (row === null) return undefined;
    const { id: walletId, currency, balanceMicros, heldMicros, promotionalMicros, creditExpiresAt } = row;
    // Only wallets with credit that expires need the second look.
    const expiring =
      creditExpiresAt === null
        ? []
        : await em.find(
            GrantRow,
            { tenantId, walletId, open: true, expiresAt: { $ne: null } },
            { orderBy: { expiresAt: 'asc' }, limit: 100 },
          );
    return { currency, balanceMicros, heldMicros, promotionalMicros, nextExpiry: nextExpiryOf(expiring) };
  },

  grants: (tenantId, page) => listGrants(db, tenantId, page),

  entries: (tenantId, filter, page) => listEntries(db, tenantId, filter, page),
});

const nextExpiryOf = (expiring: readonly GrantRow[]): Wallet['nextExpiry'] => {
  const at = expiring[0]?.expiresAt;
  if (at === undefined || at === null) return undefined;
  const same = expiring.filter(({ expiresAt }) => expiresAt?.getTime() === at.getTime());
  return { at, amountMicros: same.reduce((sum, { remainingMicros }) => sum + remainingMicros, 0n) };
};

const listGrants = async (db: Database, tenantId: string, { limit, cursor }: PageAsk): Promise<GrantPage> => {
  const after = datedCursor(cursor, 'uuid');
  const older =
    after === undefined ? {} : { $or: [{ createdAt: { $lt: after.at } }, { createdAt: after.at, id: { $lt: String(after.tie) } }] };
  const rows = await db.em().find(GrantRow, { tenantId, ...older }, { orderBy: [{ createdAt: 'desc' }, { id: 'desc' }], limit: limit + 1 });
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    grants: shown.map(({ id, kind, priority, amountMicros, remainingMicros, expiresAt, createdAt }) => ({
      id,
      kind,
      priority,
      amountMicros,
      remainingMicros,
      expiresAt: expiresAt ?? undefined,
      createdAt,
    })),
    nextCursor: rows.length > limit && last !== undefined ? encodeCursor([last.createdAt, last.id]) : '',
  };
};

const grantResult = (row: { outcome: string; transfer_id: string } | undefined): GrantResult =>
  row?.outcome === 'done' || row?.outcome === 'replayed'
    ? { outcome: row.outcome, transferId: row.transfer_id }
    : { outcome: 'idempotency_conflict' };
