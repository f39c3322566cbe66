/** Search over a few hundred named things: prefix first, any case and accent, small typing errors forgiven. */
export interface Searchable {
  readonly code: string;
  readonly name: string;
  readonly aliases?: readonly string[];
}

const fold = (text: string): string =>
  text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();

/**
 * Optimal string alignment distance, given up at `limit`: a swap of neighbours, the commonest slip, counts as one.
 * @returns the distance, or limit + 1 when it is larger
 */
export const distance = (a: string, b: string, limit: number): number => {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, (before[j - 2] ?? 0) + 1);
      row.push(best);
    }
    if (Math.min(...row) > limit) return limit + 1;
    before = previous;
    previous = row;
  }
  return previous[b.length] ?? limit + 1;
};

/** Slips forgiven in a word of this length. */
const tolerance = (length: number): number => (length < 4 ? 0 : length < 8 ? 1 : 2);

/** 0 exact, 1 prefix of a name, 2 prefix of a word in it, 3 inside it, from 4 on with slips. */
const rank = (term: string, names: readonly string[]): number | undefined => {
  if (names.includes(term)) return 0;
  if (names.some((name) => name.startsWith(term))) return 1;
  if (names.some((name) => name.split(' ').some((word) => word.startsWith(term)))) return 2;
  if (term.length >= 3 && names.some((name) => name.includes(term))) return 3;
  const limit = tolerance(term.length);
  if (limit === 0) return undefined;
  const slips = (word: string): number => {
    const whole = distance(term, word, limit);
    // The beginning of a longer word, mistyped while typing.
    return word.length > term.length ? Math.min(whole, distance(term, word.slice(0, term.length), limit)) : whole;
  };
  const inName = Math.min(...names.map((name) => distance(term, name, limit)));
  const inWord = Math.min(...names.flatMap((name) => name.split(' ')).map(slips));
  const best = Math.min(inName, inWord);
  // A whole name comes before a word of a longer one.
  return best > limit ? undefined : 2 + 2 * best + (inName === best ? 0 : 1);
};

export interface Hit<T> {
  readonly row: T;
  readonly rank: number;
}

export type Search<T> = (text: string) => readonly Hit<T>[];

/** @returns a search that answers best match first, then by code; an empty text finds everything. */
export const createSearch = <T extends Searchable>(rows: readonly T[]): Search<T> => {
  const entries = rows
    .map((row) => ({ row, names: [...new Set([row.code, row.name, ...(row.aliases ?? [])].map(fold))].filter((name) => name !== '') }))
    .toSorted((a, b) => (a.row.code < b.row.code ? -1 : 1));
  const everything = entries.map(({ row }) => ({ row, rank: 0 }));
  return (text) => {
    const term = fold(text.slice(0, 64));
    if (term === '') return text.trim() === '' ? everything : [];
    const hits = entries.flatMap(({ row, names }) => {
      const found = rank(term, names);
      return found === undefined ? [] : [{ row, rank: found }];
    });
    // With real matches at hand, guesses only distract.
    const certain = hits.filter((hit) => hit.rank <= 3);
    return (certain.length > 0 ? certain : hits).toSorted((a, b) => a.rank - b.rank || (a.row.code < b.row.code ? -1 : 1));
  };
};
