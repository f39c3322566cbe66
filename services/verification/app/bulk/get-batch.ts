import { appError } from '#platform/errors/index.ts';
import type { Batch } from '../../domain/bulk/batch.ts';
import type { BulkPorts } from './ports.ts';
import { type BatchView, batchView, type ItemView, itemView } from './view.ts';

export interface BatchPage {
  readonly batch: BatchView;
  readonly items: readonly ItemView[];
  /** Position to go on from; undefined on the last page. */
  readonly next: number | undefined;
}

type Needs = Pick<BulkPorts, 'batches' | 'purchases'>;

/** @throws request.not_found, also for another tenant's */
export const findBatch = async ({ batches }: Pick<BulkPorts, 'batches'>, tenantId: string, id: string): Promise<Batch> => {
  const batch = await batches.find(tenantId, id);
  if (batch === undefined) throw appError('request.not_found');
  return batch;
};

/** A batch with a page of its items: their numbers and codes, without the messages' texts. @throws request.not_found */
export const getBatch =
  (ports: Needs) =>
  async (query: { tenantId: string; id: string; after: number; limit: number }): Promise<BatchPage> => {
    const batch = await findBatch(ports, query.tenantId, query.id);
    const [progress, rows] = await Promise.all([ports.batches.progress(batch), ports.batches.items(batch, query.after, query.limit + 1)]);
    const page = rows.slice(0, query.limit);
    return {
      batch: batchView(batch, progress),
      items: await Promise.all(page.map((row) => itemView(ports.purchases.sealer, batch.currency, row))),
      next: rows.length > query.limit ? page.at(-1)?.item.position : undefined,
    };
  };
