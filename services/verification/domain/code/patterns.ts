/** Patterns of single services, from data: where a sender's wording is known, it is believed before any general rule. */

export interface CodePattern {
  /** A regular expression with the group `code`, for a normalised text; letters match in either case. */
  readonly pattern: string;
  /** A text that it must find a code in: proof against slips of the pen. */
  readonly example: string;
}

export interface CodePatterns {
  readonly version: string;
  /** By the service's code in the catalogue. */
  readonly services: Readonly<Record<string, readonly CodePattern[]>>;
}

export type CompiledPatterns = ReadonlyMap<string, readonly RegExp[]>;

const longestPattern = 300;
const widestRepeat = 80;
/** Choices that may follow one another on one text multiply; so many of them are still nothing on a text of two thousand characters. */
const mostRepeats = 8;

const repeat = /(?<open>[*+])|\{(?<from>\d+)(?:(?<comma>,)(?<to>\d*))?\}/g;

/** The pattern without its escapes, and without what stands in brackets. */
const skeleton = (pattern: string): string => pattern.replace(/\\[pP]\{[^}]*\}|\\./g, 'x').replace(/\[[^\]]*\]/g, 'x');

/**
 * Why a pattern may not be used; undefined: it may. One that passes cannot be made slow: repeats are bounded and none stands within
 * another, so the work is at most a polynomial of small degree in a text whose length is bounded, too.
 */
export const patternProblem = (pattern: string): string | undefined => {
  if (pattern.length > longestPattern) return `is longer than ${longestPattern} characters`;
  if (pattern.split('(?<code>').length !== 2) return 'must have the group "code" once';
  if (/\\[1-9]|\\k</.test(pattern)) return 'refers back';
  const bare = skeleton(pattern);
  let repeats = 0;
  for (const match of bare.matchAll(repeat)) {
    const { open, from, comma, to } = match.groups ?? {};
    if (open !== undefined || (comma !== undefined && to === '')) return `has a repeat without an end: ${match[0]}`;
    if (Number(to ?? from) > widestRepeat) return `repeats more than ${widestRepeat} times`;
    if (comma !== undefined) repeats++;
    if (bare[match.index - 1] === ')') return 'repeats a group';
  }
  if (repeats > mostRepeats) return `has more than ${mostRepeats} repeats of open length`;
  try {
    RegExp(pattern, 'iu');
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return undefined;
};

/** @throws naming service and pattern: a wrong file refuses to start */
export const compilePatterns = (
  patterns: CodePatterns,
  parts: { readonly isService: (code: string) => boolean; readonly normalise: (text: string) => string },
): CompiledPatterns =>
  new Map(
    Object.entries(patterns.services).map(([service, list]) => {
      if (!parts.isService(service)) throw new Error(`code patterns: there is no service "${service}"`);
      const compiled = list.map(({ pattern, example }) => {
        const problem = patternProblem(pattern);
        if (problem !== undefined) throw new Error(`code patterns of ${service}: /${pattern}/ ${problem}`);
        const expression = new RegExp(pattern, 'iu');
        if (!expression.exec(parts.normalise(example))?.groups?.['code'])
          throw new Error(`code patterns of ${service}: /${pattern}/ finds nothing in its example`);
        return expression;
      });
      return [service, compiled];
    }),
  );
