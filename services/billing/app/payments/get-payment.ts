import { appError } from '#platform/errors/index.ts';
import { addMs, type Clock } from '#platform/time/index.ts';
import type { Payment } from '../../domain/payment.ts';
import { requireId } from '../checks.ts';
import type { Payments } from './ports.ts';
import type { Wake } from '../ports.ts';

/** A page that polls asks the gateway at most this often. */
const atMostEveryMs = 5_000;

/**
 * One payment. A customer who came back from the gateway looks at it: a pending one is then checked soon rather than at
 * its turn, so that a lost webhook delays the credit by seconds. This changes nothing that the answer depends on.
 * @throws request.not_found
 */
export const getPayment =
  ({ payments, clock, wakeReconciliation }: { readonly payments: Payments; readonly clock: Clock; readonly wakeReconciliation: Wake }) =>
  async (tenantId: string, id: string): Promise<Payment> => {
    requireId(id);
    const payment = await payments.find(tenantId, id);
    if (payment === undefined) throw appError('request.not_found');
    const now = clock.now();
    if (payment.status === 'pending' && (await payments.hasten(id, now, addMs(now, -atMostEveryMs)))) wakeReconciliation();
    return payment;
  };
