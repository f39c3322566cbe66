import { boundedMap, type BoundedMap } from '../domain/bounded-map.ts';
import type { Payment } from '../domain/payment.ts';
import type { PaymentBook } from './create-payment.ts';
import type { World } from './ports.ts';
import type { TellOfPayment } from './settle-payment.ts';

/** Money given back, whole or in part. */
export interface SimulatedRefund {
  readonly id: string;
  readonly payment: Payment;
  readonly amountMicros: bigint;
  /** Whatever the shop wrote to find it again. */
  readonly note: string;
  status: 'pending' | 'succeeded' | 'failed';
  readonly createdAtMs: number;
}

export interface RefundBook {
  readonly refunds: BoundedMap<string, SimulatedRefund>;
  of(payment: Payment): readonly SimulatedRefund[];
  /** @param amountMicros undefined: all that is left. @returns why not, when it cannot be */
  refund(payment: Payment, amountMicros: bigint | undefined, note: string): SimulatedRefund | 'not_paid' | 'exceeds';
  clear(): void;
}

/** Refunds of every protocol. They take `refundDelayMs`, then go as `refundOutcome` says, and the shop is told. */
export const createRefundBook = (world: World, parts: { readonly book: PaymentBook; readonly tell: TellOfPayment }): RefundBook => {
  const refunds = boundedMap<string, SimulatedRefund>(100_000);
  const byPayment = new WeakMap<Payment, SimulatedRefund[]>();
  const of = (payment: Payment): readonly SimulatedRefund[] => byPayment.get(payment) ?? [];
  return {
    refunds,
    of,
    refund: (payment, asked, note) => {
      if (payment.status !== 'succeeded') return 'not_paid';
      const given = of(payment).reduce((sum, { status, amountMicros }) => (status === 'failed' ? sum : sum + amountMicros), 0n);
      const left = payment.paidMicros - given;
      const amountMicros = asked ?? left;
      if (amountMicros <= 0n || amountMicros > left) return 'exceeds';
      const nowMs = world.clock.now().getTime();
      const { refundDelayMs, refundOutcome } = world.settings.payments;
      const refund: SimulatedRefund = { id: parts.book.nextId('re'), payment, amountMicros, note, status: 'pending', createdAtMs: nowMs };
      refunds.set(refund.id, refund);
      byPayment.set(payment, [...of(payment), refund]);
      const finish = (): void => {
        refund.status = refundOutcome;
        parts.tell(payment, 'refunded');
      };
      if (refundDelayMs === 0) finish();
      else world.agenda.at(nowMs + refundDelayMs, finish);
      return refund;
    },
    clear: () => refunds.clear(),
  };
};
