/** Longer than any message; bounds the work on hostile ones. */
export const longestText = 2_000;

/** The zeros of the decimal scripts that senders use; the other nine follow each. Full-width and mathematical digits go with NFKC. */
const zeros = [
  ...[0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66, 0x0de6],
  ...[0x0e50, 0x0ed0, 0x0f20, 0x1040, 0x17e0, 0x1810],
] as const;

const asciiDigits = (text: string): string =>
  text.replace(/(?!\d)\p{Nd}/gu, (character) => {
    const point = character.codePointAt(0) ?? 0;
    const zero = zeros.find((first) => point >= first && point <= first + 9);
    return zero === undefined ? character : String(point - zero);
  });

const dashes = /[\u2010-\u2015\u2212\u30fc](?=\d)/g;
/** Joiners, and the marks that turn the direction of writing. */
const invisible = /[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;
const spaces = /[^\S\n]/gu;
/** Full-width commas end a thought; as plain ones they would make decimals of the digits beside them. */
const wideCommas = /[\uff0c\u3001\u060c]/g;

/** A text as it is searched: one form of each letter and digit, plain hyphens and spaces, nothing that cannot be seen. */
export const normalise = (text: string): string =>
  asciiDigits(text.slice(0, longestText).replace(wideCommas, ', ').normalize('NFKC').replace(invisible, ''))
    .replace(dashes, '-')
    .replace(/\r\n?/g, '\n')
    .replace(spaces, ' ')
    .slice(0, longestText);

/** A code without the sender's mark ("G-"), hyphens and spaces; letters keep their case. */
export const normaliseCode = (code: string): string =>
  normalise(code)
    .replace(/\s/g, '')
    .replace(/^[A-Z]{1,2}-(?=\d{4,8}$)/, '')
    .replace(/-/g, '');
