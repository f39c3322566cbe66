import { isCounted, type Word, wordsOf } from './words.ts';

/** Something in a text that may be its code. */
export interface Candidate {
  /** Without hyphens and spaces. */
  readonly code: string;
  readonly start: number;
  readonly end: number;
  /** Of what it looks like, before anything around it is looked at. */
  readonly base: number;
  /** Letters among the digits: names of products and bookings look alike, so only a word for "code" right beside it counts. */
  readonly mixed: boolean;
}

export interface Scored extends Candidate {
  readonly score: number;
}

const edge = String.raw`(?<![\p{L}\d_+#]|\d[.,:/-]|[\p{L}\d]-)`;
const behind = String.raw`(?![\p{L}\d_]|[.,:/-]\d|-\p{L})`;

interface Shape {
  readonly pattern: RegExp;
  readonly base: number;
  readonly mixed?: boolean;
}

const shapes: readonly Shape[] = [
  // G-482913: the letter is the sender's mark.
  { pattern: new RegExp(String.raw`(?<![\p{L}\d])[A-Z]{1,2}-(?<code>\d{4,8})(?!\d|[-/]\d)`, 'gu'), base: 3 },
  { pattern: new RegExp(String.raw`${edge}(?<code>\d{3}-\d{3})${behind}`, 'gu'), base: 2 },
  { pattern: new RegExp(String.raw`${edge}(?<!\d )(?<code>\d{3} \d{3})(?! \d)${behind}`, 'gu'), base: 1 },
  { pattern: new RegExp(String.raw`${edge}(?<!\d )(?<code>\d{2}([ -])\d{2}\2\d{2})(?! \d)${behind}`, 'gu'), base: 0 },
  { pattern: new RegExp(String.raw`${edge}(?<!\d )(?<code>\d{4}[ -]\d{4})(?! \d)${behind}`, 'gu'), base: 0 },
  { pattern: new RegExp(String.raw`${edge}(?<!\d )(?<code>\d(?:[ -]\d){3,7})(?! \d)${behind}`, 'gu'), base: 0.5 },
  { pattern: /(?<![A-Za-z\d_+#-]|\d[.,:/-])(?<code>\d{4,8})(?![A-Za-z\d_]|[.,:/]\d|-\p{L}|-\d)/gu, base: 0.5 },
  { pattern: /(?<![\p{L}\d_.@/#-])(?<code>[A-Z\d]{4,10}|[A-Z\d]{3,4}-[A-Z\d]{3,4})(?![\p{L}\d_@/]|-[\p{L}\d])/gu, base: 0, mixed: true },
  { pattern: /(?<![\p{L}\d_.@/#-])(?<code>[A-Za-z\d]{5,10})(?![\p{L}\d_@/-])/gu, base: -1, mixed: true },
];

const isMixed = (code: string): boolean => /\d/.test(code) && /[A-Za-z]/.test(code);
const isYear = (code: string): boolean => /^(?:19|20)\d{2}$/.test(code);

/** No message has more; a text that does is made to be slow. */
const mostCandidates = 32;

const candidatesOf = (text: string): Candidate[] => {
  const found: Candidate[] = [];
  for (const { pattern, base, mixed = false } of shapes)
    for (const match of text.matchAll(pattern)) {
      const written = match.groups?.['code'] ?? '';
      const code = written.replace(/[ -]/g, '');
      const end = match.index + match[0].length;
      const start = end - written.length;
      if (found.length === mostCandidates) return found;
      const taken = found.some((one) => one.start < end && start < one.end);
      if (!taken && mixed === isMixed(code)) found.push({ code, start, end, base: base + (/^\d{6}$/.test(code) ? 0.5 : 0), mixed });
    }
  return found;
};

/** How far from its word a code may stand. */
const reach = 60;
/** Between a word and its code without another thought in between: "code: ", "Ihr Code lautet ". */
const close = 22;
const sentenceEnd = /[!?؟。।](?!\d)|\.(?=\s|$)|\n\n/u;

type Side = 'before' | 'after';

/** What one word says about a candidate. */
const says = (text: string, word: Word, candidate: Candidate, side: Side): number => {
  const between = side === 'before' ? text.slice(word.end, candidate.start) : text.slice(candidate.end, word.start);
  if (between.length > reach) return 0;
  const near = 1 - between.length / reach;
  const sameSentence = !sentenceEnd.test(between);
  switch (word.kind) {
    case 'other':
      return sameSentence && between.length <= close ? -1 : 0;
    case 'weak':
      return sameSentence ? 1.2 + near : 0;
    case 'strong':
      if (!sameSentence) return side === 'before' ? 1 + near : near;
      return side === 'before' && between.length <= close ? 4 + near : 2.5 + near;
  }
};

/** The last word before, or the first behind: what stands farther away speaks of something else. */
const nearest = (words: readonly Word[], candidate: Candidate, side: Side, kinds: readonly Word['kind'][]): Word | undefined =>
  side === 'before'
    ? words.findLast((word) => word.end <= candidate.start && kinds.includes(word.kind))
    : words.find((word) => word.start >= candidate.end && kinds.includes(word.kind));

/** Another candidate between a word and this one: the word speaks of that. */
const isHidden = (all: readonly Candidate[], word: Word, candidate: Candidate): boolean =>
  all.some(
    (one) =>
      one !== candidate && ((one.start >= word.end && one.end <= candidate.start) || (one.start >= candidate.end && one.end <= word.start)),
  );

/** "Telegram 48213": a name and a number. In a longer message a number without a word for it is a guess. */
const mostBareWords = 2;
const isBare = (text: string, { start, end }: Candidate): boolean => {
  const around = `${text.slice(0, start)} ${text.slice(end)}`;
  return !/\d/.test(around) && (around.match(/\p{L}+/gu)?.length ?? 0) <= mostBareWords && around.length <= reach;
};

/** Does it stand in a line of its own? */
const isAlone = (text: string, { start, end }: Candidate): boolean => {
  const to = text.indexOf('\n', end);
  const rest = text.slice(text.lastIndexOf('\n', start - 1) + 1, start) + text.slice(end, to < 0 ? undefined : to);
  return !/[\p{L}\p{N}]/u.test(rest);
};

/** What the words around a candidate say, of those that are about it and not about one of the `rivals`. */
const cueOf = (text: string, words: readonly Word[], rivals: readonly Candidate[], candidate: Candidate): number => {
  const weigh = (side: Side, kind: Word['kind']): number => {
    const word = nearest(words, candidate, side, [kind]);
    return word === undefined || isHidden(rivals, word, candidate) ? 0 : says(text, word, candidate, side);
  };
  const [before, after] = [weigh('before', 'strong'), weigh('after', 'strong')];
  return Math.max(before, after, weigh('before', 'weak'), weigh('after', 'weak')) + (before > 0 && after > 0 ? 0.5 : 0);
};

/** Is it a number of another kind: of an order, or of things that are counted? */
const isOther = (text: string, words: readonly Word[], all: readonly Candidate[], candidate: Candidate): boolean => {
  if (isCounted(text.slice(candidate.end, candidate.end + 16))) return true;
  const last = nearest(words, candidate, 'before', ['strong', 'other']);
  return last?.kind === 'other' && !isHidden(all, last, candidate) && says(text, last, candidate, 'before') < 0;
};

const scoreOf = (text: string, words: readonly Word[], rivals: readonly Candidate[], candidate: Candidate): number => {
  const cue = cueOf(text, words, rivals, candidate);
  if (candidate.mixed) return cue >= 2.5 ? candidate.base + cue : 0;
  const bare = isAlone(text, candidate) || (cue === 0 && isBare(text, candidate)) ? 2 : 0;
  return candidate.base + cue + bare - (isYear(candidate.code) ? 1.5 : 0);
};

/** All candidates, best first; one code that stands there twice is one. @param text without decoys */
export const rank = (text: string): readonly Scored[] => {
  const all = candidatesOf(text);
  const words = wordsOf(text);
  const rivals = all.filter((candidate) => !isOther(text, words, all, candidate));
  const best = new Map<string, Scored>();
  for (const candidate of rivals) {
    const score = scoreOf(text, words, rivals, candidate);
    if (score > (best.get(candidate.code)?.score ?? Number.NEGATIVE_INFINITY)) best.set(candidate.code, { ...candidate, score });
  }
  return [...best.values()].toSorted((a, b) => b.score - a.score || a.start - b.start);
};

const joined = /^\s*(?:and|or|und|oder|et|ou|y|o|e|lub|или|и|или|veya|dan|atau|或|和|か|と|또는|أو|[,/&])\s*$/iu;

/** "482913 and 771204": a pair of equals, of which neither is the code. */
export const arePair = (text: string, one: Candidate, other: Candidate): boolean =>
  one.code.length === other.code.length && joined.test(text.slice(Math.min(one.end, other.end), Math.max(one.start, other.start)));
