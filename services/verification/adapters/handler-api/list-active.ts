import type { ActiveOutcome } from '../../app/ports.ts';
import type { ActiveActivation } from '../../domain/reconcile.ts';
import { classifyActive } from './classify.ts';
import type { HandlerApiClient } from './client.ts';
import { dateOf, microsOf, textOf } from './fields.ts';

export interface CodeTables {
  readonly serviceByCode: ReadonlyMap<string | undefined, string>;
  readonly countryById: ReadonlyMap<string, string>;
}

/** The family's largest page. */
const pageRows = 100;
/** Pages overlap, so that rows which end in between cannot slip through the seam. */
const overlapRows = 20;
const maxPages = 250;

const rowOf = (row: Readonly<Record<string, unknown>>, tables: CodeTables): ActiveActivation => ({
  activationId: textOf(row['activationId']),
  service: tables.serviceByCode.get(textOf(row['serviceCode'])),
  country: tables.countryById.get(textOf(row['countryCode'])),
  phoneNumber: `+${textOf(row['phoneNumber']).replace(/^\+/, '')}`,
  costMicros: microsOf(row['activationCost']),
  startedAt: dateOf(row['activationTime']),
  expiresAt: dateOf(row['activationEndTime']),
  orderId: textOf(row['orderId']) || undefined,
});

const newestFirst = (rows: readonly ActiveActivation[]): boolean =>
  rows.every(
    (row, index) => index === 0 || (row.startedAt !== undefined && (rows[index - 1]?.startedAt ?? row.startedAt) >= row.startedAt),
  );

/** Newest first and older than asked for: further pages hold nothing of interest. */
const reached = (rows: readonly ActiveActivation[], since: Date): boolean => {
  const last = rows.at(-1)?.startedAt;
  return last !== undefined && last < since && newestFirst(rows);
};

/** Reads page after page until the list is known to be complete; anything doubtful makes the outcome unknown. */
export const listActive = async (client: HandlerApiClient, tables: CodeTables, since: Date): Promise<ActiveOutcome> => {
  const found = new Map<string, ActiveActivation>();
  for (let page = 0; page < maxPages; page++) {
    const answer = await client.call('getActiveActivations', { start: page * (pageRows - overlapRows), limit: pageRows });
    const records = classifyActive(answer);
    if (records === undefined)
      return { kind: 'unknown', detail: answer.kind === 'answered' ? `HTTP ${answer.status} is no list` : answer.detail };
    const rows = records.map((row) => rowOf(row, tables));
    if (rows.some((row) => row.activationId === '')) return { kind: 'unknown', detail: 'a row without an id' };
    const overlaps = page === 0 || rows.some((row) => found.has(row.activationId));
    for (const row of rows) found.set(row.activationId, row);
    if (!overlaps) return { kind: 'unknown', detail: 'the list changed while it was read' };
    if (rows.length < pageRows || reached(rows, since)) return { kind: 'listed', activations: [...found.values()] };
  }
  return { kind: 'unknown', detail: 'the list has no end' };
};
