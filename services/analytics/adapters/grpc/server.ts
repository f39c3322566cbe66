import { appError } from '#platform/errors/index.ts';
import { allowAny, grpcService, method, type BoundService } from '#platform/grpc/index.ts';
import { AnalyticsServiceService } from '#proto/namaskah/analytics/v1/analytics.ts';
import type { getSpend } from '../../app/get-spend.ts';
import type { getSummary } from '../../app/get-summary.ts';

export const analyticsService = (useCases: {
  readonly getSummary: ReturnType<typeof getSummary>;
  readonly getSpend: ReturnType<typeof getSpend>;
}): BoundService =>
  grpcService(AnalyticsServiceService, {
    getSummary: method(allowAny({ scope: 'analytics:read' }), async ({ from, to }, { principal }) => {
      if (from === undefined || to === undefined) {
        const missing = [...(from === undefined ? ['from'] : []), ...(to === undefined ? ['to'] : [])];
        throw appError('request.invalid', { fields: missing.map((field) => ({ field, reason: 'is required' })) });
      }
      const { verifications, messages, spend, toppedUp, granted, refunded, freshUntil } = await useCases.getSummary(principal.tenantId, {
        from,
        to,
      });
      return {
        from,
        to,
        verifications,
        messages,
        spend: [...spend],
        toppedUp: [...toppedUp],
        granted: [...granted],
        refunded: [...refunded],
        freshUntil,
      };
    }),
    getSpend: method(allowAny({ scope: 'analytics:read' }), async (request, { principal }) => {
      const { lines, freshUntil } = await useCases.getSpend(principal.tenantId, request);
      return {
        days: lines.map(({ day, product, currency, micros, charges }) => ({ day, product, amount: { currency, micros }, charges })),
        freshUntil,
      };
    }),
  });
