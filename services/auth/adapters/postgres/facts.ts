import { events } from '#events';
import { outboxRow } from '#platform/messaging/index.ts';
import type { Queryable } from '#platform/postgres/index.ts';
import type { Fact, FactName } from '../../domain/facts.ts';

type AnyEvent = Parameters<typeof outboxRow>[0];

const toRow = (fact: Fact) => {
  const { tenantId, aggregateId, aggregateVersion, occurredAt, payload } = fact;
  const event = events.auth[fact.name satisfies FactName] as AnyEvent;
  return outboxRow(event, { tenantId, aggregateId, aggregateVersion, occurredAt, payload });
};

/**
 * The outbox insert as a part of another statement. Its six parameters start at `$first`.
 * @param when the name of a common table expression; nothing is inserted when it has no row
 */
export const insertFacts = (first: number, when?: string): string => `
insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload)
select f.id, f.subject, f.aggregate_id, f.aggregate_version, f.headers::jsonb, f.payload
from unnest($${first}::uuid[], $${first + 1}::text[], $${first + 2}::text[], $${first + 3}::bigint[], $${first + 4}::text[], $${first + 5}::bytea[])
  with ordinality as f (id, subject, aggregate_id, aggregate_version, headers, payload, position)
${when === undefined ? '' : `where exists (select 1 from ${when})`}
order by f.position`;

/** The parameters of `insertFacts`. */
export const factParameters = (facts: readonly Fact[]): unknown[] => {
  const rows = facts.map(toRow);
  return [
    rows.map((row) => row.id),
    rows.map((row) => row.subject),
    rows.map((row) => row.aggregateId),
    rows.map((row) => row.aggregateVersion),
    rows.map((row) => row.headers),
    rows.map((row) => row.payload),
  ];
};

export const recordFacts = async (db: Queryable, facts: readonly Fact[]): Promise<void> => {
  if (facts.length > 0) await db.query(insertFacts(1), factParameters(facts));
};
