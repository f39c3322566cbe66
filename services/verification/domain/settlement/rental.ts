/**
 * The provider's side of the orders of a rental. Its money follows other rules than the customer's: what it sold it keeps, but for a
 * number that is given back soon and unused, and an extension is never paid back.
 */
import type { Rental, RentalOrder } from '../rental/rental.ts';
import { addMs, secondMs } from '#platform/time/index.ts';
import type { Evidence } from './claim.ts';

export interface RentalSettlement {
  readonly orderId: string;
  readonly tenantId: string;
  readonly provider: string;
  /** Empty: the provider never said which rental that is, if there is one. */
  readonly providerRentalId: string;
  readonly service: string;
  readonly country: string;
  readonly currency: string;
  readonly costMicros: bigint;
  readonly state: 'charged' | 'claimed' | 'lost';
  readonly evidence: Evidence | undefined;
  /** What of the cost no customer pays. */
  readonly lostMicros: bigint | undefined;
  readonly endedAt: Date;
  readonly dueAt: Date | undefined;
}

/** expired: to its end. kept, returned: given back, and what the provider did. unconfirmed: nobody knows whether it was bought. */
export type RentalEnding = 'expired' | 'kept' | 'returned' | 'unconfirmed';

/** The first question is not urgent, and late answers should have come by then. */
const firstQuestionMs = 30 * secondMs;

/** An order that the provider has granted, whatever has become of its money since. */
export const wasGranted = ({ state }: RentalOrder): boolean =>
  state === 'capturing' || state === 'charged' || state === 'refunding' || state === 'refunded';

/** What an order leaves at the provider when its rental has ended so; `order` as it is afterwards, with its refund. */
export const settlementOf = (rental: Rental, order: RentalOrder, ending: RentalEnding, now: Date): RentalSettlement => {
  const { costMicros, currency } = order;
  const row = {
    ...{ orderId: order.id, tenantId: order.tenantId, provider: rental.provider, providerRentalId: rental.providerRentalId ?? '' },
    ...{ service: rental.service, country: rental.country, currency, costMicros, endedAt: now },
    ...{ evidence: undefined, lostMicros: undefined, dueAt: undefined },
  };
  if (ending === 'unconfirmed' || (ending === 'returned' && order.kind === 'purchase'))
    return { ...row, state: 'claimed', dueAt: addMs(now, firstQuestionMs) };
  const paidMicros = order.priceMicros - order.refundMicros;
  if (costMicros <= paidMicros) return { ...row, state: 'charged' };
  return { ...row, state: 'lost', evidence: 'kept_after_release', lostMicros: costMicros - paidMicros };
};
