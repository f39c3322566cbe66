import { appError } from '#platform/errors/index.ts';
import type { Adjustment } from '../../domain/adjustment.ts';
import { requireId } from '../checks.ts';
import type { AdjustmentReader } from './ports.ts';

/** Of any tenant: for those who run the platform. @throws request.not_found */
export const getAdjustment =
  ({ reader }: { readonly reader: AdjustmentReader }) =>
  async (id: string): Promise<Adjustment> => {
    requireId(id);
    const found = await reader.find(id);
    if (found === undefined) throw appError('request.not_found');
    return found;
  };
