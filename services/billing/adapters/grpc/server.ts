import { appError, isAppError } from '#platform/errors/index.ts';
import {
  allow,
  allowAny,
  type BoundService,
  errorDetailOf,
  grpcService,
  method,
  publicMethod,
  streamMethod,
} from '#platform/grpc/index.ts';
import { isUuid } from '#platform/ids/index.ts';
import {
  LedgerServiceService,
  PaymentServiceService,
  PlaceHoldRequest,
  type PlaceHoldsRequest_Item,
  WalletServiceService,
} from '#proto/namaskah/billing/v1/billing.ts';
import type { captureHold } from '../../app/ledger/capture-hold.ts';
import type { getHold } from '../../app/ledger/get-hold.ts';
import type { getPaymentLog } from '../../app/payments/get-payment-log.ts';
import type { getPayment } from '../../app/payments/get-payment.ts';
import type { getWallet } from '../../app/ledger/get-wallet.ts';
import type { grantCredit } from '../../app/ledger/grant-credit.ts';
import type { listPayments } from '../../app/payments/list-payments.ts';
import type { placeHold } from '../../app/ledger/place-hold.ts';
import type { receiveNotification } from '../../app/payments/receive-notification.ts';
import type { releaseHold } from '../../app/ledger/release-hold.ts';
import type { retryPayment } from '../../app/payments/retry-payment.ts';
import type { startPayment } from '../../app/payments/start-payment.ts';
import type { exportTransactions } from '../../app/transactions/export-transactions.ts';
import type { getTransaction } from '../../app/transactions/get-transaction.ts';
import type { listTransactions } from '../../app/transactions/list-transactions.ts';
import { actorOf, amountOf, filterOf, holdMessage, paymentMessage, transactionMessage, walletMessage, pageOf } from './mapping.ts';

export interface BillingUseCases {
  readonly placeHold: ReturnType<typeof placeHold>;
  readonly captureHold: ReturnType<typeof captureHold>;
  readonly releaseHold: ReturnType<typeof releaseHold>;
  readonly getHold: ReturnType<typeof getHold>;
  readonly grantCredit: ReturnType<typeof grantCredit>;
  readonly getWallet: ReturnType<typeof getWallet>;
  readonly listTransactions: ReturnType<typeof listTransactions>;
  readonly getTransaction: ReturnType<typeof getTransaction>;
  readonly exportTransactions: ReturnType<typeof exportTransactions>;
  readonly startPayment: ReturnType<typeof startPayment>;
  readonly retryPayment: ReturnType<typeof retryPayment>;
  readonly getPayment: ReturnType<typeof getPayment>;
  readonly getPaymentLog: ReturnType<typeof getPaymentLog>;
  readonly listPayments: ReturnType<typeof listPayments>;
  readonly receiveNotification: ReturnType<typeof receiveNotification>;
}

export const billingServices = (billing: BillingUseCases): readonly BoundService[] => [
  ledgerService(billing),
  walletService(billing),
  paymentService(billing),
];

/** Holds belong to services that act for a tenant, or pass its member's principal on. */
const spenders = ['system', 'owner', 'admin', 'staff'] as const;

/** A batch is for a service's concurrent purchases; more than this at once is somebody's mistake. */
const maxItems = 256;
const requireCount = (count: number): void => {
  if (count >= 1 && count <= maxItems) return;
  throw appError('request.invalid', { fields: [{ field: 'items', reason: `Send 1 to ${maxItems}.` }] });
};

/** One item's answer. What is no considered answer (a bug, the database away) fails the whole call: its outcome is unknown. */
const placeItem = async (billing: BillingUseCases, { tenantId, hold }: PlaceHoldsRequest_Item, index: number, subject: string) => {
  try {
    if (!isUuid(tenantId))
      throw appError('request.invalid', { fields: [{ field: `items[${index}].tenant_id`, reason: 'must be a UUID' }] });
    return {
      hold: holdMessage(await billing.placeHold(tenantId, holdRequestOf(hold ?? PlaceHoldRequest.create(), subject))),
      error: undefined,
    };
  } catch (error) {
    if (!isAppError(error) || error.row.owner === 'platform') throw error;
    return { hold: undefined, error: errorDetailOf(error) };
  }
};

const holdRequestOf = ({ amount, quoteId = '', fromHoldId = '', actor = '', ...request }: PlaceHoldRequest, subject: string) => ({
  ...request,
  actor: actorOf(subject, actor),
  amount: amountOf(amount),
  quoteId,
  fromHoldId,
});

const ledgerService = (billing: BillingUseCases): BoundService =>
  grpcService(LedgerServiceService, {
    placeHold: method(allow(...spenders, { scope: 'billing:hold' }), async (request, { principal }) => ({
      hold: holdMessage(await billing.placeHold(principal.tenantId, holdRequestOf(request, principal.subject))),
    })),
    placeHolds: method(allow('system'), async ({ items }, { principal }) => {
      requireCount(items.length);
      return { results: await Promise.all(items.map((item, index) => placeItem(billing, item, index, principal.subject))) };
    }),
    captureHold: method(
      allow(...spenders, { scope: 'billing:hold' }),
      async ({ idempotencyKey, holdId, amount, final }, { principal }) => ({
        hold: holdMessage(await billing.captureHold(principal.tenantId, { idempotencyKey, holdId, amount: amountOf(amount), final })),
      }),
    ),
    releaseHold: method(allow(...spenders, { scope: 'billing:hold' }), async ({ idempotencyKey, holdId }, { principal }) => ({
      hold: holdMessage(await billing.releaseHold(principal.tenantId, { idempotencyKey, holdId })),
    })),
    getHold: method(allowAny(), async ({ holdId }, { principal }) => ({
      hold: holdMessage(await billing.getHold(principal.tenantId, holdId)),
    })),
    grantCredit: method(allow('system'), async ({ idempotencyKey, tenantId, amount, reason }, { principal }) => ({
      transferId: await billing.grantCredit(principal.tenantId, { idempotencyKey, tenantId, amount: amountOf(amount), reason }),
    })),
  });

const walletService = (billing: BillingUseCases): BoundService =>
  grpcService(WalletServiceService, {
    getWallet: method(allowAny(), async (_request, { principal }) => walletMessage(await billing.getWallet(principal.tenantId))),
    listTransactions: method(allowAny(), async ({ page, type, from, to, filter }, { principal }) => {
      const asked = { ...filterOf(filter), type: filter?.type || type, from: filter?.from ?? from, to: filter?.to ?? to };
      const { entries, nextCursor } = await billing.listTransactions(principal.tenantId, asked, pageOf(page));
      return { transactions: entries.map(transactionMessage), nextCursor };
    }),
    getTransaction: method(allowAny(), async ({ id }, { principal }) => ({
      transaction: transactionMessage(await billing.getTransaction(principal.tenantId, id)),
    })),
    exportTransactions: streamMethod(allowAny(), async function* transactions({ filter }, { principal }) {
      for await (const batch of billing.exportTransactions(principal.tenantId, filterOf(filter)))
        yield { transactions: batch.map(transactionMessage) };
    }),
  });

const paymentService = (billing: BillingUseCases): BoundService =>
  grpcService(PaymentServiceService, {
    startPayment: method(allow('system', 'owner', 'admin', { scope: 'payments:write' }), async (asked, { principal }) => {
      const { idempotencyKey, amount, gateway, saveMethod = false, paymentMethodId = '' } = asked;
      const request = { idempotencyKey, amount: amountOf(amount), gateway, saveMethod, paymentMethodId };
      return { payment: paymentMessage(await billing.startPayment(principal.tenantId, request)) };
    }),
    retryPayment: method(allow('system', 'owner', 'admin', { scope: 'payments:write' }), async (request, { principal }) => ({
      payment: paymentMessage(await billing.retryPayment(principal.tenantId, request)),
    })),
    getPayment: method(allowAny(), async ({ id }, { principal }) => ({
      payment: paymentMessage(await billing.getPayment(principal.tenantId, id)),
    })),
    getPaymentLog: method(allowAny(), async ({ id }, { principal }) => ({
      entries: [...(await billing.getPaymentLog(principal.tenantId, id))],
    })),
    listPayments: method(allowAny(), async ({ page }, { principal }) => {
      const { payments, nextCursor } = await billing.listPayments(principal.tenantId, pageOf(page));
      return { payments: payments.map(paymentMessage), nextCursor };
    }),
    receiveNotification: method(publicMethod(), async ({ gateway, headers, rawBody }) => {
      await billing.receiveNotification({ gateway, headers, rawBody: Buffer.from(rawBody) });
      return {};
    }),
  });
