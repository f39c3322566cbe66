import assert from 'node:assert/strict';
import { it } from 'node:test';
import { countryOf, normalisePhone } from './numbers.ts';

it('writes every spelling of a number in one way', () => {
  for (const text of ['+447700900123', '+44 7700 900123', ' +44 (7700) 900-123 ', '+44.7700.900.123'])
    assert.equal(normalisePhone(text), '+447700900123');
  assert.equal(normalisePhone('+12025550123'), '+12025550123');
});

it('refuses what is not a whole international number', () => {
  for (const text of [
    '',
    '07700 900123',
    '447700900123',
    '+44',
    '+999123456789',
    '+4477009001234567',
    'call me',
    '+447700900123 ext. 5',
    `+${'1'.repeat(60)}`,
  ]) {
    assert.equal(normalisePhone(text), undefined, text);
  }
});

it('knows the country of a number, also where several share a calling code', () => {
  assert.deepEqual(
    ['+6281234567890', '+447700900123', '+12025550123', '+16135550123', '+77011234567', '+883510000000', 'call me'].map(countryOf),
    [...['ID', 'GB', 'US', 'CA', 'KZ', '', '']],
  );
});
