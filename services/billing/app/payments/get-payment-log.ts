import { appError } from '#platform/errors/index.ts';
import type { PaymentLogEntry } from '../../domain/payment.ts';
import { requireId } from '../checks.ts';
import type { Payments } from './ports.ts';

/** A payment has at most ten attempts; gateways that repeat themselves for days are cut off here. */
const maxEntries = 500;

/** What happened to a payment, oldest first. @throws request.not_found */
export const getPaymentLog =
  ({ payments }: { readonly payments: Pick<Payments, 'log'> }) =>
  async (tenantId: string, id: string): Promise<readonly PaymentLogEntry[]> => {
    requireId(id);
    const entries = await payments.log(tenantId, id, maxEntries);
    // A payment begins with its first attempt: without one there is no such payment.
    if (entries.length === 0) throw appError('request.not_found');
    return entries;
  };
