import type { NotificationInbox, Payments, StoredNotification } from '../../app/payments/ports.ts';
import type { Attempt, Payment } from '../../domain/payment.ts';
import type { FakeBooks } from '../ledger/fake-books.ts';

interface StoredAttempt {
  attempt: Attempt;
  readonly key: string;
  readonly request: string | undefined;
  nextCheckAt: Date;
  checkedAt: Date | undefined;
}
interface StoredPayment {
  payment: Payment;
  readonly key: string;
  readonly request: string;
  readonly attempts: StoredAttempt[];
}

/** Payments in memory; a success credits the given books. @param surplus is told of attempts that were paid too much */
export const fakePayments = (books: FakeBooks, surplus: (attempt: Attempt) => void = () => {}): Payments => {
  const stored = new Map<string, StoredPayment>();
  const change = (row: StoredPayment, fields: Partial<Payment>): void => {
    row.payment = { ...row.payment, ...fields };
  };
  const changeAttempt = (row: StoredAttempt, fields: Partial<Attempt>): void => {
    row.attempt = { ...row.attempt, ...fields };
  };
  const all = (): StoredAttempt[] => [...stored.values()].flatMap(({ attempts }) => attempts);
  const byId = (id: string): StoredAttempt | undefined => all().find(({ attempt }) => attempt.id === id);
  const newestFirst = (a: Payment, b: Payment): number => b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : -1);
  const fresh = { status: 'pending', gatewayPaymentId: '', checkoutUrl: '', failureReason: '', settledAt: undefined } as const;

  return {
    add: async ({ id, tenantId, gateway, amount, idempotencyKey, request, now, nextCheckAt, saveMethod }) => {
      const key = `${tenantId} ${idempotencyKey}`;
      const before = [...stored.values()].find((row) => row.key === key);
      if (before !== undefined)
        return before.request === request ? { outcome: 'replayed', payment: before.payment } : { outcome: 'idempotency_conflict' };
      const payment: Payment = { ...fresh, id, tenantId, attemptId: id, gateway, amount, createdAt: now };
      const attempt: Attempt = {
        ...fresh,
        id,
        paymentId: id,
        tenantId,
        ordinal: 1,
        gateway,
        amount,
        createdAt: now,
        saveMethod,
        charge: undefined,
      };
      stored.set(id, { payment, key, request, attempts: [{ attempt, key: '', request: undefined, nextCheckAt, checkedAt: undefined }] });
      return { outcome: 'done', payment };
    },
    addAttempt: async ({ id, tenantId, paymentId, gateway, idempotencyKey, request, after, now, nextCheckAt }) => {
      const row = stored.get(paymentId);
      if (row?.payment.tenantId !== tenantId) return 'not_found';
      const before = row.attempts.find(({ key }) => key === idempotencyKey);
      if (before !== undefined) {
        const same = request === undefined ? before.attempt.gateway === gateway : before.request === request;
        return same ? 'replayed' : 'idempotency_conflict';
      }
      if (row.payment.status !== 'pending' && row.payment.status !== 'failed') return 'settled';
      if (after !== undefined && row.payment.attemptId !== after.attemptId) return 'replayed';
      if (row.attempts.length >= 10) return 'exhausted';
      const { amount } = row.payment;
      const attempt: Attempt = {
        ...fresh,
        id,
        paymentId,
        tenantId,
        ordinal: row.attempts.length + 1,
        gateway,
        amount,
        createdAt: now,
        saveMethod: false,
        charge: undefined,
      };
      row.attempts.push({ attempt, key: idempotencyKey, request, nextCheckAt, checkedAt: undefined });
      const previous = byId(after?.attemptId ?? '');
      if (after?.refused !== undefined && previous?.attempt.status === 'pending')
        changeAttempt(previous, { status: 'failed', failureReason: after.refused, settledAt: now });
      change(row, { ...fresh, attemptId: id, gateway });
      return 'done';
    },
    beganAt: async (tenantId, idempotencyKey) =>
      [...stored.values()].find(({ key }) => key === `${tenantId} ${idempotencyKey}`)?.attempts[0]?.attempt.gateway,
    find: async (tenantId, id) => {
      const payment = stored.get(id)?.payment;
      return payment?.tenantId === tenantId ? payment : undefined;
    },
    findAttempts: async (ids) => ids.flatMap((id) => byId(id)?.attempt ?? []),
    attempts: async (tenantId, paymentId) => {
      const row = stored.get(paymentId);
      return row?.payment.tenantId === tenantId ? row.attempts.map(({ attempt }) => attempt) : [];
    },
    log: async (tenantId, id, limit) => {
      const row = stored.get(id);
      if (row?.payment.tenantId !== tenantId) return [];
      const shared = ({ gateway, id: reference }: Attempt) => ({ gateway, reference, amount: undefined });
      // The sort is stable: at one instant an attempt begins before it ends.
      return row.attempts
        .flatMap(({ attempt }) => [
          { ...shared(attempt), at: attempt.createdAt, kind: 'attempt_started', detail: '' },
          ...(attempt.settledAt
            ? [{ ...shared(attempt), at: attempt.settledAt, kind: `attempt_${attempt.status}`, detail: attempt.failureReason }]
            : []),
        ])
        .toSorted((a, b) => a.at.getTime() - b.at.getTime())
        .slice(0, limit);
    },
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
      const row = byId(id);
      if (row?.attempt.status !== 'pending' || row.attempt.checkoutUrl !== '') return;
      changeAttempt(row, { gatewayPaymentId, checkoutUrl });
      row.nextCheckAt = nextCheckAt;
      const payment = stored.get(row.attempt.paymentId);
      if (payment?.payment.attemptId === id) change(payment, { gatewayPaymentId, checkoutUrl });
    },
    succeed: async ({ attempt: { id }, gatewayPaymentId, now }) => {
      const row = byId(id);
      const owner = stored.get(row?.attempt.paymentId ?? '');
      if (row === undefined || owner === undefined || (row.attempt.status !== 'pending' && row.attempt.status !== 'failed')) return 'none';
      const twice = owner.payment.status === 'succeeded';
      const known = row.attempt.gatewayPaymentId || gatewayPaymentId;
      changeAttempt(row, { status: twice ? 'surplus' : 'succeeded', failureReason: '', settledAt: now, gatewayPaymentId: known });
      if (twice) {
        surplus(row.attempt);
        return 'surplus';
      }
      const { gateway, checkoutUrl } = row.attempt;
      change(owner, {
        status: 'succeeded',
        failureReason: '',
        settledAt: now,
        attemptId: id,
        gateway,
        checkoutUrl,
        gatewayPaymentId: known,
      });
      books.credit(owner.payment.tenantId, owner.payment.amount.micros, owner.payment.id, now);
      return 'credited';
    },
    fail: async ({ attempt: { id }, as, reason, now }) => {
      const row = byId(id);
      const owner = stored.get(row?.attempt.paymentId ?? '');
      const open = row?.attempt.status === 'pending' || (as === 'mismatched' && row?.attempt.status === 'failed');
      if (row === undefined || owner === undefined || !open) return false;
      changeAttempt(row, { status: as, failureReason: reason, settledAt: now });
      const { status, attemptId } = owner.payment;
      const follows = as === 'mismatched' ? status === 'pending' || status === 'failed' : status === 'pending' && attemptId === id;
      if (follows) change(owner, { status: as, failureReason: reason, settledAt: now });
      return true;
    },
    claimDue: async (now, leaseUntil, limit) => {
      const due = all()
        .filter((row) => row.attempt.status === 'pending' && row.nextCheckAt <= now)
        .slice(0, limit);
      for (const row of due) row.nextCheckAt = leaseUntil;
      return due.map(({ attempt }) => attempt);
    },
    hasten: async (paymentId, now, notSince) => {
      const due = (stored.get(paymentId)?.attempts ?? []).filter(
        ({ attempt, checkedAt }) =>
          attempt.status === 'pending' && attempt.createdAt < notSince && (checkedAt === undefined || checkedAt < notSince),
      );
      for (const row of due) {
        row.nextCheckAt = now;
        row.checkedAt = now;
      }
      return due.length > 0;
    },
    schedule: async (id, nextCheckAt, checkedAt) => {
      const row = byId(id);
      if (row?.attempt.status !== 'pending') return;
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
    add: async ({ id, gateway, eventId, reference, about, now }) => {
      const key = `${gateway} ${eventId}`;
      if (stored.has(key)) return false;
      stored.set(key, {
        notification: { id, gateway, eventId, reference, about, attempts: 0 },
        nextAttemptAt: now,
        processedAt: undefined,
      });
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
    finish: async (done, now) => {
      for (const { id } of done) {
        const row = byId(id);
        if (row !== undefined) row.processedAt = now;
      }
    },
    postpone: async (id, nextAttemptAt) => {
      const row = byId(id);
      if (row !== undefined && row.processedAt === undefined) row.nextAttemptAt = nextAttemptAt;
    },
  };
};
