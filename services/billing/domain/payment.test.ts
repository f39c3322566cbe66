import assert from 'node:assert/strict';
import { test } from 'node:test';
import { money } from '#platform/money/index.ts';
import { hourMs, minuteMs } from '#platform/time/index.ts';
import { nextCheckDelayMs, type GatewayStatement, type Attempt, type AttemptStatus, settlement } from './payment.ts';

const attempt = (status: AttemptStatus): Attempt => ({
  id: 'p',
  paymentId: 'p',
  tenantId: 't',
  ordinal: 1,
  gateway: 'simulator',
  gatewayPaymentId: '',
  amount: money('USD', 5_000_000n),
  status,
  checkoutUrl: '',
  saveMethod: false,
  charge: undefined,
  failureReason: '',
  createdAt: new Date(0),
  settledAt: undefined,
});
const says = (status: GatewayStatement['status'], over: Partial<GatewayStatement> = {}): GatewayStatement => ({
  gatewayPaymentId: 'g',
  reference: 'p',
  status,
  amount: money('USD', 5_000_000n),
  ...over,
});

test('an attempt only climbs: pending, failed, and what is final', () => {
  const table: Record<AttemptStatus, Record<GatewayStatement['status'], string>> = {
    pending: { pending: 'none', failed: 'failed', succeeded: 'succeeded' },
    failed: { pending: 'none', failed: 'none', succeeded: 'succeeded' },
    succeeded: { pending: 'none', failed: 'none', succeeded: 'none' },
    surplus: { pending: 'none', failed: 'none', succeeded: 'none' },
    mismatched: { pending: 'none', failed: 'none', succeeded: 'none' },
  };
  for (const [status, row] of Object.entries(table))
    for (const [said, expected] of Object.entries(row))
      assert.equal(settlement(attempt(status as AttemptStatus), says(said as 'pending')).kind, expected, `${status}, gateway says ${said}`);
});

test('amount, currency and reference have to match to the last unit', () => {
  for (const wrong of [
    { amount: money('USD', 4_999_999n) },
    { amount: money('USD', 5_000_001n) },
    { amount: money('EUR', 5_000_000n) },
    { reference: 'q' },
  ])
    assert.equal(settlement(attempt('pending'), says('succeeded', wrong)).kind, 'mismatched');
});

test('a pending payment is asked about at its first check, then ever more rarely, at least every six hours', () => {
  assert.equal(nextCheckDelayMs(0, 15 * minuteMs), 15 * minuteMs);
  assert.equal(nextCheckDelayMs(4 * hourMs, 15 * minuteMs), 2 * hourMs);
  assert.equal(nextCheckDelayMs(100 * hourMs, 15 * minuteMs), 6 * hourMs);
});
