import type { Rental } from '../../domain/rental/rental.ts';
import type { Forward, RentalFilter, RentalPorts } from './ports.ts';
import { getRental } from './read-rentals.ts';
import { openMessages, type OpenedRentalMessage } from './rental-messages.ts';

/** Enough to make a round trip worth it, little enough to lie in memory for each of many exports. */
const batchSize = 500;

/** Pages as the reader takes them, oldest first: neither memory nor a transaction is held while a slow reader reads. */
const pages = async function* pages<T extends { readonly id: string }>(
  upTo: string | undefined,
  read: (page: Forward) => Promise<readonly T[]>,
): AsyncGenerator<readonly T[], void> {
  let after: string | undefined;
  while (upTo !== undefined) {
    const rows = await read({ after, upTo, limit: batchSize });
    if (rows.length > 0) yield rows;
    if (rows.length < batchSize) return;
    after = rows.at(-1)?.id;
  }
};

/** All that the filter lets through, without what is rented after the first step; each as it stands when its page is read. */
export const exportRentals = ({ store }: Pick<RentalPorts, 'store'>) =>
  async function* batches(tenantId: string, filter: RentalFilter): AsyncGenerator<readonly Rental[], void> {
    yield* pages(await store.newestId(tenantId), (page) => store.forward({ ...filter, ...page, tenantId }));
  };

/** All messages to one number, without those that come after the first step. @throws request.not_found */
export const exportRentalMessages = (ports: Pick<RentalPorts, 'store' | 'sealer'>) =>
  async function* batches(wanted: {
    readonly tenantId: string;
    readonly id: string;
  }): AsyncGenerator<readonly OpenedRentalMessage[], void> {
    const { tenantId, id } = await getRental(ports)(wanted);
    const read = (page: Forward) => ports.store.messagesForward(tenantId, id, page);
    for await (const rows of pages(await ports.store.newestMessageId(tenantId, id), read)) yield await openMessages(ports, rows);
  };
