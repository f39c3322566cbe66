import { isUuid } from '#platform/ids/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import type { SealedMessage } from '../../../app/ports.ts';
import type { SnapshotReader } from '../../../app/live/ports.ts';
import { fromSql, type SqlRow } from '../rows.ts';

type Row = SqlRow & {
  readonly message_id: string | null;
  readonly message_sealed: Buffer | null;
  readonly message_fingerprint: Buffer | null;
  readonly message_received_at: Date | null;
};

/** One statement: what a message and its verification say belongs to the same moment. The lateral walks messages by their own index. */
const snapshotsSql = `
select v.*, m.id as message_id, m.sealed as message_sealed, m.fingerprint as message_fingerprint, m.received_at as message_received_at
from verifications v
left join lateral (
  select id, sealed, fingerprint, received_at from messages
  where tenant_id = v.tenant_id and verification_id = v.id and not hidden
  offset 0
) m on v.sealed_code is not null
where v.id = any($2::uuid[]) and v.tenant_id = $1
order by v.id, m.received_at, m.id`;

const messageOf = (row: Row): SealedMessage[] =>
  row.message_id === null || row.message_sealed === null || row.message_fingerprint === null || row.message_received_at === null
    ? []
    : [
        {
          id: row.message_id,
          sealed: row.message_sealed,
          fingerprint: row.message_fingerprint,
          receivedAt: row.message_received_at,
          hidden: false,
        },
      ];

export const snapshotReader = (db: Pick<Database, 'query'>): SnapshotReader => ({
  snapshots: async (tenantId, ids) => {
    const rows = await db.query<Row>(snapshotsSql, [tenantId, ids.filter(isUuid)], { name: 'verification-snapshots' });
    return [...Map.groupBy(rows, ({ id }) => id).values()].map((group) => ({
      verification: fromSql(group[0]!),
      messages: group.flatMap(messageOf),
    }));
  },
});
