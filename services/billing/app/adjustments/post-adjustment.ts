import { appError } from '#platform/errors/index.ts';
import type { Adjustment } from '../../domain/adjustment.ts';
import type { AdjustmentUnit } from './ports.ts';

/**
 * Moves the money of an adjustment whose `decidedAt` is set.
 * @returns it, posted
 * @throws billing.insufficient_credit · billing.refund_exceeds_charge · request.not_found
 */
export const postAdjustment = async (unit: AdjustmentUnit, adjustment: Adjustment, transferId: string): Promise<Adjustment> => {
  const posted: Adjustment = { ...adjustment, status: 'posted', transferId };
  switch (await unit.post(posted, transferId, adjustment.decidedAt ?? adjustment.proposedAt)) {
    case 'done':
      return posted;
    case 'insufficient':
      throw appError('billing.insufficient_credit', { message: 'The wallet would fall below what it holds.' });
    case 'exceeds':
      throw appError('billing.refund_exceeds_charge');
    case 'not_found':
      throw appError('request.not_found');
  }
};
