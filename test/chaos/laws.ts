/** What must hold after any fault, read from the databases themselves. */
import pg from 'pg';

export interface Outcome {
  readonly id: string;
  readonly state: string;
  readonly hasCode: boolean;
  readonly charges: number;
  readonly chargedMicros: bigint;
  readonly priceMicros: bigint;
}

export const queryAll = async <Row extends pg.QueryResultRow>(url: string, sql: string, parameters: unknown[] = []): Promise<Row[]> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(sql, parameters)).rows;
  } finally {
    await client.end();
  }
};

const publishers = ['auth', 'billing', 'verification', 'campaign'] as const;

/** Ids of every event that the services committed, by service. */
export const outboxIds = async (databaseUrl: (name: string) => string): Promise<Set<string>> => {
  const ids = await Promise.all(publishers.map((name) => queryAll<{ id: string }>(databaseUrl(name), 'select id from outbox')));
  return new Set(ids.flat().map(({ id }) => id));
};

/** Ids in the event store, with repetitions. */
export const storedEventIds = async (databaseUrl: (name: string) => string): Promise<string[]> =>
  (await queryAll<{ id: string }>(databaseUrl('analytics'), 'select id from events')).map(({ id }) => id);
