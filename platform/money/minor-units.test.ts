import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fromMinorUnits, money, toMinorUnits } from './index.ts';

test("minor units follow the currency's exponent, and a finer amount has none", () => {
  assert.equal(toMinorUnits(money('USD', 12_340_000n)), 1234n);
  assert.equal(toMinorUnits(money('NGN', 10_000n)), 1n);
  assert.equal(toMinorUnits(money('JPY', 500_000_000n)), 500n);
  assert.equal(toMinorUnits(money('KWD', 1_234_000n)), 1234n);
  assert.equal(toMinorUnits(money('USD', 12_345_000n)), undefined);
  assert.equal(toMinorUnits(money('JPY', 12_340_000n)), undefined);
});

test('every exponent of ISO 4217 that is not two', () => {
  const none = ['BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI', 'VND', 'VUV', 'XAF', 'XOF', 'XPF'];
  for (const code of none) assert.equal(fromMinorUnits(code, 1n).micros, 1_000_000n, code);
  for (const code of ['BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND']) assert.equal(fromMinorUnits(code, 1n).micros, 1_000n, code);
  for (const code of ['CLF', 'UYW']) assert.equal(fromMinorUnits(code, 1n).micros, 100n, code);
});

test('there and back is the same number, for any size', () => {
  const seed = Date.now() % 1_000_000_000;
  const currency = fc.constantFrom('USD', 'NGN', 'JPY', 'KWD');
  const exact = fc.property(currency, fc.bigInt(0n, 10n ** 18n), (code, minor) => toMinorUnits(fromMinorUnits(code, minor)) === minor);
  fc.assert(exact, { seed });
});
