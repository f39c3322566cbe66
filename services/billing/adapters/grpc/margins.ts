import { allow, type BoundService, grpcService, method } from '#platform/grpc/index.ts';
import { money } from '#platform/money/index.ts';
import { type Margin, MarginServiceService } from '#proto/namaskah/billing/v1/margins.ts';
import type { MarginLine } from '../../app/margins/ports.ts';
import type { reportMargins } from '../../app/margins/report-margins.ts';

const marginMessage = ({ day, product, provider, currency, chargedMicros, refundedMicros, costMicros, charges }: MarginLine): Margin => ({
  ...{ day, product, provider, charges },
  charged: money(currency, chargedMicros),
  refunded: money(currency, refundedMicros),
  cost: money(currency, costMicros),
  margin: { currency, micros: chargedMicros - refundedMicros - costMicros },
});

export const marginService = ({ report }: { readonly report: ReturnType<typeof reportMargins> }): BoundService =>
  grpcService(MarginServiceService, {
    listMargins: method(allow('operator', 'system'), async (request) => ({ margins: (await report(request)).map(marginMessage) })),
  });
