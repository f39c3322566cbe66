import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dayMs, hourMs } from '#platform/time/index.ts';
import { creditNoteOf, documentNumber, invoiceOf, noDetails, receiptOf, type Activity, type Occasion } from './document.ts';
import { periodEnd, periodName } from './period.ts';
import { divideHalfEven, taxed } from './tax.ts';

const seed = Date.now() % 1_000_000_000;
const zones = [
  'UTC',
  'Asia/Jakarta',
  'Asia/Kolkata',
  'Asia/Kathmandu',
  'Australia/Lord_Howe',
  'Pacific/Kiritimati',
  'Pacific/Pago_Pago',
  'America/New_York',
  'America/St_Johns',
  'Europe/London',
  'Africa/Lagos',
  'America/Asuncion',
];

test('in twelve zones and both changes of the clock, months begin at local midnight of the first', () => {
  for (const timeZone of zones) {
    let from = periodEnd(new Date('2026-01-10T12:00:00Z'), timeZone);
    for (let count = 0; count < 24; count++) {
      const shown = new Intl.DateTimeFormat('en-GB', { timeZone, dateStyle: 'short', timeStyle: 'medium' }).format(from);
      assert.match(shown, /^01\/\d\d\/\d{4}, 0[01]:00:00$/, `${timeZone} ${from.toISOString()}`);
      const to = periodEnd(from, timeZone);
      const days = (to.getTime() - from.getTime()) / dayMs;
      assert.ok(days > 27.9 && days < 31.1, `${timeZone}: ${days} days`);
      from = to;
    }
  }
  assert.equal(
    periodEnd(new Date('2026-03-01T00:00:00-05:00'), 'America/New_York').toISOString(),
    '2026-04-01T04:00:00.000Z',
    'summer time',
  );
  assert.equal(
    periodEnd(new Date('2026-11-01T00:00:00-04:00'), 'America/New_York').toISOString(),
    '2026-12-01T05:00:00.000Z',
    'winter time',
  );
});

test('periods follow each other whatever zones a tenant moves through, and none is long or empty', () => {
  const moves = fc.array(fc.constantFrom(...zones), { minLength: 1, maxLength: 40 });
  const begin = fc.date({ min: new Date('2020-01-01'), max: new Date('2035-01-01'), noInvalidDate: true });
  fc.assert(
    fc.property(moves, begin, (path, start) => {
      let from = start;
      return path.every((timeZone) => {
        const to = periodEnd(from, timeZone);
        const length = to.getTime() - from.getTime();
        from = to;
        return length > 36 * hourMs && length < 33 * dayMs + 26 * hourMs;
      });
    }),
    { seed },
  );
  // Jakarta's October ends 14 hours before that of Los Angeles: the next period is November all the same.
  const end = periodEnd(new Date('2026-10-31T17:00:00Z'), 'America/Los_Angeles');
  assert.equal(end.toISOString(), '2026-12-01T08:00:00.000Z');
  assert.equal(periodName(new Date('2026-10-31T17:00:00Z'), end, 'America/Los_Angeles'), 'November 2026');
});

test('halves go to the even neighbour, on both sides of zero', () => {
  assert.deepEqual(
    [25n, 35n, 24n, 26n, -25n, -35n, -26n].map((dividend) => divideHalfEven(dividend, 10n)),
    [2n, 4n, 2n, 3n, -2n, -4n, -3n],
  );
});

test('net and tax are the total, the tax is whole cents and within half a cent of exact, inclusive and on top', () => {
  const rate = fc.record({ name: fc.constant('VAT'), ratePpm: fc.integer({ min: 1, max: 1_000_000 }), inclusive: fc.boolean() });
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 15n }), rate, (sum, each) => {
      const { netMicros, taxMicros, totalMicros } = taxed(sum, each, false, 10_000n);
      const exact = each.inclusive
        ? (totalMicros * BigInt(each.ratePpm)) / (1_000_000n + BigInt(each.ratePpm))
        : (sum * BigInt(each.ratePpm)) / 1_000_000n;
      const off = taxMicros - exact;
      return (
        netMicros + taxMicros === totalMicros &&
        (each.inclusive ? totalMicros === sum : netMicros === sum) &&
        taxMicros % 10_000n === 0n &&
        (off < 0n ? -off : off) <= 5_001n
      );
    }),
    { seed },
  );
  const vat = { name: 'VAT', ratePpm: 200_000, inclusive: true };
  assert.deepEqual(taxed(120_000_000n, vat, false, 10_000n), {
    netMicros: 100_000_000n,
    taxMicros: 20_000_000n,
    totalMicros: 120_000_000n,
    note: 'VAT 20 %, included in prices',
  });
  assert.equal(taxed(120_000_000n, vat, true, 10_000n).taxMicros, 0n, 'reverse charge');
  assert.equal(taxed(5n, undefined, false, 10_000n).note, '');
});

const occasion = (over: Partial<Occasion> = {}): Occasion => ({
  issuer: { name: 'Namaskah', address: [], country: 'GB', taxId: '' },
  details: { ...noDetails, name: 'Acme', country: 'GB' },
  currency: 'USD',
  minorMicros: 10_000n,
  taxRate: undefined,
  issuedAt: new Date('2026-12-01T00:00:00Z'),
  ...over,
});
const activity = (over: Partial<Activity>): Activity => ({
  product: 'verification',
  title: '',
  charges: 1n,
  refunds: 0n,
  chargedMicros: 0n,
  refundedMicros: 0n,
  ...over,
});
const period = { from: new Date('2026-11-01T00:00:00Z'), to: new Date('2026-12-01T00:00:00Z'), timeZone: 'UTC' };

test('lines sum to what was charged, refunds are on the credit note alone, and receipts carry no tax', () => {
  const vat = { name: 'VAT', ratePpm: 190_000, inclusive: false };
  const activities = [
    activity({ chargedMicros: 1_234_567n, refundedMicros: 4n, refunds: 2n }),
    activity({ product: 'subscription', title: 'Pro', chargedMicros: 49_000_000n }),
  ];
  const invoice = invoiceOf(occasion({ taxRate: vat }), period, activities);
  assert.equal(
    invoice.lines.reduce((sum, { amountMicros }) => sum + amountMicros, 0n),
    50_234_567n,
  );
  assert.deepEqual([invoice.netMicros, invoice.taxMicros, invoice.dueMicros], [50_234_567n, 9_540_000n, 9_540_000n], 'a tax on top is due');
  const note = creditNoteOf(occasion(), period, activities, [{ invoice: { ...invoice, number: 'NMK-2026-000001' }, micros: 4n }]);
  assert.deepEqual(
    note.lines.map(({ description, quantity, amountMicros }) => [description, quantity, amountMicros]),
    [['Refund: Phone verifications', 2n, 4n]],
  );
  assert.deepEqual(note.refersTo, ['NMK-2026-000001']);
  const receipt = receiptOf(occasion({ taxRate: vat }), { id: 'p', gateway: 'stripe', amountMicros: 10_000_000n });
  assert.deepEqual([receipt.taxMicros, receipt.totalMicros, receipt.taxNote], [0n, 10_000_000n, '']);
});

test('a credit note takes back of each invoice the part of its tax that it gives back of its sum, and all of it with the last micro', () => {
  const rate = fc.record({ name: fc.constant('VAT'), ratePpm: fc.integer({ min: 0, max: 1_000_000 }), inclusive: fc.boolean() });
  const sale = fc.record({ rate, sum: fc.bigInt({ min: 1n, max: 10n ** 15n }), percent: fc.bigInt({ min: 1n, max: 100n }) });
  fc.assert(
    fc.property(fc.array(sale, { minLength: 1, maxLength: 5 }), fc.bigInt({ min: 0n, max: 10n ** 9n }), (sales, rest) => {
      const refunded = sales.map(({ rate: taxRate, sum, percent }) => ({
        invoice: invoiceOf(occasion({ taxRate }), period, [activity({ chargedMicros: sum })]),
        micros: (sum * percent + 99n) / 100n,
      }));
      const total = refunded.reduce((sum, { micros }) => sum + micros, rest);
      const note = creditNoteOf(occasion(), period, [activity({ refundedMicros: total })], refunded);
      const whole = sales.every(({ percent }) => percent === 100n);
      const taxMicros = refunded.reduce((sum, { invoice }) => sum + invoice.taxMicros, 0n);
      return (
        note.netMicros + note.taxMicros === note.totalMicros &&
        note.totalMicros - note.dueMicros === total &&
        note.taxMicros % 10_000n === 0n &&
        (whole ? note.taxMicros === taxMicros : note.taxMicros <= taxMicros)
      );
    }),
    { seed },
  );
});

test('a business abroad with a tax number declares the tax itself', () => {
  const vat = { name: 'VAT', ratePpm: 190_000, inclusive: true };
  const taxOf = (country: string, taxId: string) =>
    invoiceOf(occasion({ taxRate: vat, details: { ...noDetails, country, taxId } }), period, [activity({ chargedMicros: 10_000_000n })])
      .taxMicros;
  assert.equal(taxOf('DE', 'DE123456789'), 0n);
  assert.notEqual(taxOf('DE', ''), 0n);
  assert.notEqual(taxOf('GB', 'GB1'), 0n);
});

test('numbers say issuer, year, kind and sequence', () => {
  assert.deepEqual(
    (['invoice', 'credit_note', 'receipt'] as const).map((kind) => documentNumber('NMK', kind, 2026, 17n)),
    ['NMK-2026-000017', 'NMK-2026-CN-000017', 'NMK-2026-R-000017'],
  );
});
