import { addMs } from '#platform/time/index.ts';
import { type Batch, moveBatch } from '../../domain/bulk/batch.ts';
import { cancelVerification } from '../cancel-verification.ts';
import type { BulkPorts } from './ports.ts';

/**
 * One turn of the worker that carries batches to their end: leases what is due and does what its state asks for. Any number of replicas.
 * @returns how many were due
 */
export const workBatches =
  (ports: BulkPorts) =>
  async (options: { limit: number; leaseMs: number }): Promise<number> => {
    const now = ports.clock.now();
    const due = await ports.batches.claimDue(now, addMs(now, options.leaseMs), options.limit);
    await Promise.all(
      due.map(async (batch) => {
        try {
          await step(ports, batch);
        } catch (error) {
          ports.observer.failedStep(batch.id, error);
        }
      }),
    );
    return due.length;
  };

const step = async (ports: BulkPorts, batch: Batch): Promise<void> => {
  switch (batch.state) {
    case 'reserving':
      return giveUp(ports, batch);
    case 'buying':
      return finishBuying(ports, batch);
    case 'waiting':
      return finishWaiting(ports, batch);
    case 'failed':
      return giveBackLost(ports, batch);
    case 'completed':
      return;
  }
};

/** Its request died, or lost billing or the database, and was not repeated: nothing is bought behind the customer's back. */
const giveUp = async (ports: BulkPorts, batch: Batch): Promise<void> => {
  const now = ports.clock.now();
  const failed = moveBatch(batch, 'failed', {
    reason: 'platform.unavailable',
    holdOpen: batch.amountMicros > 0n,
    endedAt: now,
    dueAt: now,
  });
  if (await ports.batches.save(batch, failed)) ports.observer.ended(failed);
};

/** Whether the money was reserved is not known: asked for again under its key it is, and given back. */
const giveBackLost = async (ports: BulkPorts, batch: Batch): Promise<void> => {
  const { total } = await ports.batches.progress(batch);
  const answer = await ports.money.reserve(batch, total, addMs(ports.clock.now(), ports.timing.reserveMs));
  const done = answer.kind === 'refused' || (answer.kind === 'held' && (await ports.money.release(batch, answer.holdId)) === 'done');
  if (done) await ports.batches.save(batch, moveBatch(batch, 'failed', { holdOpen: false }));
  else await retry(ports, batch);
};

const finishBuying = async (ports: BulkPorts, batch: Batch): Promise<void> => {
  if (batch.cancelAskedAt !== undefined) await takeBack(ports, batch);
  const { byStatus } = await ports.batches.progress(batch);
  // Often: what is bought says so to nobody.
  if (byStatus.pending > 0) await ports.batches.reschedule(batch, addMs(ports.clock.now(), ports.timing.retryMs));
  else await ports.batches.save(batch, moveBatch(batch, 'waiting', { dueAt: ports.clock.now() }));
};

/** The rest of the money goes back before the end is told: from then on no late process can buy for this batch, for nobody would pay. */
const finishWaiting = async (ports: BulkPorts, batch: Batch): Promise<void> => {
  if (batch.cancelAskedAt !== undefined) await takeBack(ports, batch);
  if (batch.holdOpen && batch.holdId !== undefined) {
    if ((await ports.money.release(batch, batch.holdId)) !== 'done') return retry(ports, batch);
    await ports.batches.save(batch, moveBatch(batch, 'waiting', { holdOpen: false, dueAt: ports.clock.now() }));
    return;
  }
  const progress = await ports.batches.progress(batch);
  const now = ports.clock.now();
  if (progress.open > 0) {
    // While it is being cancelled, nothing tells when the provider takes a number back.
    if (batch.cancelAskedAt !== undefined) await retry(ports, batch);
    else await ports.batches.reschedule(batch, addMs(now, ports.timing.lookMs));
    return;
  }
  const completed = moveBatch(batch, 'completed', { endedAt: now });
  if (await ports.batches.save(batch, completed, progress)) ports.observer.ended(completed);
};

/** Cancels at the providers at once, so that a batch does not become a flood. */
const together = 8;

const takeBack = async (ports: BulkPorts, batch: Batch): Promise<void> => {
  await ports.batches.dropPending(batch, ports.clock.now());
  const left = [...(await ports.batches.waiting(batch))];
  const cancel = cancelVerification(ports.purchases);
  const work = async (): Promise<void> => {
    for (let id = left.pop(); id !== undefined; id = left.pop())
      // Too early, a code that was faster, a provider without an answer: whatever it is, the next look sees it.
      await cancel({ tenantId: batch.tenantId, id }).catch(() => undefined);
  };
  await Promise.all(Array.from({ length: together }, work));
};

const retry = ({ batches, clock, timing }: BulkPorts, batch: Batch): Promise<void> =>
  batches.reschedule(batch, addMs(clock.now(), Math.min(timing.retryMs * 2 ** Math.min(batch.attempts, 20), timing.retryMaxMs)));
