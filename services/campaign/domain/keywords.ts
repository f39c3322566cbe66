/**
 * What an inbound message asks for. The lists are the union of what carriers and regulators name (FCC 47 CFR
 * 64.1200(a)(10), AWS, Twilio, Telnyx); a message counts only when it is nothing but the keyword, so that
 * "please stop by tomorrow" stays a reply.
 */
export type Intent = 'stop' | 'start' | 'help' | 'other';

const stopWords: ReadonlySet<string> = new Set([
  'STOP',
  'STOPALL',
  'STOP ALL',
  'STOPP',
  'UNSUBSCRIBE',
  'CANCEL',
  'END',
  'QUIT',
  'REVOKE',
  'OPTOUT',
  'OPT OUT',
  'REMOVE',
  'ARRET',
  'ARRETE',
  'ARRETER',
  'ARRETEZ',
  'BAJA',
]);
const startWords: ReadonlySet<string> = new Set(['START', 'UNSTOP', 'YES']);
const helpWords: ReadonlySet<string> = new Set(['HELP', 'INFO']);

/** Case, accents, punctuation and repeated spaces carry no meaning: "Stop.", "« ARRÊT »" and "opt-out!" are keywords. */
const normalise = (text: string): string =>
  text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()
    .toUpperCase();

/** "YES" is a start only where an opt-out exists: the caller finds nothing to undo and treats it as a reply. */
export const intentOf = (text: string): Intent => {
  const word = normalise(text);
  if (stopWords.has(word)) return 'stop';
  if (startWords.has(word)) return 'start';
  if (helpWords.has(word)) return 'help';
  return 'other';
};

export type ReplyKind = Exclude<Intent, 'other'>;

/** The answers, without marketing, and how often one number gets one from one sender. Never charged. */
export const replies: Readonly<Record<ReplyKind, { readonly text: string; readonly everyMs: number }>> = {
  stop: { text: 'You are unsubscribed and will receive no more messages. Reply START to resubscribe.', everyMs: 24 * 3_600_000 },
  start: { text: 'You are subscribed again. Reply STOP to unsubscribe, HELP for help.', everyMs: 24 * 3_600_000 },
  // Two automatic responders must not talk to each other for ever.
  help: { text: 'This number sends messages you subscribed to. Reply STOP to unsubscribe, START to resubscribe.', everyMs: 60_000 },
};
