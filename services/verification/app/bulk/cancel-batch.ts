import { appError } from '#platform/errors/index.ts';
import type { BulkPorts } from './ports.ts';
import { findBatch } from './get-batch.ts';
import { type BatchView, batchView } from './view.ts';

/**
 * Nothing more is bought, and what waits for a code is cancelled in the background; codes that come before that are kept and charged.
 * Repeated, it answers how far it is.
 * @throws request.not_found · verification.not_cancellable when the batch has ended · verification.early_cancel while it is reserved
 */
export const cancelBatch =
  (ports: Pick<BulkPorts, 'batches' | 'clock' | 'timing'>) =>
  async ({ tenantId, id }: { tenantId: string; id: string }): Promise<BatchView> => {
    const batch = await findBatch(ports, tenantId, id);
    if (batch.state === 'reserving') throw appError('verification.early_cancel', { retryAfterMs: ports.timing.reserveMs });
    const asked = batch.cancelAskedAt !== undefined || (await ports.batches.askCancel(batch, ports.clock.now()));
    if (!asked) throw appError('verification.not_cancellable');
    const present = await findBatch(ports, tenantId, id);
    return batchView(present, await ports.batches.progress(present));
  };
