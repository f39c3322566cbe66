import { toAppError } from '#platform/errors/index.ts';
import { money } from '#platform/money/index.ts';
import { addMs } from '#platform/time/index.ts';
import { type Batch, type BatchItem, purchaseKeyOf } from '../../domain/bulk/batch.ts';
import { createVerification } from '../create-verification.ts';
import { undecidedCodes } from '../undecided.ts';
import type { BulkPorts, ItemOutcome } from './ports.ts';

/**
 * Leases what is to be bought and buys it. Any number of replicas may do this at once: tenants take turns, and an item is bought under
 * one key by whoever comes, again after a crash. @returns one promise for each item that was leased; none rejects
 */
export const buyItems =
  (ports: BulkPorts) =>
  async (options: { limit: number; leaseMs: number }): Promise<readonly Promise<void>[]> => {
    const now = ports.clock.now();
    const claimed = await ports.batches.claimItems(now, addMs(now, options.leaseMs), options.limit);
    return claimed.map(async ({ item, batch }) => {
      try {
        const outcome = await outcomeOf(ports, item, batch);
        if (outcome !== undefined) await ports.batches.settleItem(item, outcome);
        else await ports.batches.retryItem(item, retryAt(ports, item));
      } catch (error) {
        // Its lease runs out, and somebody tries again.
        ports.observer.failedStep(batch.id, error);
      }
    });
  };

/** @returns undefined: try again later */
const outcomeOf = async (ports: BulkPorts, item: BatchItem, batch: Batch): Promise<ItemOutcome | undefined> => {
  const late = ports.clock.now() >= batch.buyUntil;
  // Somebody before us may have bought it and died.
  if (batch.cancelAskedAt !== undefined || late)
    return (await alreadyBought(ports, item)) ?? (late ? { state: 'failed', reason: 'platform.unavailable' } : { state: 'cancelled' });
  try {
    return { state: 'bought', verificationId: await buy(ports, item, batch) };
  } catch (error) {
    const { code } = toAppError(error);
    // With a row of its own, the purchase is carried to its end by its own recovery.
    return undecidedCodes.has(code) ? alreadyBought(ports, item) : { state: 'failed', reason: code };
  }
};

const alreadyBought = async ({ purchases }: BulkPorts, item: BatchItem): Promise<ItemOutcome | undefined> => {
  const verification = await purchases.store.findByKey(item.tenantId, purchaseKeyOf(item));
  return verification && { state: 'bought', verificationId: verification.id };
};

const buy = async (ports: BulkPorts, item: BatchItem, batch: Batch): Promise<string> => {
  const { service, country, capability, operator, areaCode, excludedProviders, preferredProviders, priceMicros, quoteId } = item;
  if (priceMicros === undefined || quoteId === undefined || (batch.holdId === undefined && priceMicros > 0n))
    throw new Error('what is pending has a price, and its batch a hold unless all of it costs nothing');
  const quote = { id: quoteId, price: money(batch.currency, priceMicros), expiresAt: batch.buyUntil };
  const { id } = await createVerification(ports.purchases)({
    ...{ tenantId: item.tenantId, idempotencyKey: purchaseKeyOf(item), maxPrice: undefined },
    ...{ service, country, capability, operator, areaCode, excludedProviders, preferredProviders, actor: batch.actor },
    batch: { id: batch.id, quote, holdId: batch.holdId },
  });
  return id;
};

const retryAt = ({ clock, timing }: BulkPorts, { attempts }: BatchItem): Date =>
  addMs(clock.now(), Math.min(timing.retryMs * 2 ** Math.min(attempts, 20), timing.retryMaxMs));
