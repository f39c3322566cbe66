import { formatDecimal } from '#platform/money/index.ts';
import type { Mail } from '../../app/accept-mail.ts';
import type { Payment } from '../../domain/payment.ts';

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => escapes[character] ?? '');

const style = `
  :root { color-scheme: light dark; --accent: #1d5fd1; --line: #8886; }
  * { box-sizing: border-box; }
  body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; }
  header, main { max-width: 44rem; margin: 0 auto; padding: 1rem; }
  header { border-bottom: 1px solid var(--line); }
  h1 { font-size: 1.5rem; margin: 0; }
  dl { display: grid; grid-template-columns: max-content 1fr; gap: .5rem 1.5rem; }
  dt { opacity: .75; } dd { margin: 0; overflow-wrap: anywhere; }
  .amount { font-size: 1.75rem; font-weight: 600; font-variant-numeric: tabular-nums; }
  .actions { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1.5rem; }
  button { font: inherit; padding: .75rem 1.25rem; min-height: 2.75rem; border-radius: .5rem; border: 1px solid var(--accent); cursor: pointer; }
  button[value=success] { background: var(--accent); color: #fff; font-weight: 600; }
  button[value=failure] { background: transparent; color: inherit; border-color: currentColor; }
  :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
  article { border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; margin: 1rem 0; }
  article h2 { font-size: 1.1rem; margin: 0 0 .25rem; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; margin: .75rem 0 0; }
  iframe { width: 100%; height: 20rem; border: 1px solid var(--line); background: #fff; }
  .note { opacity: .75; }
`;

const page = (title: string, main: string): string => `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${escapeHtml(title)}</title>
<style>${style}</style>
</head>
<body>
<header><h1>${escapeHtml(title)}</h1><p class="note">This is the simulator: nothing here is real, and no money moves.</p></header>
<main>
${main}
</main>
</body>
</html>
`;

const summary = (payment: Payment): string => `<dl>
<dt>Amount</dt><dd class="amount">${escapeHtml(formatDecimal(payment.askedMicros))} ${escapeHtml(payment.askedCurrency)}</dd>
<dt>Reference</dt><dd>${escapeHtml(payment.reference)}</dd>
<dt>Payment</dt><dd>${escapeHtml(payment.id)}</dd>
</dl>`;

/** The hosted payment page: works without scripts and with the keyboard alone. */
export const checkoutPage = (payment: Payment): string =>
  page(
    'Confirm your payment',
    `${summary(payment)}
<form method="post" action="/checkout/${encodeURIComponent(payment.id)}">
<div class="actions">
<button type="submit" name="outcome" value="success">Pay ${escapeHtml(formatDecimal(payment.askedMicros))} ${escapeHtml(payment.askedCurrency)}</button>
<button type="submit" name="outcome" value="failure">Decline the payment</button>
</div>
</form>`,
  );

export const checkoutResultPage = (payment: Payment): string =>
  page(
    payment.status === 'succeeded' ? 'Payment succeeded' : 'Payment failed',
    `<p role="status">${payment.status === 'succeeded' ? 'The payment went through.' : 'The payment was declined. Nothing was charged.'}</p>
${summary(payment)}
${payment.returnUrl === '' ? '' : `<p><a href="${escapeHtml(payment.returnUrl)}">Return to the shop</a></p>`}`,
  );

export const messagePage = (title: string, text: string): string => page(title, `<p>${escapeHtml(text)}</p>`);

/** Addresses in a text become links; everything else is escaped. */
const linked = (text: string): string =>
  text
    .split(/(https?:\/\/[^\s<>"']+)/)
    .map((part, at) => (at % 2 === 1 ? `<a href="${escapeHtml(part)}" rel="noreferrer">${escapeHtml(part)}</a>` : escapeHtml(part)))
    .join('');

const mailArticle = (mail: Mail): string => `<article aria-labelledby="${escapeHtml(mail.id)}">
<h2 id="${escapeHtml(mail.id)}">${escapeHtml(mail.subject)}</h2>
<div class="note">To ${escapeHtml(mail.to)}, <time datetime="${new Date(mail.receivedAtMs).toISOString()}">${new Date(mail.receivedAtMs).toISOString()}</time></div>
<pre>${linked(mail.text)}</pre>
${mail.html === undefined ? '' : `<details><summary>As HTML</summary><iframe sandbox title="${escapeHtml(mail.subject)}" srcdoc="${escapeHtml(mail.html)}"></iframe></details>`}
</article>`;

export const mailboxPage = (mails: readonly Mail[]): string =>
  page('Mailbox', mails.length === 0 ? '<p>No mail has arrived yet.</p>' : mails.map(mailArticle).join('\n'));
