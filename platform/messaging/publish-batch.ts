import { withSpan } from '#platform/telemetry/index.ts';
import type { Bus } from './bus.ts';
import { errorText, isRowFault } from './failures.ts';
import { header, messageHeaders } from './headers.ts';
import type { PendingRow, RowFailure } from './relay-sql.ts';

export interface BatchResult {
  readonly published: readonly PendingRow[];
  /** Rows that JetStream refuses for what they are. */
  readonly refused: readonly RowFailure[];
  /** Why the way to the stream is closed, if it is. */
  readonly outage: unknown;
}

const publishTimeoutMs = 5_000;

/** Rows of one aggregate in the order of their versions (then of insertion), aggregates side by side. */
const lanes = (rows: readonly PendingRow[]): PendingRow[][] => {
  const byAggregate = Map.groupBy(rows, (row) => row.aggregate_id);
  return [...byAggregate.values()].map((lane) =>
    lane.length === 1 ? lane : lane.toSorted((a, b) => Number(a.aggregate_version - b.aggregate_version) || Number(a.seq - b.seq)),
  );
};

/** The trace flags end in 01 when somebody records the trace; for all others a span would be work for nobody. */
const isSampled = (traceParent: string | undefined): boolean => traceParent !== undefined && traceParent.endsWith('1');

const publishRow = async (bus: Bus, row: PendingRow): Promise<void> => {
  const send = () =>
    bus.jetstream.publish(row.subject, row.payload, { msgID: row.id, headers: messageHeaders(row), timeout: publishTimeoutMs });
  if (!isSampled(row.headers[header.traceParent])) {
    await send();
    return;
  }
  const attributes = {
    'messaging.system': 'nats',
    'messaging.operation.name': 'send',
    'messaging.destination.name': row.subject,
    'messaging.message.id': row.id,
  };
  await withSpan(`send ${row.subject}`, { kind: 'producer', attributes, parent: { ...row.headers } }, send);
};

/**
 * Publishes a batch: within an aggregate one after the other, each acknowledged before the next is sent. A failure stops
 * its own aggregate for this batch; an outage stops all.
 */
export const publishBatch = async (bus: Bus, rows: readonly PendingRow[]): Promise<BatchResult> => {
  const published: PendingRow[] = [];
  const refused: RowFailure[] = [];
  let outage: unknown;
  const publishLane = async (lane: readonly PendingRow[]): Promise<void> => {
    for (const row of lane) {
      if (outage !== undefined) return;
      try {
        await publishRow(bus, row);
        published.push(row);
      } catch (error) {
        if (isRowFault(error)) refused.push({ id: row.id, error: errorText(error) });
        else outage ??= error ?? new Error('unknown');
        return;
      }
    }
  };
  await Promise.all(lanes(rows).map(publishLane));
  return { published, refused, outage };
};
