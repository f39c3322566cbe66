import { events } from '#events';
import { type OutboxRow, outboxRow } from '#platform/messaging/outbox.ts';
import type { Batch, Progress } from '../../domain/bulk/batch.ts';

/** The end of a batch as its outbox row: how it went, and nothing that belongs to one of its numbers. */
export const batchCompletedRow =
  (now: () => Date) =>
  (batch: Batch, { total, byStatus, chargedMicros }: Progress): OutboxRow =>
    outboxRow(events.verification.batchCompleted, {
      tenantId: batch.tenantId,
      aggregateId: batch.id,
      aggregateVersion: batch.version,
      occurredAt: now(),
      payload: {
        batchId: batch.id,
        total,
        received: byStatus.received + byStatus.completed,
        cancelled: byStatus.cancelled,
        expired: byStatus.expired,
        failed: byStatus.failed,
        reserved: { currency: batch.currency, micros: batch.amountMicros },
        charged: { currency: batch.currency, micros: chargedMicros },
        cancelAsked: batch.cancelAskedAt !== undefined,
        createdAt: batch.createdAt,
      },
    });
