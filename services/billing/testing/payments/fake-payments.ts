import type { NotificationInbox, Payments, StoredNotification } from '../../app/payments/ports.ts';
import type { Payment } from '../../domain/payment.ts';
import type { FakeBooks } from '../ledger/fake-books.ts';

interface StoredPayment {
  payment: Payment;
  readonly key: string;
  readonly request: string;
  nextCheckAt: Date;
  checkedAt: Date | undefined;
}

/** Payments in memory; a success credits the given books. */
export const fakePayments = (books: FakeBooks): Payments => {
  const stored = new Map<string, StoredPayment>();
  const change = (row: StoredPayment, fields: Partial<Payment>): void => {
    row.payment = { ...row.payment, ...fields };
  };
  const newestFirst = (a: Payment, b: Payment): number => b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : -1);

  return {
    add: async ({ id, tenantId, gateway, amount, idempotencyKey, request, now, nextCheckAt }) => {
      const key = `${tenantId} ${idempotencyKey}`;
      const before = [...stored.values()].find((row) => row.key === key);
      if (before !== undefined)
        return before.request === request ? { outcome: 'replayed', payment: before.payment } : { outcome: 'idempotency_conflict' };
      const empty = { gatewayPaymentId: '', checkoutUrl: '', failureReason: '', settledAt: undefined };
      const payment: Payment = { id, tenantId, gateway, amount, status: 'pending', createdAt: now, ...empty };
      stored.set(id, { payment, key, request, nextCheckAt, checkedAt: undefined });
      return { outcome: 'done', payment };
    },
    find: async (tenantId, id) => {
      const payment = stored.get(id)?.payment;
      return payment?.tenantId === tenantId ? payment : undefined;
    },
    findAnyTenant: async (id) => stored.get(id)?.payment,
    list: async (tenantId, { limit, cursor }) => {
      const own = [...stored.values()]
        .map(({ payment }) => payment)
        .filter((payment) => payment.tenantId === tenantId)
        .toSorted(newestFirst);
      const start = cursor === '' ? 0 : own.findIndex(({ id }) => id === cursor) + 1;
      const shown = own.slice(start, start + limit);
      return { payments: shown, nextCursor: start + limit < own.length ? (shown.at(-1)?.id ?? '') : '' };
    },
    checkoutReady: async (id, { gatewayPaymentId, checkoutUrl, nextCheckAt }) => {
      const row = stored.get(id);
      if (row?.payment.status !== 'pending' || row.payment.checkoutUrl !== '') return;
      change(row, { gatewayPaymentId, checkoutUrl });
      row.nextCheckAt = nextCheckAt;
    },
    succeed: async ({ paymentId, gatewayPaymentId, now }) => {
      const row = stored.get(paymentId);
      if (row === undefined || (row.payment.status !== 'pending' && row.payment.status !== 'failed')) return false;
      change(row, {
        status: 'succeeded',
        failureReason: '',
        settledAt: now,
        gatewayPaymentId: row.payment.gatewayPaymentId || gatewayPaymentId,
      });
      books.credit(row.payment.tenantId, row.payment.amount.micros, paymentId, now);
      return true;
    },
    fail: async ({ paymentId, as, reason, now }) => {
      const row = stored.get(paymentId);
      const status = row?.payment.status;
      if (row === undefined || !(status === 'pending' || (as === 'mismatched' && status === 'failed'))) return false;
      change(row, { status: as, failureReason: reason, settledAt: now });
      return true;
    },
    claimDue: async (now, leaseUntil, limit) => {
      const due = [...stored.values()].filter((row) => row.payment.status === 'pending' && row.nextCheckAt <= now).slice(0, limit);
      for (const row of due) row.nextCheckAt = leaseUntil;
      return due.map(({ payment }) => payment);
    },
    hasten: async (id, now, notSince) => {
      const row = stored.get(id);
      if (row?.payment.status !== 'pending' || row.payment.createdAt >= notSince) return false;
      if (row.checkedAt !== undefined && row.checkedAt >= notSince) return false;
      row.nextCheckAt = now;
      row.checkedAt = now;
      return true;
    },
    schedule: async (id, nextCheckAt, checkedAt) => {
      const row = stored.get(id);
      if (row?.payment.status !== 'pending') return;
      row.nextCheckAt = nextCheckAt;
      row.checkedAt = checkedAt;
    },
  };
};

interface StoredEvent {
  notification: StoredNotification;
  nextAttemptAt: Date;
  processedAt: Date | undefined;
}

export const fakeNotifications = (): NotificationInbox => {
  const stored = new Map<string, StoredEvent>();
  const byId = (id: string): StoredEvent | undefined => [...stored.values()].find(({ notification }) => notification.id === id);
  return {
    add: async ({ id, gateway, eventId, paymentId, now }) => {
      const key = `${gateway} ${eventId}`;
      if (stored.has(key)) return false;
      stored.set(key, { notification: { id, gateway, eventId, paymentId, attempts: 0 }, nextAttemptAt: now, processedAt: undefined });
      return true;
    },
    claimDue: async (now, leaseUntil, limit) => {
      const due = [...stored.values()].filter((row) => row.processedAt === undefined && row.nextAttemptAt <= now).slice(0, limit);
      for (const row of due) {
        row.nextAttemptAt = leaseUntil;
        row.notification = { ...row.notification, attempts: row.notification.attempts + 1 };
      }
      return due.map(({ notification }) => notification);
    },
    finish: async (id, now) => {
      const row = byId(id);
      if (row !== undefined) row.processedAt = now;
    },
    postpone: async (id, nextAttemptAt) => {
      const row = byId(id);
      if (row !== undefined && row.processedAt === undefined) row.nextAttemptAt = nextAttemptAt;
    },
  };
};
