import { outboxRow } from '#platform/messaging/index.ts';
import { money } from '#platform/money/index.ts';
import { type Database, encodeCursor } from '#platform/postgres/index.ts';
import { events } from '#events';
import type { Disputes } from '../../../app/payments/ports.ts';
import type { Dispute, DisputeStatus } from '../../../domain/dispute.ts';
import { datedCursor } from '../dated-cursor.ts';

export const listSql = `select * from disputes where ($1::uuid is null or tenant_id = $1) and ($2::uuid is null or payment_id = $2) and ($3::text is null or status = $3)
  and ($4::timestamptz is null or (created_at, id) < ($4::timestamptz, $5::uuid)) order by created_at desc, id desc limit $6`;

const statements = {
  tenant: `select tenant_id, payment_id from payment_attempts where id = $1 and gateway = $2`,
  record: 'select * from record_dispute($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)',
  known: 'select id, status from disputes where gateway = $1 and gateway_dispute_id = $2',
  find: 'select * from disputes where tenant_id = $1 and id = $2',
  list: listSql,
} as const;

interface StoredDispute {
  readonly id: string;
  readonly tenant_id: string;
  readonly payment_id: string;
  readonly attempt_id: string;
  readonly gateway: string;
  readonly gateway_dispute_id: string;
  readonly status: DisputeStatus;
  readonly amount_micros: bigint;
  readonly currency: string;
  readonly reason: string;
  readonly taken_micros: bigint;
  readonly created_at: Date;
  readonly decided_at: Date | null;
}

export const postgresDisputes = (db: Database): Disputes => ({
  record: async ({ gateway, gatewayDisputeId, reference, status, amount, reason, ...command }) => {
    // Each look lists the same disputes again: most are known as they are.
    const [known] = await db.query<{ id: string; status: DisputeStatus }>(statements.known, [gateway, gatewayDisputeId]);
    if (known !== undefined && (known.status === status || status === 'open')) return undefined;
    const [attempt] = await db.query<{ tenant_id: string; payment_id: string }>(statements.tenant, [reference, gateway]);
    if (attempt === undefined) return undefined;
    const { takenId, returnedId, now } = command;
    const id = known?.id ?? command.id;
    const aggregate = { tenantId: attempt.tenant_id, aggregateId: id, aggregateVersion: 0n, occurredAt: now };
    const payload = { paymentId: attempt.payment_id, gateway, amount };
    const opened = outboxRow(events.billing.disputeOpened, { ...aggregate, payload: { ...payload, reason } });
    const decided = outboxRow(events.billing.disputeDecided, { ...aggregate, payload: { ...payload, outcome: status } });
    const [row] = await db.query<{ outcome: 'opened' | 'won' | 'lost'; dispute_id: string; uncovered_micros: bigint }>(statements.record, [
      ...[id, gateway, gatewayDisputeId, reference, status, amount.micros, amount.currency, reason, takenId, returnedId, now],
      ...[opened.id, opened.subject, decided.id, decided.subject, opened.headers, opened.payload, decided.payload],
    ]);
    if (row === undefined) return undefined;
    db.signalOutbox();
    return { disputeId: row.dispute_id, outcome: row.outcome, uncoveredMicros: row.uncovered_micros };
  },

  find: async (tenantId, id) => {
    const [row] = await db.query<StoredDispute>(statements.find, [tenantId, id]);
    return row && disputeOf(row);
  },

  list: async ({ tenantId, paymentId, status }, { limit, cursor }) => {
    const after = datedCursor(cursor, 'uuid');
    const place = [after?.at ?? null, after === undefined ? null : String(after.tie)];
    const rows = await db.query<StoredDispute>(statements.list, [tenantId ?? null, paymentId ?? null, status ?? null, ...place, limit + 1]);
    const shown = rows.slice(0, limit);
    const last = shown.at(-1);
    const nextCursor = rows.length > limit && last !== undefined ? encodeCursor([last.created_at, last.id]) : '';
    return { disputes: shown.map(disputeOf), nextCursor };
  },
});

const disputeOf = (row: StoredDispute): Dispute => ({
  id: row.id,
  tenantId: row.tenant_id,
  paymentId: row.payment_id,
  attemptId: row.attempt_id,
  gateway: row.gateway,
  gatewayDisputeId: row.gateway_dispute_id,
  status: row.status,
  amount: money(row.currency, row.amount_micros),
  uncoveredMicros: row.amount_micros - row.taken_micros,
  reason: row.reason,
  openedAt: row.created_at,
  decidedAt: row.decided_at ?? undefined,
});
