import { MsgHdrsImpl, type MsgHdrs } from '@nats-io/transport-node';

const lineBreak = /[\r\n]/;

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

/** What every event of a subject says alike; namaskah.billing.v1.hold.captured comes from namaskah/billing. */
const constantHeaders = (subject: string): Readonly<Record<string, string[]>> => ({
  [header.type]: [subject],
  [header.source]: [subject.split('.', 2).join('/')],
  [header.specVersion]: ['1.0'],
  [header.contentType]: ['application/json'],
});
/** As many as there are subjects in the table of events. */
const constants = new Map<string, Readonly<Record<string, string[]>>>();

const perRow = [header.tenant, header.time, header.traceParent, header.traceState] as const;

/** All headers of a published event. @throws when a value would break out of its line: `invalid header …` */
export const messageHeaders = (row: HeaderRow): MsgHdrs => {
  let constant = constants.get(row.subject);
  if (constant === undefined) constants.set(row.subject, (constant = constantHeaders(row.subject)));
  const all: Record<string, string[]> = {
    [header.messageId]: [row.id],
    [header.id]: [row.id],
    ...constant,
    [header.aggregateId]: [row.aggregate_id],
    [header.version]: [String(row.aggregate_version)],
  };
  if (lineBreak.test(row.aggregate_id)) throw new Error(`invalid header ${header.aggregateId}`);
  for (const name of perRow) {
    const value = row.headers[name];
    if (value === undefined) continue;
    if (lineBreak.test(value)) throw new Error(`invalid header ${name}`);
    all[name] = [value];
  }
  return MsgHdrsImpl.fromRecord(all);
};
