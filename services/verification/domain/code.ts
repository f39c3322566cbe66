/**
 * Finds the code in a message. Order of belief: what the provider parsed, then shapes that are hardly ever anything
 * else (G-123456, 123-456, 123 456), then a group of 4 to 8 digits near a word for "code", then the last such group that
 * is not part of a date, a time, an amount or a phone number.
 */

/** Digits of other scripts that operators use, as ASCII. */
const zeros = [0x0660, 0x06f0, 0x0966, 0x09e6, 0x0e50, 0x1040, 0x17e0, 0xff10] as const;
const asciiDigits = (text: string): string =>
  text.replace(/\P{ASCII}/gu, (character) => {
    const point = character.codePointAt(0) ?? 0;
    const zero = zeros.find((first) => point >= first && point <= first + 9);
    return zero === undefined ? character : String(point - zero);
  });

const dashes = /[\u2010-\u2015\u2212]/g;
const invisible = /[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

const normalise = (text: string): string =>
  asciiDigits(text.replace(invisible, ''))
    .replace(dashes, '-')
    .replace(/\u00a0/g, ' ');

/** A code without hyphens and spaces; letters keep their case. */
export const normaliseCode = (code: string): string =>
  normalise(code)
    .replace(/^[A-Z]{1,2}-(?=\d{4,8}$)/, '')
    .replace(/[\s-]/g, '');

/** What looks like a code but is none, blanked before the search. */
const decoys: readonly RegExp[] = [
  /https?:\/\/\S+/gi,
  /\b(?:www\.)?[a-z0-9-]+\.(?:com|net|org|io|me|ru|de|fr|app|co|ly|gg|tv)\/\S*/gi,
  // Dates and times: 2026-11-21, 21.11.2026, 11/21/26, 21.11., 14:05(:30), "Nov 21, 2026", 2026年11月21日
  /\b\d{4}[-/.]\d{1,2}[-/.]\d{1,2}\b/g,
  /\b\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})\b/g,
  /\b\d{1,2}:\d{2}(?::\d{2})?\b/g,
  /\b\d{4}年(?:\d{1,2}月)?(?:\d{1,2}日)?/g,
  /\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? \d{1,2},? \d{4}\b/gi,
  /\b\d{1,2}\.? (?:jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-z]*\.? \d{4}\b/gi,
  /(?:©|\(c\)|copyright) ?\d{4}/gi,
  // Phone numbers: a plus, or an 00 prefix, or national groups that add up to nine digits or more.
  /\+\s?\d[\d\s().-]{6,}\d/g,
  /\b00\d[\d\s().-]{7,}\d/g,
  /\(\d{2,4}\)\s?\d{3,4}[\s-]\d{3,4}/g,
  /\b\d{1,4}(?:[\s-]\d{2,4}){2,}\b/g,
  /\b\d{9,}\b/g,
  // Masked accounts and amounts.
  /[*x•.]{2,}\s?\d{2,6}\b/gi,
  /(?:[$€£¥₹₽]|usd|eur|rub|inr|idr|rs\.?|rp\.?)\s?\d[\d.,]*/gi,
  /\b\d[\d.,]*\s?(?:[$€£¥₹₽]|usd|eur|rub|руб|inr|idr)/gi,
];

const blank = (text: string, pattern: RegExp): string => text.replace(pattern, (found) => ' '.repeat(found.length));

const cue =
  /(?:code|c[oó]digo|codice|kod|k[oóô]d|koodi?|код|otp|pin|passcode|password|mã|kode|รหัส|验证码|驗證碼|校验码|認証|コード|인증|코드|번호|رمز|كود|کد|קוד|कोड|ওটিপি|কোড|κωδικ|doğrulama|sandi|verification|token)/iu;

const certain: readonly RegExp[] = [
  /(?<![A-Za-z0-9])[A-Z]{1,2}-(\d{4,8})(?!\d|[-/]\d)/,
  /(?<![\d+.,:/-])(\d{3})[- ](\d{3})(?![\d:/]|[-.,]\d| \d{2})/,
];

interface Group {
  readonly digits: string;
  readonly at: number;
}

const groupsOf = (text: string): Group[] =>
  [...text.matchAll(/(?<![\d+#A-Za-z_-]|\d[.,])(\d{4,8})(?![\dA-Za-z_]|[.,-]\d)/g)].map((match) => ({
    digits: match[1] ?? '',
    at: match.index,
  }));

const isYear = (digits: string): boolean => /^(?:19|20)\d{2}$/.test(digits);

/** How far behind its cue a code may stand. */
const cueReach = 48;

const nearCue = (text: string, groups: readonly Group[]): Group | undefined => {
  const cues = [...text.matchAll(new RegExp(cue, 'giu'))].map((match) => match.index);
  const behind = groups.find((group) => cues.some((at) => group.at > at && group.at - at <= cueReach));
  return behind ?? groups.findLast((group) => cues.some((at) => at > group.at && at - group.at <= cueReach));
};

/** Longer than any message; bounds the work on hostile ones. */
const longestText = 2_000;

/**
 * @param text the message as it arrived
 * @param parsed what the provider took for the code, when it said so
 * @returns the code without hyphens or spaces, or an empty string
 */
export const extractCode = (text: string, parsed?: string): string => {
  const given = parsed === undefined ? '' : normaliseCode(parsed);
  if (/^[A-Za-z0-9]{3,12}$/.test(given) && /\d/.test(given)) return given;
  const clean = decoys.reduce(blank, normalise(text.slice(0, longestText)));
  for (const shape of certain) {
    const match = shape.exec(clean);
    if (match) return match.slice(1).join('');
  }
  const all = groupsOf(clean);
  const groups = all.length > 1 ? all.filter((group) => !isYear(group.digits)) : all;
  return (nearCue(clean, groups) ?? groups.at(-1))?.digits ?? '';
};
