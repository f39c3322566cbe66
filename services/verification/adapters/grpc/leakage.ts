import { LeakageServiceService } from '#proto/namaskah/verification/v1/leakage.ts';
import { allow, type BoundService, grpcService, method } from '#platform/grpc/index.ts';
import type { reportLeakage } from '../../app/settlement/report-leakage.ts';

export const leakageService = (useCases: { readonly reportLeakage: ReturnType<typeof reportLeakage> }): BoundService =>
  grpcService(LeakageServiceService, {
    reportLeakage: method(allow('operator', 'system'), async (request) => ({
      rows: (await useCases.reportLeakage(request)).map((row) => ({
        ...row,
        activations: BigInt(row.activations),
        lostActivations: BigInt(row.lostActivations),
      })),
    })),
  });
