import type { Logger } from '#platform/logging/index.ts';
import type { Queryable } from '#platform/postgres/index.ts';
import type { ApiKeyUsage } from '../../app/ports.ts';

const flushSql = `
update api_keys k set last_used_at = u.at
from unnest($1::uuid[], $2::timestamptz[]) as u (id, at)
where k.id = u.id and (k.last_used_at is null or k.last_used_at <= u.at - interval '1 minute')`;

export interface ApiKeyUsageWriter extends ApiKeyUsage {
  flush(): Promise<void>;
}

/**
 * Keeps only the newest use of each key in memory; `flush` writes them as one statement. A crash loses at most what was
 * noted since the last flush, which is why last_used_at is a hint for people and never decides anything.
 */
export const createApiKeyUsage = (db: Queryable, logger: Pick<Logger, 'warn'>): ApiKeyUsageWriter => {
  let noted = new Map<string, Date>();
  return {
    note: (keyId, at) => void noted.set(keyId, at),
    flush: async () => {
      if (noted.size === 0) return;
      const batch = noted;
      noted = new Map();
      try {
        // Sorted, so that two replicas lock rows in the same order.
        const rows = [...batch].sort(([a], [b]) => a.localeCompare(b));
        await db.query(flushSql, [rows.map(([id]) => id), rows.map(([, at]) => at)]);
      } catch (error) {
        noted = new Map([...batch, ...noted]);
        logger.warn({ err: error, keys: noted.size }, 'last use of API keys not written; will be tried again');
      }
    },
  };
};
