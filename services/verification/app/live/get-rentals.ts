import { appError } from '#platform/errors/index.ts';
import type { Rental } from '../../domain/rental/rental.ts';
import type { Sealer } from '../ports.ts';
import type { RentalStore } from '../rental/ports.ts';
import { openMessages, type OpenedRentalMessage } from '../rental/rental-messages.ts';
import { maxIds } from './get-verifications.ts';

/**
 * Rentals as they are now, and messages to rented numbers; what is not the tenant's is left out.
 * @throws request.invalid for more than `maxIds` of either
 */
export const getRentals =
  ({ store, sealer }: { readonly store: Pick<RentalStore, 'findMany' | 'messagesById'>; readonly sealer: Sealer }) =>
  async (wanted: {
    readonly tenantId: string;
    readonly ids: readonly string[];
    readonly messageIds: readonly string[];
  }): Promise<{ readonly rentals: readonly Rental[]; readonly messages: readonly OpenedRentalMessage[] }> => {
    const { tenantId, ids, messageIds } = wanted;
    for (const [field, asked] of Object.entries({ ids, messageIds }))
      if (asked.length > maxIds) throw appError('request.invalid', { fields: [{ field, reason: `at most ${maxIds}` }] });
    const [rentals, messages] = await Promise.all([
      ids.length === 0 ? [] : store.findMany(tenantId, ids),
      messageIds.length === 0 ? [] : store.messagesById(tenantId, messageIds),
    ]);
    return { rentals, messages: await openMessages({ sealer }, messages) };
  };
