import type { Filter, Ports } from '../ports.ts';
import { type VerificationView, viewOf } from '../view.ts';

/** Enough to make a round trip worth it, little enough to lie in memory for each of many exports. */
const batchSize = 500;

/**
 * All that the filter lets through, oldest first, without what is bought after the first step. Read in pages as the reader takes them:
 * neither memory nor a transaction is held while a slow reader reads. Each row is as it stands when its page is read.
 */
export const exportVerifications = ({ store, sealer }: Pick<Ports, 'store' | 'sealer'>) =>
  async function* batches(tenantId: string, filter: Filter): AsyncGenerator<readonly VerificationView[], void> {
    const upTo = await store.newestId(tenantId);
    let after: string | undefined;
    while (upTo !== undefined) {
      const rows = await store.forward({ ...filter, tenantId, after, upTo, limit: batchSize });
      if (rows.length > 0) yield await Promise.all(rows.map((row) => viewOf(sealer, row)));
      if (rows.length < batchSize) return;
      after = rows.at(-1)?.id;
    }
  };
