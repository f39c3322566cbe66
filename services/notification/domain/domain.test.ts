import assert from 'node:assert/strict';
import { it } from 'node:test';
import { hourMs } from '#platform/time/index.ts';
import { accountKinds, retryAt } from './delivery.ts';
import { render } from './mails.ts';

const content = {
  token: 'a+b/c=',
  tenantName: 'Smith & "Sons"\r\nBcc: all@example.com <script>',
  publicUrl: 'https://sms.example',
  facts: {},
};

it('a verification mail carries one working link', () => {
  const { text, html } = render('email.verify_address', content);
  const link = /https:\/\/\S+/.exec(text)?.[0];
  assert.equal(new URL(link ?? '').searchParams.get('token'), content.token);
  assert.ok(html.includes(`href="${link}"`));
});
it("a tenant's name can neither break the subject nor the page", () => {
  const { subject, html, text } = render('email.invitation', content);
  assert.doesNotMatch(subject, /[\r\n]/);
  assert.doesNotMatch(html, /<script/);
  assert.equal(JSON.parse(/\{.*\}/.exec(text)?.[0] ?? '').token, content.token);
});
it('every mail about the account says its facts, and a missing or hostile one breaks nothing', () => {
  const facts = {
    plan: 'pro',
    amount: '49.00 USD',
    nextAttemptAt: '22 December 2026',
    name: '<b>x</b>\r\nBcc: y',
    number: 'INV-1',
    reason: 'unpaid',
  };
  for (const kind of accountKinds) {
    const { subject, html, text } = render(kind, { ...content, facts });
    assert.doesNotMatch(subject, /[\r\n]/);
    assert.doesNotMatch(html, /<b>|<script/);
    assert.ok(text.includes('https://sms.example/billing'));
    assert.ok(render(kind, { ...content, facts: {} }).text.length > 0);
  }
  assert.match(render('billing.subscription_payment_failed', { ...content, facts }).text, /49\.00 USD are due.*22 December 2026/s);
  const ended = (reason: string): string => render('billing.subscription_ended', { ...content, facts: { ...facts, reason } }).text;
  assert.match(ended('unpaid'), /your plan pro has ended because it could not be paid\. Your account/);
  assert.match(ended('cancelled'), /has ended as you wished\. /);
  assert.match(ended('by_operator'), /has ended: we have ended it; write to us if you did not expect that\. Your/);
  assert.match(ended('anything else'), /your plan pro has ended\. Your account/);
});
it('a mail about a rented number says which, until when, and what to do', () => {
  const facts = { rental: 'rnt_1', service: 'telegram', country: 'ID', endsAt: '2026-12-21 08:30', duration: '30d', price: '27.00 USD' };
  const text = (kind: 'rental.expiring' | 'rental.renewed' | 'rental.renewal_failed', over: Record<string, string>): string =>
    render(kind, { ...content, facts: { ...facts, ...over } }).text;
  const kept = text('rental.expiring', { autoRenew: 'true' });
  const ending = text('rental.expiring', { autoRenew: 'false' });
  for (const each of [kept, ending]) assert.match(each, /telegram in ID \(rnt_1\) ends on 2026-12-21 08:30 \(UTC\)/);
  assert.match(kept, /renewed for 30d/);
  assert.match(ending, /not renewed by itself/);
  assert.match(text('rental.renewed', {}), /until 2026-12-21 08:30 \(UTC\)\. It cost 27\.00 USD/);
  assert.match(text('rental.renewal_failed', { reason: 'insufficient_credit' }), /credit does not suffice/);
  assert.doesNotMatch(text('rental.renewal_failed', { reason: 'not_offered' }), /credit does not suffice/);
});
it('pauses grow to an hour and stay there', () => {
  const now = new Date(0);
  const pauses = Array.from({ length: 14 }, (_value, index) => retryAt(now, index + 1, 5_000).getTime());
  assert.deepEqual(
    pauses,
    pauses.toSorted((a, b) => a - b),
  );
  assert.deepEqual([pauses[0], pauses.at(-1)], [5_000, hourMs]);
});
