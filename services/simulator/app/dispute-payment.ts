import { boundedMap, type BoundedMap } from '../domain/bounded-map.ts';
import type { Payment } from '../domain/payment.ts';
import type { PaymentBook } from './create-payment.ts';
import type { World } from './ports.ts';
import type { TellOfPayment } from './settle-payment.ts';

/** A customer's bank wants a payment back; it is open until the bank decides. */
export interface SimulatedDispute {
  readonly id: string;
  readonly payment: Payment;
  readonly amountMicros: bigint;
  readonly reason: string;
  status: 'open' | 'won' | 'lost';
  readonly createdAtMs: number;
}

export interface DisputeBook {
  readonly disputes: BoundedMap<string, SimulatedDispute>;
  /** @returns undefined when the payment was not paid */
  open(payment: Payment, reason: string): SimulatedDispute | undefined;
  /** @param status as the shop sees it: won, it keeps the money. A dispute is decided once. */
  decide(dispute: SimulatedDispute, status: 'won' | 'lost'): void;
  clear(): void;
}

/** Disputes of every protocol: of the whole payment, decided by hand. The shop is told of both. */
export const createDisputeBook = (world: World, parts: { readonly book: PaymentBook; readonly tell: TellOfPayment }): DisputeBook => {
  const disputes = boundedMap<string, SimulatedDispute>(100_000);
  return {
    disputes,
    open: (payment, reason) => {
      if (payment.status !== 'succeeded') return undefined;
      const createdAtMs = world.clock.now().getTime();
      const id = parts.book.nextId('dp');
      const dispute: SimulatedDispute = { id, payment, amountMicros: payment.paidMicros, reason, status: 'open', createdAtMs };
      disputes.set(id, dispute);
      parts.tell(payment, 'disputed');
      return dispute;
    },
    decide: (dispute, status) => {
      if (dispute.status !== 'open') return;
      dispute.status = status;
      parts.tell(dispute.payment, 'dispute_decided');
    },
    clear: () => disputes.clear(),
  };
};
