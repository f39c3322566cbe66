import { money, type Money } from '#platform/money/index.ts';
import { pageLimit } from '#platform/postgres/index.ts';
import type { PageRequest } from '#proto/namaskah/common/v1/page.ts';
import * as proto from '#proto/namaskah/billing/v1/billing.ts';
import type { Hold, HoldState } from '../../domain/hold.ts';
import { availableMicros, type Wallet, type WalletEntry } from '../../domain/ledger.ts';
import { isActor } from '../../app/checks.ts';
import type { PageAsk } from '../../app/ports.ts';
import type { TransactionFilter } from '../../app/transactions/filter.ts';
import type { Payment, PaymentStatus } from '../../domain/payment.ts';

/** What a list is asked for, within the limits of all lists. */
export const pageOf = (page: PageRequest | undefined): PageAsk => ({ limit: pageLimit(page?.limit), cursor: page?.cursor ?? '' });

/** A missing amount becomes one that no use case accepts. */
export const amountOf = (amount: Money | undefined): Money => amount ?? { currency: '', micros: 0n };

export const filterOf = (filter: proto.TransactionFilter | undefined): TransactionFilter => {
  const { type = '', product = '', from, to, minAmount, maxAmount, reference = '', actor = '' } = filter ?? {};
  return { type, product, from, to, minAmount, maxAmount, reference, actor };
};

/**
 * Who caused it: the member or key that calls, or whom a service says that it acts for. A name of its own is no name of the tenant's.
 */
export const actorOf = (subject: string, said: string): string => {
  const actor = subject.startsWith('service:') ? said : subject;
  return isActor(actor) ? actor : '';
};

const holdStates: Readonly<Record<HoldState, proto.HoldState>> = {
  held: proto.HoldState.HOLD_STATE_HELD,
  captured: proto.HoldState.HOLD_STATE_CAPTURED,
  released: proto.HoldState.HOLD_STATE_RELEASED,
  expired: proto.HoldState.HOLD_STATE_EXPIRED,
};

export const holdMessage = (hold: Hold): proto.Hold => ({
  id: hold.id,
  state: holdStates[hold.state],
  amount: money(hold.currency, hold.amountMicros),
  captured: money(hold.currency, hold.capturedMicros),
  product: hold.product,
  reference: hold.reference,
  expiresAt: hold.expiresAt,
  createdAt: hold.createdAt,
});

export const walletMessage = (wallet: Wallet): proto.GetWalletResponse => ({
  currency: wallet.currency,
  balance: money(wallet.currency, wallet.balanceMicros),
  held: money(wallet.currency, wallet.heldMicros),
  available: money(wallet.currency, availableMicros(wallet)),
  paid: money(wallet.currency, wallet.balanceMicros - wallet.promotionalMicros),
  promotional: money(wallet.currency, wallet.promotionalMicros),
  nextExpiry: wallet.nextExpiry && { at: wallet.nextExpiry.at, amount: money(wallet.currency, wallet.nextExpiry.amountMicros) },
});

export const transactionMessage = (entry: WalletEntry): proto.Transaction => ({
  id: entry.transferId,
  type: entry.type,
  amount: money(entry.currency, entry.amountMicros),
  balanceAfter: money(entry.currency, entry.balanceAfterMicros),
  description: entry.description,
  reference: entry.reference,
  createdAt: entry.createdAt,
  product: entry.product ?? '',
  reversesId: entry.reversesId ?? '',
  actor: entry.actor ?? '',
});

const paymentStatuses: Readonly<Record<PaymentStatus, proto.PaymentStatus>> = {
  pending: proto.PaymentStatus.PAYMENT_STATUS_PENDING,
  succeeded: proto.PaymentStatus.PAYMENT_STATUS_SUCCEEDED,
  failed: proto.PaymentStatus.PAYMENT_STATUS_FAILED,
  mismatched: proto.PaymentStatus.PAYMENT_STATUS_FAILED,
};

export const paymentMessage = (payment: Payment): proto.Payment => ({
  id: payment.id,
  reference: payment.id,
  status: paymentStatuses[payment.status],
  amount: payment.amount,
  gateway: payment.gateway,
  checkoutUrl: payment.checkoutUrl,
  failureReason: payment.failureReason,
  createdAt: payment.createdAt,
  settledAt: payment.settledAt,
});
