import assert from 'node:assert/strict';
import { it } from 'node:test';
import { normalisePhone } from './numbers.ts';

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
