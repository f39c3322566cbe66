/** One segment's place in a long message. */
export interface Part {
  readonly reference: number;
  readonly total: number;
  /** From 1. */
  readonly number: number;
}

/** GSM 03.38 extension table, for an escape that ended one segment while its letter began the next. */
const extension: Readonly<Record<string, string>> = {
  '\n': '\f',
  Λ: '^',
  '(': '{',
  ')': '}',
  '/': '\\',
  '<': '[',
  '=': '~',
  '>': ']',
  '¡': '|',
  e: '€',
};

/** How the decoder leaves an escape that it found no letter for. */
const escape = String.fromCharCode(0x1b);

/** Joins decoded segments in order. */
export const joinSegments = (segments: readonly string[]): string => {
  const [first = '', ...others] = segments.join('').split(escape);
  return first + others.map((rest) => (extension[rest.charAt(0)] ?? rest.charAt(0)) + rest.slice(1)).join('');
};
