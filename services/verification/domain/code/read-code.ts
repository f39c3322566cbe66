/**
 * Finds the code in a message. What is shown as the code is what a customer's program types into a form without looking, so a wrong one
 * costs an attempt and maybe the number: better none, with the text beside it, than one by guess (docs/adr/0036).
 */
import { arePair, rank } from './candidates.ts';
import { blankDecoys, blankLinks } from './decoys.ts';
import { normalise, normaliseCode } from './normalise.ts';
import type { CompiledPatterns } from './patterns.ts';

/** Why this is the code, from the surest to the least sure. */
const rules = ['webotp', 'service', 'provider', 'wording'] as const;
export type Rule = (typeof rules)[number];

export interface FoundCode {
  /** Without hyphens and spaces. */
  readonly code: string;
  readonly rule: Rule;
}

export interface CodeText {
  readonly text: string;
  /** Of the catalogue: whose patterns are tried. */
  readonly service: string;
  /** What the provider took for the code, when it said so. */
  readonly parsed?: string | undefined;
}

/** @returns undefined when there is none that can be told for sure */
export type ReadCode = (message: CodeText) => FoundCode | undefined;

/** The line by which browsers fill a code in: "@example.com #123456". Made for machines, so nothing is surer. */
const webOtp = /^@[a-z\d.-]{1,120} #(?<code>[A-Za-z\d-]{4,12})(?:\s|$)/imu;
/** The mark and the hash by which Android hands a message to its app. */
const appHash = /(?:^|\s)[A-Za-z\d+/]{11}\s*$/u;

const readable = /^[A-Za-z\d]{3,12}$/;
/** Less, and a number without a word beside it would do. */
const enough = 2.5;
/** So much better than the second must the first be. */
const margin = 0.4;

const tidy = (text: string): string => {
  const shown = text.replace(/^\s*(?:<#>|\[#\])\s*/, '');
  return shown === text ? text : shown.replace(appHash, ' ');
};

const byWording = (text: string): string | undefined => {
  const clean = blankDecoys(tidy(text));
  const [best, ...others] = rank(clean);
  if (best === undefined || best.score < enough) return undefined;
  const doubtful = others.some((other) => best.score - other.score < margin || arePair(clean, best, other));
  return doubtful ? undefined : best.code;
};

const byService = (text: string, patterns: readonly RegExp[]): string | undefined => {
  for (const pattern of patterns) {
    const code = pattern.exec(text)?.groups?.['code'];
    if (code !== undefined) return normaliseCode(code);
  }
  return undefined;
};

/** @param patterns compiled at start */
export const createCodeReader =
  (patterns: CompiledPatterns): ReadCode =>
  ({ text: raw, service, parsed }) => {
    const text = normalise(raw);
    const autofill = webOtp.exec(text)?.groups?.['code'];
    if (autofill !== undefined && /\d/.test(autofill)) return { code: normaliseCode(autofill), rule: 'webotp' };
    const ofService = byService(blankLinks(text), patterns.get(service) ?? []);
    if (ofService !== undefined) return { code: ofService, rule: 'service' };
    const given = parsed === undefined ? '' : normaliseCode(parsed);
    const worded = byWording(text);
    if (readable.test(given) && /\d/.test(given)) {
      // Some providers cut a code at its hyphen: the whole is worth more than its half.
      const half = worded !== undefined && worded !== given && worded.includes(given);
      return half ? { code: worded, rule: 'wording' } : { code: given, rule: 'provider' };
    }
    return worded === undefined ? undefined : { code: worded, rule: 'wording' };
  };
