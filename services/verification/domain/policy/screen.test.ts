import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addMs, dayMs } from '#platform/time/index.ts';
import { testRules, testScreen } from '../../testing/policy/rules.ts';
import { banUntil, scoreOf } from './bans.ts';
import { createScreen } from './screen.ts';

describe('the screen of inbound messages', () => {
  const withheld = (text: string, sender = '', category = 'gaming') => testScreen({ text, sender }, category);
  it('withholds what a bank, a payment service, an authority or a clinic sends', () => {
    for (const text of [
      'PayPal: 123456 is your security code.',
      '<#> [PayPal] 123456',
      'From HSBC: use 123456',
      'ＰａｙＰａｌ: 123456',
      'Your code for Online  Banking is 123456',
      'HMRC: your access code is 123456',
      'NHS: 123456 is your code',
      'Use 123456 to add a payee',
    ])
      assert.ok(withheld(text), text);
    assert.equal(withheld('123456 is your code', 'paypal'), 'payment-brands');
    assert.equal(withheld('123456 is your code', ' PayPal '), 'payment-brands');
  });
  it('lets through what only looks like it', () => {
    for (const text of [
      'Telegram code 12345',
      'Your Steam code is 12345. Pay with PayPal or card.',
      'Choose: 12345 is your code',
      'Wiser: your code is 12345',
      'Ingress code 12345',
      'UBAR code 12345',
      '12345',
      '',
    ])
      assert.equal(withheld(text), undefined, text);
  });
  it('lets through what the number was rented for, where an operator has allowed that', () => {
    assert.equal(withheld('PayPal: 123456 is your code', '', 'payment'), undefined);
    assert.equal(withheld('HSBC: 123456 is your code', '', 'payment'), 'bank-brands');
    assert.equal(withheld('You have been subscribed to jokes', '', 'payment'), 'subscriptions');
  });
  it('reads a value as text, not as a pattern', () => {
    const screen = createScreen([{ id: 'x', category: '', kind: 'keyword', values: ['a.c (d)'] }]);
    assert.equal(screen({ text: 'abc (d)', sender: '' }, ''), undefined);
    assert.equal(screen({ text: 'so A.C (D)!', sender: '' }, ''), 'x');
  });
});

describe('a ban by reports', () => {
  const at = new Date('2026-11-21T10:00:00Z');
  const { bans } = testRules;
  const ago = (ms: number) => addMs(at, -ms);
  it('takes two tenants at one time, more when they are apart', () => {
    assert.equal(banUntil([at], at, bans), undefined);
    assert.ok(banUntil([at, at], at, bans));
    assert.equal(banUntil([at, ago(dayMs)], at, bans), undefined);
    assert.ok(banUntil([at, ago(dayMs), ago(dayMs)], at, bans));
    assert.equal(scoreOf([ago(bans.halfLifeMs)], at, bans), 0.5);
  });
  it('ends when the weight has decayed, later the more there were', () => {
    assert.deepEqual(banUntil([at, at], at, bans), addMs(at, bans.halfLifeMs));
    assert.deepEqual(banUntil([at, at, at, at], at, bans), addMs(at, 2 * bans.halfLifeMs));
    const end = banUntil([at, at, at], at, bans) ?? assert.fail();
    assert.ok(Math.abs(scoreOf([at, at, at], end, bans) - bans.endScore) < 1e-6);
  });
});
