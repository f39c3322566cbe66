import type { Queryable } from '#platform/postgres/index.ts';
import type { Housekeeping } from '../../app/ports.ts';

const day = "interval '1 day'";

/** Each takes the time and a limit; each picks its rows by an index. */
const statements = [
  `delete from sessions where id in (select id from sessions where ended_at <= $1::timestamptz - 30 * ${day} order by ended_at limit $2)`,
  `delete from email_verifications where user_id in (select user_id from email_verifications where expires_at <= $1::timestamptz order by expires_at limit $2)`,
  `delete from invitations where id in (select id from invitations where accepted_at is null and expires_at <= $1::timestamptz - 30 * ${day} limit $2)`,
  `delete from throttles where key in (select key from throttles where updated_at <= $1::timestamptz - ${day} order by updated_at limit $2 for update skip locked)`,
  `update api_keys set idempotency_key = null, fingerprint = null, sealed_key = null where id in (
     select id from api_keys where idempotency_key is not null and created_at <= $1::timestamptz - ${day} order by created_at limit $2)`,
];

export const createHousekeeping = (db: Queryable): Housekeeping => ({
  sweep: async (now, limit) => {
    let swept = 0;
    for (const statement of statements) {
      const [row] = await db.query<{ swept: number }>(
        `with swept as (${statement} returning 1) select count(*)::integer as swept from swept`,
        [now, limit],
      );
      swept += row?.swept ?? 0;
    }
    return swept;
  },
});
