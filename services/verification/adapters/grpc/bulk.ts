import {
  type Batch as BatchMessage,
  type BatchItem as BatchItemMessage,
  BulkServiceService,
  type WantedNumbers,
} from '#proto/namaskah/verification/v1/bulk.ts';
import { appError } from '#platform/errors/index.ts';
import { allow, allowAny, type BoundService, grpcService, method } from '#platform/grpc/index.ts';
import { decodeCursor, encodeCursor, pageLimit } from '#platform/postgres/index.ts';
import type { cancelBatch } from '../../app/bulk/cancel-batch.ts';
import { type createBatch, maxNumbers } from '../../app/bulk/create-batch.ts';
import type { getBatch } from '../../app/bulk/get-batch.ts';
import type { listBatches } from '../../app/bulk/list-batches.ts';
import type { RouteCodes } from '../../app/routing/ports.ts';
import { wishedProviders } from '../../app/routing/route-wishes.ts';
import type { BatchView, ItemView } from '../../app/bulk/view.ts';
import { fromLastId, toLastId, toMessage } from './mapping.ts';

export interface BulkUseCases {
  readonly createBatch: ReturnType<typeof createBatch>;
  readonly getBatch: ReturnType<typeof getBatch>;
  readonly listBatches: ReturnType<typeof listBatches>;
  readonly cancelBatch: ReturnType<typeof cancelBatch>;
}

const write = allow('owner', 'admin', 'staff', { scope: 'verifications:write' });
const read = allowAny({ scope: 'verifications:read' });

export const bulkService = (bulk: BulkUseCases, codes: RouteCodes): BoundService =>
  grpcService(BulkServiceService, {
    createBatch: method(write, async ({ idempotencyKey, items }, { principal: { tenantId, subject: actor } }) => {
      if (items.length > maxNumbers)
        throw appError('request.invalid', { fields: [{ field: 'items', reason: `Ask for 1 to ${maxNumbers} numbers in all.` }] });
      return {
        batch: batchMessage(
          await bulk.createBatch({ tenantId, actor, idempotencyKey, items: items.map((item, index) => wantedOf(codes, item, index)) }),
        ),
      };
    }),
    getBatch: method(read, async ({ id, page }, { principal: { tenantId } }) => {
      const found = await bulk.getBatch({ tenantId, id, after: positionOf(page?.cursor), limit: pageLimit(page?.limit) });
      return {
        batch: batchMessage(found.batch),
        items: found.items.map(itemMessage),
        nextCursor: found.next === undefined ? '' : encodeCursor([found.next]),
      };
    }),
    listBatches: method(read, async ({ page }, { principal: { tenantId } }) => {
      const { batches, next } = await bulk.listBatches({ tenantId, before: toLastId(page?.cursor), limit: pageLimit(page?.limit) });
      return { batches: batches.map(batchMessage), nextCursor: fromLastId(next) };
    }),
    cancelBatch: method(write, async ({ id }, { principal: { tenantId } }) => ({
      batch: batchMessage(await bulk.cancelBatch({ tenantId, id })),
    })),
  });

const wantedOf = (codes: RouteCodes, { maxPrice, routes, ...wanted }: WantedNumbers, index: number) => ({
  ...wanted,
  maxPrice,
  ...wishedProviders(codes, routes, `items[${index}].`),
});

const positionOf = (cursor: string | undefined): number => {
  const values = decodeCursor(cursor, 1);
  if (values === undefined) return 0;
  const [position] = values;
  if (typeof position === 'number' && Number.isInteger(position) && position >= 0 && position <= maxNumbers) return position;
  throw appError('request.invalid', { fields: [{ field: 'cursor', reason: 'is not a cursor of this list' }] });
};

const batchMessage = ({ progress, ...batch }: BatchView): BatchMessage => ({
  ...batch,
  progress: { total: progress.total, ...progress.byStatus },
});

const itemMessage = ({ verification, ...item }: ItemView): BatchItemMessage => ({
  ...item,
  verification: verification && toMessage(verification),
});
