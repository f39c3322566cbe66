import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import type { Attempt, AttemptStatus } from './payment.ts';
import type { Refund, RefundStatus } from './refund.ts';
import { compareBooks, type StatementLine } from './statement.ts';

const at = new Date('2026-05-01T10:00:00Z');
const usd = (micros: bigint) => money('USD', micros);
const attempt = (status: AttemptStatus, micros = 5n): Attempt => ({
  ...{
    id: newId(),
    paymentId: newId(),
    tenantId: newId(),
    ordinal: 1,
    gateway: 'g',
    gatewayPaymentId: 'p',
    checkoutUrl: '',
    saveMethod: false,
    charge: undefined,
  },
  ...{ amount: usd(micros), status, failureReason: '', createdAt: at, settledAt: at },
});
const refund = (status: RefundStatus): Refund => ({
  ...{ id: newId(), tenantId: newId(), paymentId: newId(), attemptId: newId(), gateway: 'g', gatewayPaymentId: 'p', cause: 'customer' },
  ...{ amount: usd(3n), reason: '', requestedBy: '', status, gatewayRefundId: newId(), failureReason: '', createdAt: at, settledAt: at },
});
const paid = ({ id }: Attempt, micros = 5n): StatementLine => ({ kind: 'payment', gatewayId: 'x', reference: id, amount: usd(micros), at });
const back = (gatewayId: string, micros = 3n): StatementLine => ({
  kind: 'refund',
  gatewayId,
  reference: newId(),
  amount: usd(micros),
  at,
});
const compare = (over: {
  due?: StatementLine[];
  all?: StatementLine[];
  attempts?: Attempt[];
  settled?: Attempt[];
  refunds?: Refund[];
  refunded?: Refund[];
}) => {
  const { due = [], all = due, attempts = [], settled = [], refunds = [], refunded = [] } = over;
  return compareBooks({
    lines: { due, all },
    attempts: { due: settled, named: attempts },
    refunds: { due: refunded, named: refunds },
  }).map(({ finding, expected, found }) => [finding, expected, found].join(' | '));
};

test('what both sides say alike is no finding; nor is what is not about us, or has an alert of its own', () => {
  const [credited, surplus, mismatched] = [attempt('succeeded'), attempt('surplus'), attempt('mismatched', 9n)];
  const given = refund('succeeded');
  const foreign = { ...paid(credited), reference: 'invoice 17 of the bakery' };
  const due = [paid(credited), paid(surplus), paid(mismatched), back(given.gatewayRefundId), foreign];
  const known = { attempts: [credited, surplus, mismatched], settled: [credited, surplus], refunds: [given], refunded: [given] };
  assert.deepEqual(compare({ due, ...known }), []);
});

test('each difference has its name', () => {
  const [pending, failed, credited] = [attempt('pending'), attempt('failed'), attempt('succeeded')];
  assert.deepEqual(compare({ due: [paid(pending)], attempts: [pending] }), ['paid_not_credited | pending | 0.000005 USD']);
  assert.deepEqual(compare({ due: [paid(failed)], attempts: [failed] }), ['paid_not_credited | failed | 0.000005 USD']);
  assert.deepEqual(compare({ due: [paid(credited, 6n)], attempts: [credited], settled: [credited] }), [
    'other_amount | 0.000005 USD | 0.000006 USD',
  ]);
  assert.deepEqual(compare({ due: [paid(credited)] }), ['payment_not_ours | nothing | 0.000005 USD']);
  assert.deepEqual(compare({ settled: [credited] }), ['credited_not_paid | 0.000005 USD | nothing']);
  const [given, undone] = [refund('succeeded'), refund('failed')];
  assert.deepEqual(compare({ due: [back('re_1')] }), ['refund_not_ours | nothing | 0.000003 USD']);
  assert.deepEqual(compare({ due: [back(undone.gatewayRefundId)], refunds: [undone] }), ['refunded_not_recorded | failed | 0.000003 USD']);
  assert.deepEqual(compare({ due: [back(given.gatewayRefundId, 4n)], refunds: [given] }), ['other_amount | 0.000003 USD | 0.000004 USD']);
  assert.deepEqual(compare({ refunded: [given] }), ['recorded_not_refunded | 0.000003 USD | nothing']);
});

test('a line of another day stands for what we dated otherwise', () => {
  const credited = attempt('succeeded');
  const given = refund('succeeded');
  assert.deepEqual(compare({ all: [paid(credited), back(given.gatewayRefundId)], settled: [credited], refunded: [given] }), []);
});
