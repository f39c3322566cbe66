import { type ProviderAdjustment, ProviderBalanceServiceService } from '#proto/namaskah/verification/v1/balances.ts';
import { allow, type BoundService, grpcService, method } from '#platform/grpc/index.ts';
import { money } from '#platform/money/index.ts';
import { pageLimit } from '#platform/postgres/index.ts';
import type { listAdjustments } from '../../app/balance/list-adjustments.ts';
import type { Adjustment } from '../../app/balance/ports.ts';
import type { recordAdjustment } from '../../app/balance/record-adjustment.ts';
import { currency } from '../../domain/catalogue.ts';
import { fromLastId, toLastId } from './mapping.ts';

export interface BalanceUseCases {
  readonly recordAdjustment: ReturnType<typeof recordAdjustment>;
  readonly listAdjustments: ReturnType<typeof listAdjustments>;
}

const operators = allow('operator', 'system');

const toMessage = ({ amountMicros, ...adjustment }: Adjustment): ProviderAdjustment => ({
  ...adjustment,
  amount: money(currency, amountMicros),
});

export const balanceService = (balances: BalanceUseCases): BoundService =>
  grpcService(ProviderBalanceServiceService, {
    recordAdjustment: method(
      operators,
      async ({ provider, kind, amount, reference, note, happenedAt }, { principal: { subject: by } }) => ({
        adjustment: toMessage(await balances.recordAdjustment({ provider, kind, amount, reference, note, happenedAt, by })),
      }),
    ),
    listAdjustments: method(operators, async ({ provider, page }) => {
      const { rows, next } = await balances.listAdjustments({ provider, before: toLastId(page?.cursor), limit: pageLimit(page?.limit) });
      return { adjustments: rows.map(toMessage), nextCursor: fromLastId(next) };
    }),
  });
