import type { Log } from '#platform/logging/index.ts';
import type { Queryable } from '#platform/postgres/index.ts';

const batch = 500;
const maxBatchesPerRun = 200;

/**
 * What may go, and when. Published rows are the source of repair after a loss in JetStream. Inbox rows must outlive every
 * message that can still be delivered: longer than the longest `maxAgeMs` of a stream. Idempotency keys: a week of retries.
 */
const rules = [
  {
    table: 'outbox',
    sql: `delete from outbox where id in (
      select id from outbox where created_at < now() - interval '7 days' and published_at < now() - interval '7 days' limit $1)
      returning 1 as one`,
  },
  {
    table: 'inbox',
    sql: `delete from inbox where (consumer, message_id) in (
      select consumer, message_id from inbox where processed_at < now() - interval '35 days' limit $1)
      returning 1 as one`,
  },
  {
    table: 'idempotency_keys',
    sql: `delete from idempotency_keys where (tenant_id, operation, key) in (
      select tenant_id, operation, key from idempotency_keys where created_at < now() - interval '7 days' limit $1)
      returning 1 as one`,
  },
] as const;

/** Deletes what is too old, in small statements, so that no lock and no burst of WAL is felt. Never throws: it comes again. */
export const sweep = async (db: Queryable, logger: Log): Promise<void> => {
  for (const { table, sql } of rules) {
    try {
      let total = 0;
      for (let run = 0; run < maxBatchesPerRun; run++) {
        const { length } = await db.query(sql, [batch]);
        total += length;
        if (length < batch) break;
      }
      if (total > 0) logger.info({ table, rows: total }, 'swept');
    } catch (error) {
      logger.warn({ err: error, table }, 'sweep failed');
    }
  }
};
