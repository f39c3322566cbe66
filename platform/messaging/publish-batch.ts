import { withSpan } from '#platform/telemetry/index.ts';
import { errorText, isRowFault } from './failures.ts';
import { header, messageHeaders } from './headers.ts';
import type { Publisher, Settle } from './publisher.ts';
import type { PendingRow, RowFailure } from './relay-sql.ts';

export interface BatchResult {
  readonly published: readonly PendingRow[];
  /** Rows that JetStream refuses for what they are. */
  readonly refused: readonly RowFailure[];
  /** Why the way to the stream is closed, if it is. */
  readonly outage: unknown;
}

/** Rows of one aggregate in the order of their versions (then of insertion), aggregates side by side. */
const lanes = (rows: readonly PendingRow[]): PendingRow[][] => {
  const byAggregate = Map.groupBy(rows, (row) => row.aggregate_id);
  return [...byAggregate.values()].map((lane) =>
    lane.length === 1 ? lane : lane.toSorted((a, b) => Number(a.aggregate_version - b.aggregate_version) || Number(a.seq - b.seq)),
  );
};

/** The trace flags end in 01 when somebody records the trace; for all others a span would be work for nobody. */
const isSampled = (traceParent: string | undefined): boolean => traceParent !== undefined && traceParent.endsWith('1');

const publishRow = (publisher: Publisher, row: PendingRow, settle: Settle): void => {
  const message = { subject: row.subject, payload: row.payload, headers: messageHeaders(row) };
  if (!isSampled(row.headers[header.traceParent])) {
    publisher.publish(message, settle);
    return;
  }
  const attributes = {
    'messaging.system': 'nats',
    'messaging.operation.name': 'send',
    'messaging.destination.name': row.subject,
    'messaging.message.id': row.id,
  };
  const send = (): Promise<void> =>
    new Promise((resolve, reject) => publisher.publish(message, (error) => (error === undefined ? resolve() : reject(error as Error))));
  withSpan(`send ${row.subject}`, { kind: 'producer', attributes, parent: { ...row.headers } }, send).then(() => settle(undefined), settle);
};

/**
 * Publishes a batch: within an aggregate one after the other, each acknowledged before the next is sent. A failure stops
 * its own aggregate for this batch; an outage stops all.
 */
export const publishBatch = (publisher: Publisher, rows: readonly PendingRow[]): Promise<BatchResult> =>
  new Promise((resolve) => {
    const published: PendingRow[] = [];
    const refused: RowFailure[] = [];
    let outage: unknown;
    const aggregates = lanes(rows);
    let open = aggregates.length;
    const end = (): void => {
      open -= 1;
      if (open === 0) resolve({ published, refused, outage });
    };
    const fail = (row: PendingRow, error: unknown): void => {
      if (isRowFault(error)) refused.push({ id: row.id, error: errorText(error) });
      else outage ??= error ?? new Error('unknown');
      end();
    };
    const publishFrom = (lane: readonly PendingRow[], at: number): void => {
      const row = lane[at];
      if (row === undefined || outage !== undefined) {
        end();
        return;
      }
      try {
        publishRow(publisher, row, (error) => {
          if (error !== undefined) {
            fail(row, error);
            return;
          }
          published.push(row);
          publishFrom(lane, at + 1);
        });
      } catch (error) {
        fail(row, error);
      }
    };
    for (const lane of aggregates) publishFrom(lane, 0);
  });
