import assert from 'node:assert/strict';
import { it } from 'node:test';
import { hourMs } from '#platform/time/index.ts';
import { retryAt } from './delivery.ts';
import { render } from './mails.ts';

const content = { token: 'a+b/c=', tenantName: 'Smith & "Sons"\r\nBcc: all@example.com <script>', publicUrl: 'https://sms.example' };

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
it('pauses grow to an hour and stay there', () => {
  const now = new Date(0);
  const pauses = Array.from({ length: 14 }, (_value, index) => retryAt(now, index + 1, 5_000).getTime());
  assert.deepEqual(
    pauses,
    pauses.toSorted((a, b) => a - b),
  );
  assert.deepEqual([pauses[0], pauses.at(-1)], [5_000, hourMs]);
});
