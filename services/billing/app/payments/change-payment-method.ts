import { appError } from '#platform/errors/index.ts';
import type { Clock } from '#platform/time/index.ts';
import type { PaymentMethod } from '../../domain/payment-method.ts';
import { requireId } from '../checks.ts';
import type { PaymentMethods } from './ports.ts';

/** Removed, or made the one that top-ups charge. @throws request.not_found */
export const changePaymentMethod =
  ({ methods, clock }: { readonly methods: PaymentMethods; readonly clock: Clock }) =>
  async (tenantId: string, id: string, change: 'remove' | 'makeDefault'): Promise<readonly PaymentMethod[]> => {
    requireId(id);
    const done = change === 'remove' ? await methods.remove(tenantId, id, clock.now()) : await methods.makeDefault(tenantId, id);
    if (!done) throw appError('request.not_found');
    return methods.list(tenantId);
  };
