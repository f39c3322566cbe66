/** One segment's place in a long message. */
export interface Part {
  readonly reference: number;
  readonly total: number;
  /** From 1. */
  readonly number: number;
}

/** GSM 03.38 extension table, for an escape that ended one segment while its letter began the next. */
const extension: Readonly<Record<string, string>> = {
  '\n': '\f', 'Λ': '^', '(': '{', ')': '}', '/': '\\', '<': '[', '=': '~', '>': ']', '¡': '|', e: '€',
};

/** Joins decoded segments in order. */
export const joinSegments = (segments: readonly string[]): string =>
  segments.join('').replace(/\u001b(.)/gsu, (_, letter: string) => extension[letter] ?? letter);
