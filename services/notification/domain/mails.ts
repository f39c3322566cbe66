/** The texts of our mails. Plain text says everything; HTML only looks nicer. */
import type { AccountKind, DeliveryKind, Facts } from './delivery.ts';

export interface MailContent {
  readonly token: string;
  /** Of the tenant that invites; empty where there is none. */
  readonly tenantName: string;
  readonly publicUrl: string;
  readonly facts: Facts;
}

export interface Mail {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (char) => escapes[char] ?? char);
/** A subject is one line, whatever a tenant is called. */
const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();

const toHtml = (paragraphs: readonly string[]): string =>
  `<!doctype html><html lang="en"><body style="font:16px/1.5 system-ui,sans-serif">${paragraphs
    .map(
      (paragraph) =>
        `<p>${escapeHtml(paragraph)
          .replace(/https?:\/\/[^\s<]+/g, (url) => `<a href="${url}">${url}</a>`)
          .replaceAll('\n', '<br>')}</p>`,
    )
    .join('')}</body></html>`;

const mail = (subject: string, paragraphs: readonly string[]): Mail => ({
  subject: oneLine(subject),
  text: `${paragraphs.join('\n\n')}\n`,
  html: toHtml(paragraphs),
});

const verifyAddress = ({ token, publicUrl }: MailContent): Mail =>
  mail('Confirm your e-mail address', [
    'Hello,',
    `please confirm that this is your address:\n${new URL(`/verify-email?token=${encodeURIComponent(token)}`, publicUrl).href}`,
    'The link works once, for 24 hours. If you did not register, do nothing.',
    'Namaskah',
  ]);

const invitation = ({ token, tenantName, publicUrl }: MailContent): Mail =>
  mail(`You are invited to ${tenantName}`, [
    'Hello,',
    `${oneLine(tenantName)} invites you to its account at Namaskah.`,
    `To accept, choose a password and send:\nPOST ${new URL('/v2/invitations/accept', publicUrl).href}\n${JSON.stringify({ token, password: 'your new password' })}`,
    'The invitation works once. If you do not know who invites you, do nothing.',
    'Namaskah',
  ]);

const billingPage = ({ publicUrl }: MailContent): string => new URL('/billing', publicUrl).href;

const alertSubjects: Readonly<Record<string, { readonly what: string; readonly unit: string }>> = {
  usage_quantity: { what: 'the usage', unit: '' },
  usage_amount: { what: 'the cost of usage', unit: ' USD' },
  included_percent: { what: 'the share used of what your plan includes', unit: ' %' },
  budget_percent: { what: 'the share spent of your budget', unit: ' %' },
  wallet_balance: { what: 'your balance', unit: ' USD' },
};
const alertSentence = (say: (fact: string) => string): string => {
  const { what, unit } = alertSubjects[say('metric')] ?? { what: say('metric'), unit: '' };
  const meter = say('meter') === '' ? '' : ` of ${say('meter')}`;
  const moved = say('direction') === 'down' ? 'fell below' : 'has reached';
  return `${what}${meter} ${moved} ${say('threshold')}${unit}; it was ${say('value')}${unit}`;
};

/** Why a plan has ended, in words. */
const endReasons: Readonly<Record<string, string>> = {
  unpaid: ' because it could not be paid',
  cancelled: ' as you wished',
  by_operator: ': we have ended it; write to us if you did not expect that',
};

const rentedNumber = (say: (fact: string) => string): string => `${say('service')} in ${say('country')} (${say('rental')})`;

/** A fact that is missing leaves a gap in a sentence, never a mail unsent. */
const accountMails: Readonly<Record<AccountKind, (content: MailContent, say: (fact: string) => string) => Mail>> = {
  'billing.subscription_renewed': (content, say) =>
    mail(`Your plan ${say('plan')} was renewed`, [
      `Hello ${oneLine(content.tenantName)},`,
      `your plan ${say('plan')} was renewed for ${say('amount')}, until ${say('periodEnd')}.`,
      `Your account:\n${billingPage(content)}`,
      'Namaskah',
    ]),
  'billing.subscription_payment_failed': (content, say) =>
    mail(`Your plan ${say('plan')} could not be renewed`, [
      `Hello ${oneLine(content.tenantName)},`,
      `your credit does not suffice to renew the plan ${say('plan')}: ${say('amount')} are due. It is tried again on ${say('nextAttemptAt')}, and as soon as your wallet holds enough.`,
      'Until the last attempt your plan goes on; after it your account returns to the free plan.',
      `Top up here:\n${billingPage(content)}`,
      'Namaskah',
    ]),
  'billing.subscription_ended': (content, say) =>
    mail(`Your plan ${say('plan')} has ended`, [
      `Hello ${oneLine(content.tenantName)},`,
      `your plan ${say('plan')} has ended${endReasons[say('reason')] ?? ''}. Your account is on the free plan now.`,
      `To subscribe again:\n${billingPage(content)}`,
      'Namaskah',
    ]),
  'billing.top_up_suspended': (content, say) =>
    mail('Your automatic top-up is switched off', [
      `Hello ${oneLine(content.tenantName)},`,
      `your wallet does not top itself up any more: ${say('reason')}`,
      `Pay with another card, let it be saved, and switch it on again:\n${billingPage(content)}`,
      'Namaskah',
    ]),
  'billing.usage_alert': (content, say) =>
    mail(`Alert: ${say('name')}`, [
      `Hello ${oneLine(content.tenantName)},`,
      `your alert "${say('name')}" was raised: ${alertSentence(say)}.`,
      `Your account:\n${billingPage(content)}`,
      'Namaskah',
    ]),
  'webhook.endpoint_disabled': (content, say) =>
    mail(`Your webhook at ${say('host')} was switched off`, [
      `Hello ${oneLine(content.tenantName)},`,
      say('reason') === 'gone'
        ? `your endpoint at ${say('host')} answered 410 Gone, so nothing more is sent to it.`
        : `your endpoint at ${say('host')} has answered nothing but errors for days, so nothing more is sent to it.`,
      `When it works again, enable it (PATCH /v2/webhooks/{id} with {"enabled":true}) and replay what it missed; deliveries are kept for 30 days.`,
      `Your account:\n${billingPage(content)}`,
      'Namaskah',
    ]),
  'rental.expiring': (content, say) =>
    mail(`Your ${say('service')} number ends on ${say('endsAt')}`, [
      `Hello ${oneLine(content.tenantName)},`,
      `your rented number for ${rentedNumber(say)} ends on ${say('endsAt')} (UTC).`,
      say('autoRenew') === 'true'
        ? `It is renewed for ${say('duration')} shortly before, if your credit suffices.`
        : `It is not renewed by itself. To keep it, extend it before (POST /v2/rentals/{id}/extend) or switch its renewal on (PATCH /v2/rentals/{id} with {"autoRenew":true}).`,
      `Your account:\n${billingPage(content)}`,
      'Namaskah',
    ]),
  'rental.renewed': (content, say) =>
    mail(`Your ${say('service')} number was renewed`, [
      `Hello ${oneLine(content.tenantName)},`,
      `your rented number for ${rentedNumber(say)} was renewed for ${say('duration')}, until ${say('endsAt')} (UTC). It cost ${say('price')}.`,
      `If you do not need it any more, give it back (POST /v2/rentals/{id}/release).`,
      `Your account:\n${billingPage(content)}`,
      'Namaskah',
    ]),
  'rental.renewal_failed': (content, say) =>
    mail(`Your ${say('service')} number could not be renewed`, [
      `Hello ${oneLine(content.tenantName)},`,
      say('reason') === 'insufficient_credit'
        ? `your credit does not suffice to renew the rented number for ${rentedNumber(say)}.`
        : `the rented number for ${rentedNumber(say)} could not be renewed.`,
      `It works until ${say('endsAt')} (UTC) and then ends; its renewal is switched off. To keep it, extend it before (POST /v2/rentals/{id}/extend).`,
      `Top up here:\n${billingPage(content)}`,
      'Namaskah',
    ]),
  'billing.document_issued': (content, say) =>
    mail(`Your ${say('kind')} ${say('number')}`, [
      `Hello ${oneLine(content.tenantName)},`,
      `your ${say('kind')} ${say('number')} over ${say('total')} is ready. You find it, as PDF too, in your account:\n${billingPage(content)}`,
      'Namaskah',
    ]),
};

export const render = (kind: DeliveryKind, content: MailContent): Mail => {
  if (kind === 'email.invitation') return invitation(content);
  if (kind === 'email.verify_address') return verifyAddress(content);
  return accountMails[kind](content, (fact) => oneLine(content.facts[fact] ?? ''));
};
