import { allow, allowAny, type BoundService, grpcService, method } from '#platform/grpc/index.ts';
import { money } from '#platform/money/index.ts';
import * as proto from '#proto/namaskah/billing/v1/usage.ts';
import type { forecastUsage } from '../../app/usage/forecast-usage.ts';
import type { listUsageDays } from '../../app/usage/list-usage-days.ts';
import type { listUsagePeriods, PeriodUsage } from '../../app/usage/list-usage-periods.ts';
import type { recordUsage } from '../../app/usage/record-usage.ts';
import { walletCurrency } from '../../domain/ledger.ts';
import { pageOf } from './mapping.ts';

export interface UsageUseCases {
  readonly recordUsage: ReturnType<typeof recordUsage>;
  readonly listUsageDays: ReturnType<typeof listUsageDays>;
  readonly listUsagePeriods: ReturnType<typeof listUsagePeriods>;
  readonly forecastUsage: ReturnType<typeof forecastUsage>;
}

const periodMessage = ({ period, meter, quantity, events, plan, included, overage, ...row }: PeriodUsage): proto.UsagePeriod => ({
  ...{ startsAt: period.startsAt, endsAt: period.endsAt, timeZone: period.zone, meter, quantity, events, plan, included, overage },
  amount: money(walletCurrency, row.amountMicros),
  charged: money(walletCurrency, row.chargedMicros),
  owed: row.owed,
});

const reading = allowAny({ scope: 'usage:read' });

export const usageService = (usage: UsageUseCases): BoundService =>
  grpcService(proto.UsageServiceService, {
    recordUsage: method(allow('system'), async ({ events }) => {
      const { accepted, duplicates, rejections } = await usage.recordUsage(events);
      return { accepted, duplicates, rejections: [...rejections] };
    }),
    listUsageDays: method(reading, async ({ page, meter, from, to }, { principal }) => {
      const { days, nextCursor } = await usage.listUsageDays(principal.tenantId, { ...pageOf(page), meter, from, to });
      return { days: [...days], nextCursor };
    }),
    listUsagePeriods: method(reading, async ({ page, meter }, { principal }) => {
      const { periods, nextCursor } = await usage.listUsagePeriods(principal.tenantId, { ...pageOf(page), meter });
      return { periods: periods.map(periodMessage), nextCursor };
    }),
    forecastUsage: method(reading, async (_request, { principal }) => {
      const { period, lines } = await usage.forecastUsage(principal.tenantId);
      return {
        startsAt: period?.startsAt,
        endsAt: period?.endsAt,
        lines: lines.map(({ meter, quantity, expectedQuantity, amountMicros, expectedMicros }) => ({
          ...{ meter, quantity, expectedQuantity },
          amount: money(walletCurrency, amountMicros),
          expectedAmount: money(walletCurrency, expectedMicros),
        })),
      };
    }),
  });
