/** What looks like a code but is none, blanked before the search. Every quantifier that can meet another one is bounded. */
const months =
  '(?:jan|feb|fev|mar|mär|apr|abr|may|mai|maj|jun|jul|aug|ago|sep|set|oct|okt|out|nov|dec|dez|dic|янв|фев|мар|апр|мая|июн|июл|авг|сен|окт|ноя|дек)';
const currency =
  '(?:[$€£¥₹₽₴₺₫₩₦฿₱₪]|usd|eur|gbp|rub|inr|idr|brl|mxn|pln|try|uah|vnd|ngn|kes|php|thb|chf|aed|sar|rs\\.?|rp\\.?|r\\$|kr|zł|tl|руб(?:лей|ля|\\.)?|грн|руб|р\\.|元|円|원|บาท|đ|лв|ft|kč|lei|din|ريال|تومان|درهم)';
const day = '(?:0?[1-9]|[12]\\d|3[01])';

/** Addresses and links, with whatever follows in them. */
const links: readonly RegExp[] = [
  /https?:\/\/\S{1,400}/gi,
  /(?<![\w.-])(?:[a-z0-9-]{1,40}\.){1,4}(?:com|net|org|io|me|ru|de|fr|app|co|ly|gg|tv|uk|br|in|id|vn|jp|kr|cn|us|eu|link|page|to|gl|cc)\/\S{0,400}/gi,
  /[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{2,64}/g,
];

const decoys: readonly RegExp[] = [
  // Dates: 2026-11-21, 21.11.2026, 11/21/26, 21.11., "Nov 21, 2026", "21 ноября 2026", 2026年11月21日
  /(?<!\d)(?:19|20)\d{2}[-/.](?:0?[1-9]|1[0-2])[-/.]\d{1,2}(?!\d)/g,
  new RegExp(String.raw`(?<![\d.,/-])${day}([-/.])${day}\1(?:(?:19|20)\d{2}|\d{2})(?![\d/-])`, 'g'),
  /(?<!\d)(?:19|20)\d{2} ?[年년](?: ?\d{1,2} ?[月월])?(?: ?\d{1,2} ?[日일])?/g,
  new RegExp(String.raw`(?<!\p{L})${months}\p{L}{0,9}\.? \d{1,2},? (?:19|20)\d{2}(?!\d)`, 'giu'),
  new RegExp(String.raw`(?<!\d)\d{1,2}\.? (?:de )?${months}\p{L}{0,9}\.?,?(?: de)? (?:19|20)\d{2}(?!\d)`, 'giu'),
  // Times: 14:05(:30), 14.05 Uhr, "1430 hrs"
  /(?<!\d)\d{1,2}:\d{2}(?::\d{2})?(?!\d)/g,
  /(?<!\d)\d{1,2}\.\d{2} ?(?:uhr|h|hrs|час)(?!\p{L})/giu,
  /(?<!\d)\d{4} ?(?:hrs|hours|gmt|utc|uhr)(?!\p{L})/giu,
  /(?:©|\(c\)|copyright) ?(?:19|20)\d{2}/gi,
  // Phone numbers: a plus, a 00 prefix, a bracketed area, or national groups that add up to nine digits or more.
  /\+ ?\d[\d ().-]{6,20}\d/g,
  /(?<!\d)00\d[\d ().-]{7,20}\d/g,
  /\(\d{2,4}\) ?\d{3,4}[ -]\d{3,4}(?!\d)/g,
  /(?<![\d-])1?-?[2-9]\d{2}-\d{3}-\d{4}(?!\d)/g,
  /(?<!\d)\d{3}[ -]\d{4}(?![\d -])(?= ?(?:for|to|anytime))/g,
  /(?<![\d.])\d{9,}(?!\d)/g,
  // Masked accounts, percentages and amounts.
  /[*x•.#]{2,16} ?\d{2,6}(?!\d)/gi,
  /(?<!\d)\d[\d.,]{0,12} ?[%٪]/g,
  new RegExp(String.raw`(?<!\p{L})${currency} ?\d[\d.,]{0,15}(?: \d{3}(?!\d)){0,3}`, 'giu'),
  new RegExp(String.raw`(?<![\d.,])\d{1,3}(?: \d{3}){1,3} ?${currency}(?!\p{L})`, 'giu'),
  new RegExp(String.raw`(?<![\d.,])\d[\d.,]{0,15} ?${currency}(?!\p{L})`, 'giu'),
  // Versions and addresses of machines: 10.2.4481, 192.168.1.20
  /(?<![\d.])\d{1,5}(?:\.\d{1,5}){2,3}(?![\d.]\d)/g,
];

/** National numbers in groups; six digits in three pairs may be a code. */
const groups = /(?<![\d-])\d{1,4}(?:[ -]\d{2,4}){2,6}(?!\d)/g;
const pairs = /^\d{2}([ -])\d{2}\1\d{2}$/;

const spacesFor = (found: string): string => ' '.repeat(found.length);

const blank = (text: string, patterns: readonly RegExp[]): string =>
  patterns.reduce((left, pattern) => left.replace(pattern, spacesFor), text);

/** The text with its links and addresses blanked; places stay as they were. */
export const blankLinks = (text: string): string => blank(text, links);

/** The text with everything that only looks like a code blanked; places stay as they were. */
export const blankDecoys = (text: string): string =>
  blank(blankLinks(text), decoys).replace(groups, (found) => (pairs.test(found) ? found : spacesFor(found)));
