import { newId } from '#platform/ids/index.ts';
import type { Queryable, Transaction } from '#platform/postgres/index.ts';
import { activeTraceHeaders } from '#platform/telemetry/index.ts';
import type { EventDefinition, EventFacts } from './event.ts';
import { header, type StoredHeaders } from './headers.ts';

/** One row of `outbox`, ready to be bound as parameters of a statement of your own. */
export interface OutboxRow {
  readonly id: string;
  readonly subject: string;
  readonly aggregateId: string;
  readonly aggregateVersion: bigint;
  /** JSON text, for a jsonb parameter. */
  readonly headers: string;
  readonly payload: Buffer;
}

/** What `outbox.headers` keeps of an event that is made now, for statements that know the rest of the row only in the database. */
export const outboxHeaders = (tenantId: string, occurredAt: Date): StoredHeaders => ({
  [header.tenant]: tenantId,
  [header.time]: occurredAt.toISOString(),
  ...activeTraceHeaders(),
});

/**
 * The row that a hot path inserts inside its one SQL statement:
 * `insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload) values …`, then `db.signalOutbox()`.
 * The trace context is taken here, so consumers join the request's trace. Insert it while the aggregate's row is locked
 * (after its update, or from its `returning`): that makes the order of events the order of changes.
 */
export const outboxRow = <P>(definition: EventDefinition<P>, facts: EventFacts<P>): OutboxRow => ({
  id: newId(),
  subject: definition.subject,
  aggregateId: facts.aggregateId,
  aggregateVersion: BigInt(facts.aggregateVersion),
  headers: JSON.stringify(outboxHeaders(facts.tenantId, facts.occurredAt)),
  payload: Buffer.from(JSON.stringify(definition.codec.toJSON(facts.payload))),
});

const insertOne = `insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload) values ($1, $2, $3, $4, $5, $6)`;
const insertMany = `insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload)
  select id, subject, aggregate_id, aggregate_version, headers, payload
  from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::jsonb[], $6::bytea[])
    with ordinality as row (id, subject, aggregate_id, aggregate_version, headers, payload, position)
  order by position`;

/** Inserts rows in one statement, in their order. */
const insertOutboxRows = async (tx: Queryable, rows: readonly OutboxRow[]): Promise<void> => {
  const [first] = rows;
  if (first === undefined) return;
  if (rows.length === 1) {
    await tx.query(insertOne, [first.id, first.subject, first.aggregateId, first.aggregateVersion, first.headers, first.payload], {
      name: 'outbox-insert',
    });
    return;
  }
  const column = <T>(of: (row: OutboxRow) => T): T[] => rows.map(of);
  await tx.query(
    insertMany,
    [
      column((r) => r.id),
      column((r) => r.subject),
      column((r) => r.aggregateId),
      column((r) => r.aggregateVersion),
      column((r) => r.headers),
      column((r) => r.payload),
    ],
    { name: 'outbox-insert-many' },
  );
};

/** Publishes one event if, and only if, the transaction commits. */
export const publishEvent = async <P>(tx: Transaction, definition: EventDefinition<P>, facts: EventFacts<P>): Promise<void> => {
  await insertOutboxRows(tx, [outboxRow(definition, facts)]);
  tx.signalOutbox();
};
