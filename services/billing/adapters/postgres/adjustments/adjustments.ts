import { LockMode } from '@mikro-orm/core';
import { publishEvent } from '#platform/messaging/index.ts';
import { money } from '#platform/money/index.ts';
import { type Database, encodeCursor, type Transaction } from '#platform/postgres/index.ts';
import { events } from '#events';
import type { AdjustmentFact, AdjustmentReader, AdjustmentTransactions, AdjustmentUnit } from '../../../app/adjustments/ports.ts';
import type { Adjustment } from '../../../domain/adjustment.ts';
import { AccountRow } from '../ledger/rows.ts';
import { datedCursor } from '../dated-cursor.ts';
import { requestHash } from '../request-hash.ts';
import { AdjustmentRow } from './rows.ts';

const postSql = `select post_to_wallet($1, $2, $3, $4, 0, 'adjustment', 'adjustment', '', $5, $6, null, null, null, null, $7) as done`;
const refundSql = `select reverse_transfer($1, $2, $3, $4, 'refund', $5, $6, null, null, $7) as outcome`;
const aloneSql = `select coalesce(sum(abs(amount_micros)), 0)::bigint as total from adjustments
  where proposed_by = $1 and tenant_id = $2 and proposed_at > $3 and status = 'posted' and decided_by is null`;

export const postgresAdjustments = (db: Database): AdjustmentTransactions & AdjustmentReader => ({
  run: (work) => db.transaction((tx) => work(unitOf(tx))),

  find: async (id) => adjustmentOf(await db.em().findOne(AdjustmentRow, { id })),

  list: async ({ tenantId, status }, { limit, cursor }) => {
    const after = datedCursor(cursor, 'uuid');
    const older =
      after === undefined ? {} : { $or: [{ proposedAt: { $lt: after.at } }, { proposedAt: after.at, id: { $lt: String(after.tie) } }] };
    const where = { ...(tenantId !== undefined && { tenantId }), ...(status !== undefined && { status }), ...older };
    const rows = await db.em().find(AdjustmentRow, where, { orderBy: [{ proposedAt: 'desc' }, { id: 'desc' }], limit: limit + 1 });
    const shown = rows.slice(0, limit);
    const last = shown.at(-1);
    return {
      adjustments: shown.map(fromRow),
      nextCursor: rows.length > limit && last !== undefined ? encodeCursor([last.proposedAt, last.id]) : '',
    };
  },
});

const unitOf = (tx: Transaction): AdjustmentUnit => ({
  lockOperator: async (operator) =>
    void (await tx.query(`select pg_advisory_xact_lock(hashtextextended('adjustments ' || $1, 0))`, [operator])),

  earlier: async (proposedBy, idempotencyKey) => {
    const row = await tx.em.findOne(AdjustmentRow, { proposedBy, idempotencyKey });
    return row === null
      ? undefined
      : { adjustment: fromRow(row), isSame: (request: string) => requestHash(request).equals(row.requestHash) };
  },

  postedAlone: async (operator, tenantId, since) =>
    (await tx.query<{ total: bigint }>(aloneSql, [operator, tenantId, since]))[0]?.total ?? 0n,

  hasWallet: async (tenantId, currency) => (await tx.em.count(AccountRow, { tenantId, currency, kind: 'wallet' })) > 0,

  add: async (adjustment, { idempotencyKey, request }) => {
    await tx.em.insert(AdjustmentRow, { ...toRow(adjustment), idempotencyKey, requestHash: requestHash(request) });
  },

  find: async (id) => adjustmentOf(await tx.em.findOne(AdjustmentRow, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE })),

  post: async ({ id, tenantId, currency, amountMicros, reason, refundOf }, transferId, now) => {
    const said = reason.replaceAll('_', ' ');
    if (refundOf !== undefined) {
      const [row] = await tx.query<{ outcome: 'done' | 'not_found' | 'exceeds' }>(refundSql, [
        transferId,
        tenantId,
        refundOf,
        amountMicros,
        `Refund: ${said}`,
        refundOf,
        now,
      ]);
      return row?.outcome ?? 'not_found';
    }
    const values = [transferId, tenantId, currency, amountMicros, `Adjustment: ${said}`, id, now];
    const [row] = await tx.query<{ done: boolean }>(postSql, values);
    return row?.done === true ? 'done' : 'insufficient';
  },

  decide: async ({ id, status, decidedBy, decisionNote, decidedAt, transferId, version }) => {
    const values = {
      status,
      decidedBy: decidedBy ?? null,
      decisionNote,
      decidedAt: decidedAt ?? null,
      transferId: transferId ?? null,
      version,
    };
    await tx.em.nativeUpdate(AdjustmentRow, { id, status: 'proposed' }, values);
  },

  overdue: async (now, limit) => {
    const rows = await tx.em.find(
      AdjustmentRow,
      { status: 'proposed', expiresAt: { $lte: now } },
      { orderBy: { expiresAt: 'asc' }, limit, lockMode: LockMode.PESSIMISTIC_PARTIAL_WRITE },
    );
    return rows.map(fromRow);
  },

  record: (fact) => record(tx, fact),
});

const record = (tx: Transaction, { kind, adjustment }: AdjustmentFact): Promise<void> => {
  const { id, tenantId, currency, amountMicros, reason, proposedBy, decidedBy, version, status } = adjustment;
  const about = { tenantId, aggregateId: id, aggregateVersion: version, occurredAt: adjustment.decidedAt ?? adjustment.proposedAt };
  const amount = money(currency, amountMicros);
  const facts = events.billing;
  switch (kind) {
    case 'proposed':
      return publishEvent(tx, facts.adjustmentProposed, { ...about, payload: { adjustmentId: id, amount, reason, proposedBy } });
    case 'posted':
      return publishEvent(tx, facts.adjustmentPosted, {
        ...about,
        payload: { adjustmentId: id, transferId: adjustment.transferId ?? '', amount, reason, proposedBy, approvedBy: decidedBy ?? '' },
      });
    case 'dropped':
      return publishEvent(tx, facts.adjustmentDropped, {
        ...about,
        payload: { adjustmentId: id, outcome: status, decidedBy: decidedBy ?? '' },
      });
  }
};

const toRow = ({ refundOf, decidedBy, decidedAt, transferId, ...same }: Adjustment) => ({
  ...same,
  refundOf: refundOf ?? null,
  decidedBy: decidedBy ?? null,
  decidedAt: decidedAt ?? null,
  transferId: transferId ?? null,
});

const fromRow = ({ refundOf, decidedBy, decidedAt, transferId, ...row }: AdjustmentRow): Adjustment => ({
  id: row.id,
  tenantId: row.tenantId,
  currency: row.currency,
  amountMicros: row.amountMicros,
  reason: row.reason,
  note: row.note,
  status: row.status,
  proposedBy: row.proposedBy,
  proposedAt: row.proposedAt,
  expiresAt: row.expiresAt,
  decisionNote: row.decisionNote,
  version: row.version,
  refundOf: refundOf ?? undefined,
  decidedBy: decidedBy ?? undefined,
  decidedAt: decidedAt ?? undefined,
  transferId: transferId ?? undefined,
});

const adjustmentOf = (row: AdjustmentRow | null): Adjustment | undefined => (row === null ? undefined : fromRow(row));
