/**
 * Seeded randomness. Each decision draws from a stream of its own name, so switching one fault on never shifts what the
 * others draw: the same seed, settings and order of requests give the same world.
 */
export interface Stream {
  /** The next number in [0, 1). */
  next(): number;
  /** An integer in [min, max]. */
  between(min: number, max: number): number;
  digits(count: number): string;
  pick<T>(items: readonly [T, ...T[]]): T;
  /** True for `ratio` of the draws; draws exactly once whatever the ratio is. */
  chance(ratio: number): boolean;
}

export interface Randomness {
  stream(name: string): Stream;
  /** Starts every stream again from the seed. */
  reset(): void;
}

/** FNV-1a with a final avalanche: seeds a stream from text. */
const hash = (text: string): number => {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
};

/** sfc32: 128 bits of state, passes PractRand; a few nanoseconds a draw. */
const sfc32 = (seed: string): (() => number) => {
  let a = hash(`${seed}/a`);
  let b = hash(`${seed}/b`);
  let c = hash(`${seed}/c`);
  let d = 1;
  const next = (): number => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return (t >>> 0) / 4_294_967_296;
  };
  for (let i = 0; i < 12; i += 1) next();
  return next;
};

const streamOf = (next: () => number): Stream => ({
  next,
  between: (min, max) => min + Math.floor(next() * (max - min + 1)),
  digits: (count) => {
    let text = '';
    for (let left = count; left > 0; left -= 9) {
      const size = Math.min(left, 9);
      text += Math.floor(next() * 10 ** size)
        .toString()
        .padStart(size, '0');
    }
    return text;
  },
  // Non-empty by its type, so the index is always inside.
  pick: <T>(items: readonly [T, ...T[]]): T => items[Math.floor(next() * items.length)] ?? items[0],
  chance: (ratio) => next() < ratio,
});

/** @param seed any text: SIMULATOR_SEED */
export const seededRandomness = (seed: string): Randomness => {
  const streams = new Map<string, Stream>();
  let generation = new Map<string, () => number>();
  return {
    stream: (name) => {
      let stream = streams.get(name);
      if (stream === undefined) {
        stream = streamOf(() => {
          let next = generation.get(name);
          if (next === undefined) generation.set(name, (next = sfc32(`${seed}/${name}`)));
          return next();
        });
        streams.set(name, stream);
      }
      return stream;
    },
    reset: () => {
      generation = new Map();
    },
  };
};
