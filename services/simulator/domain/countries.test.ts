import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePhoneNumberFromString } from 'libphonenumber-js/max';
import { countries, countryOf } from './countries.ts';
import { seededRandomness } from './random.ts';

test('numbers are valid in the very country they were rented in', () => {
  const stream = seededRandomness('numbers').stream('numbers');
  // These share a numbering plan with a larger neighbour, or have no free range of four digits: only the dial code is checked.
  const sharedPlans = new Set(['AX', 'BL', 'BQ', 'CC', 'CX', 'EH', 'FM', 'IM', 'MF', 'NU', 'SJ', 'VA']);
  for (const country of countries.values()) {
    for (let draw = 0; draw < 40; draw += 1) {
      const number = `+${country.dialCode}${country.prefix}${stream.digits(country.freeDigits)}`;
      const parsed = parsePhoneNumberFromString(number);
      assert.ok(parsed !== undefined, `${country.iso} ${number}`);
      assert.equal(parsed.countryCallingCode, country.dialCode, number);
      if (sharedPlans.has(country.iso)) continue;
      assert.ok(parsed.isValid(), `${country.iso} ${number}`);
      assert.equal(parsed.country, country.iso, number);
    }
  }
});

test('the ids that every client of the market knows', () => {
  const known: readonly (readonly [number, string, string])[] = [
    [0, 'RU', '7'],
    [1, 'UA', '380'],
    [2, 'KZ', '7'],
    [3, 'CN', '86'],
    [4, 'PH', '63'],
    [6, 'ID', '62'],
    [16, 'GB', '44'],
    [36, 'CA', '1'],
    [48, 'NL', '31'],
    [52, 'TH', '66'],
    [187, 'US', '1'],
  ];
  for (const [id, iso, dialCode] of known) {
    assert.deepEqual([countryOf(id).iso, countryOf(id).dialCode], [iso, dialCode]);
  }
});

test('an unknown id is served, and takes the shape of the country whose dial code a setting gives it', () => {
  const unknown = countryOf(98_765);
  assert.equal(unknown.dialCode.length + unknown.prefix.length + unknown.freeDigits, 12);
  const named = countryOf(98_765, { '98765': '44' });
  assert.deepEqual([named.id, named.iso, named.dialCode], [98_765, 'GB', '44']);
  assert.equal(countryOf(98_765, { '98765': '379' }).dialCode, '379');
});
