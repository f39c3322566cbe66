import type { BulkPorts } from './ports.ts';
import { type BatchView, batchView } from './view.ts';

/** A tenant's batches, newest first. */
export const listBatches =
  ({ batches }: Pick<BulkPorts, 'batches'>) =>
  async (query: {
    tenantId: string;
    before: string | undefined;
    limit: number;
  }): Promise<{ readonly batches: readonly BatchView[]; readonly next: string | undefined }> => {
    const rows = await batches.list(query.tenantId, query.before, query.limit + 1);
    const page = rows.slice(0, query.limit);
    return {
      batches: page.map(({ batch, progress }) => batchView(batch, progress)),
      next: rows.length > query.limit ? page.at(-1)?.batch.id : undefined,
    };
  };
