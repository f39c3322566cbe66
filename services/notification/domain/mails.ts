/** The texts of our mails. Plain text says everything; HTML only looks nicer. */
import type { DeliveryKind } from './delivery.ts';

export interface MailContent {
  readonly token: string;
  /** Of the tenant that invites; empty where there is none. */
  readonly tenantName: string;
  readonly publicUrl: string;
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

export const render = (kind: DeliveryKind, content: MailContent): Mail =>
  kind === 'email.invitation' ? invitation(content) : verifyAddress(content);
