/** Rates of countries by date, where the issuer charges them, and what an invoice says of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { invoiceOf, noDetails } from '../../domain/documents/document.ts';
import { isEuMember, isVatId, standardRateAt } from '../../domain/documents/tax-rates.ts';
import { loadTaxRates, registrationsOf } from './load.ts';

const rates = loadTaxRates();
const everywhere = new Set(rates.map(({ country }) => country));
const percentAt = (country: string, day: string): number | undefined => {
  const rate = standardRateAt(rates, everywhere, country, new Date(`${day}T12:00:00Z`));
  return rate && rate.ratePpm / 10_000;
};

test('a rate holds from its day on, until the next one', () => {
  const expected: readonly [string, string, number | undefined][] = [
    ['DE', '2020-06-30', 19],
    ['DE', '2020-07-01', 16],
    ['DE', '2020-12-31', 16],
    ['DE', '2021-01-01', 19],
    ['FI', '2024-08-31', 24],
    ['FI', '2024-09-01', 25.5],
    ['EE', '2025-06-30', 22],
    ['EE', '2025-07-01', 24],
    ['SK', '2025-01-01', 23],
    ['RO', '2025-08-01', 21],
    ['CH', '2023-12-31', 7.7],
    ['CH', '2024-01-01', 8.1],
    ['SG', '2023-06-01', 8],
    ['SA', '2020-06-30', 5],
    ['SA', '2020-07-01', 15],
    ['NG', '2026-11-21', 7.5],
    ['GB', '2026-11-21', 20],
    ['JP', '2019-09-30', 8],
    ['AE', '2017-12-31', undefined],
    ['ZZ', '2026-01-01', undefined],
  ];
  for (const [country, day, percent] of expected) assert.equal(percentAt(country, day), percent, `${country} on ${day}`);
});

test('every member of the EU has a rate, and none lies outside what the directive and good sense allow', () => {
  assert.equal([...everywhere].filter(isEuMember).length, 27);
  for (const country of everywhere) {
    const now = percentAt(country, '2026-11-21') ?? assert.fail(country);
    assert.ok(now >= (isEuMember(country) ? 15 : 5) && now <= 27, `${country} ${now}`);
  }
});

test('tax is charged where the issuer is registered, and nowhere else', () => {
  const at = new Date('2026-11-21T00:00:00Z');
  const home = { country: 'GB', taxId: 'GB123456789' };
  const rateIn = (text: string, country: string, from = home) =>
    standardRateAt(rates, registrationsOf(text, from, rates), country, at)?.ratePpm;
  assert.equal(rateIn('', 'GB'), 200_000, 'at home, with a tax id');
  assert.equal(rateIn('', 'GB', { country: 'GB', taxId: '' }), undefined, 'not registered at all');
  assert.equal(rateIn('', 'DE'), undefined);
  assert.equal(rateIn('GB,EU', 'DE'), 190_000, 'One Stop Shop');
  assert.equal(rateIn('GB,EU', 'NO'), undefined);
  assert.equal(rateIn('GB, NO', 'NO'), 250_000);
  assert.throws(() => registrationsOf('GB,XX', home, rates), /XX/);
  assert.throws(() => registrationsOf('EU', { country: 'DE', taxId: '' }, rates), /ISSUER_TAX_ID/);
});

test('VAT ids are known by their form', () => {
  const good = ['DE DE123456789', 'GR EL123456789', 'AT ATU12345678', 'NL NL123456789B01', 'IE IE1234567WA', 'FR FR12 345 678 901'];
  for (const line of good) assert.ok(isVatId(line.slice(0, 2), line.slice(3)), line);
  const bad = ['DE FR12345678901', 'DE 123456789', 'GB GB123456789', 'GR GR123456789', 'DE DE12', 'DE DEABCDEFGHI'];
  for (const line of bad) assert.ok(!isVatId(line.slice(0, 2), line.slice(3)), line);
});

test('an invoice shows the tax that it contains; a business of another member state declares it itself, by its VAT id only', () => {
  const issuedAt = new Date('2026-11-21T00:00:00Z');
  const period = { from: new Date('2026-10-01T00:00:00Z'), to: new Date('2026-11-01T00:00:00Z'), timeZone: 'UTC' };
  const issue = (country: string, taxId: string) => {
    const { netMicros, taxMicros, totalMicros, dueMicros, taxNote } = invoiceOf(
      {
        issuer: { name: 'Namaskah', address: [], country: 'DE', taxId: 'DE123456789' },
        details: { ...noDetails, country, taxId },
        currency: 'USD',
        minorMicros: 10_000n,
        taxRate: standardRateAt(rates, new Set(['DE', 'EU']), country, issuedAt),
        issuedAt,
      },
      period,
      [{ product: 'verification', title: '', charges: 1n, refunds: 0n, chargedMicros: 119_000_000n, refundedMicros: 0n }],
    );
    return [netMicros, taxMicros, totalMicros, dueMicros, taxNote];
  };
  assert.deepEqual(issue('DE', ''), [100_000_000n, 19_000_000n, 119_000_000n, 0n, 'VAT 19 %, included in prices']);
  assert.deepEqual(issue('DE', 'DE987654321'), issue('DE', ''), 'at home the issuer charges businesses too');
  assert.equal(issue('FR', '')[4], 'VAT 20 %, included in prices');
  assert.deepEqual(issue('FR', 'FR12345678901'), [119_000_000n, 0n, 119_000_000n, 0n, 'Reverse charge: the recipient owes the tax']);
  assert.equal(issue('FR', 'some number')[4], 'VAT 20 %, included in prices', 'no VAT id, no reverse charge');
  assert.equal(issue('FR', 'DE987654321')[4], 'VAT 20 %, included in prices', "another country's");
  assert.equal(issue('US', '')[1], 0n, 'not registered there');
});
