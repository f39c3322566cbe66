import type { Payment, SavedCard } from '../domain/payment.ts';
import type { CreatePayment, PaymentBook, PaymentOrder } from './create-payment.ts';
import type { World } from './ports.ts';
import type { SettlePayment } from './settle-payment.ts';

export interface ChargeCard {
  /**
   * Takes money from a card that was saved at a payment before, without a person; at once, as `chargeOutcome` says. The same key with the
   * same order is the same payment.
   * @returns undefined when no payment of this protocol has saved such a card
   */
  (order: PaymentOrder, token: string, idempotencyKey: string): Payment | undefined;
}

/** The card that was saved when `payment` was paid. */
export const cardOf = (payment: Payment): SavedCard | undefined =>
  payment.savesCard === true && payment.status === 'succeeded'
    ? { token: `tok_${payment.id}`, brand: 'visa', last4: '4242', expiryMonth: 12, expiryYear: 2031 }
    : undefined;

export const createChargeCard = (
  world: World,
  parts: { readonly book: PaymentBook; readonly createPayment: CreatePayment; readonly settlePayment: SettlePayment },
): ChargeCard => {
  const { book, createPayment, settlePayment } = parts;
  return (order, token, idempotencyKey) => {
    const saver = book.payments.get(token.replace(/^tok_/, ''));
    if (saver?.protocol !== order.protocol || cardOf(saver)?.token !== token) return undefined;
    const payment = createPayment({ ...order, direct: true }, idempotencyKey);
    settlePayment(payment, world.settings.payments.chargeOutcome);
    return payment;
  };
};
