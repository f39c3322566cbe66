import { allow, type BoundService, grpcService, method } from '#platform/grpc/index.ts';
import { ChargeServiceService } from '#proto/namaskah/billing/v1/charges.ts';
import type { giveBack } from '../../app/prices/give-back.ts';
import { amountOf } from './mapping.ts';

export const chargeService = (useCases: { readonly giveBack: ReturnType<typeof giveBack> }): BoundService =>
  grpcService(ChargeServiceService, {
    giveBack: method(allow('system'), async ({ amount, ...request }, { principal }) => ({
      transferId: await useCases.giveBack(principal.tenantId, { ...request, amount: amountOf(amount) }),
    })),
  });
