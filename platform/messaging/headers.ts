import { headers as newHeaders, type MsgHdrs } from '@nats-io/transport-node';

/** The header contract; see docs/platform.md. CloudEvents' attribute names, plus ours. */
export const header = {
  messageId: 'Nats-Msg-Id',
  id: 'ce-id',
  type: 'ce-type',
  source: 'ce-source',
  aggregateId: 'ce-subject',
  time: 'ce-time',
  specVersion: 'ce-specversion',
  tenant: 'namaskah-tenant',
  version: 'namaskah-version',
  traceParent: 'traceparent',
  traceState: 'tracestate',
  contentType: 'content-type',
  /** Only this durable may handle the message: set by a replay of dead letters. */
  replayFor: 'namaskah-replay',
} as const;

/** What differs from row to row and cannot be derived from the row's columns; stored as the row's `headers`. */
export interface StoredHeaders {
  readonly [header.tenant]: string;
  readonly [header.time]: string;
  readonly [header.traceParent]?: string;
  readonly [header.traceState]?: string;
}

export interface HeaderRow {
  readonly id: string;
  readonly subject: string;
  readonly aggregate_id: string;
  readonly aggregate_version: bigint;
  readonly headers: StoredHeaders;
}

/** namaskah.billing.v1.hold.captured → namaskah/billing */
const sourceOf = (subject: string): string => subject.split('.', 2).join('/');

/** All headers of a published event. */
export const messageHeaders = (row: HeaderRow): MsgHdrs => {
  const all = newHeaders();
  all.set(header.id, row.id);
  all.set(header.type, row.subject);
  all.set(header.source, sourceOf(row.subject));
  all.set(header.aggregateId, row.aggregate_id);
  all.set(header.specVersion, '1.0');
  all.set(header.version, row.aggregate_version.toString());
  all.set(header.contentType, 'application/json');
  for (const name of [header.tenant, header.time, header.traceParent, header.traceState] as const) {
    const value = row.headers[name];
    if (value !== undefined) all.set(name, value);
  }
  return all;
};
