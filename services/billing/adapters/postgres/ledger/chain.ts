import type { Database } from '#platform/postgres/index.ts';
import type { LedgerChain } from '../../../app/ledger/ports.ts';

const sealSql = 'select height, hash, cardinality(transfer_ids) as transfers from seal_block($1, $2)';

export const postgresChain = (db: Database): LedgerChain => ({
  seal: async (now, limit) => {
    const [block] = await db.query<{ height: bigint; hash: Buffer; transfers: number }>(sealSql, [limit, now]);
    return block && { height: block.height, hash: block.hash.toString('hex'), transfers: block.transfers };
  },
});
