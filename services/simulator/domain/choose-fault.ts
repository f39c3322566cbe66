import type { Stream } from './random.ts';

/**
 * The next entry of a queue, else one drawn by ratios (they are laid end to end, so their sum is the chance that
 * anything happens). Draws exactly once, queue or not, so that a queue does not shift what follows it.
 */
export const chooseFault = <Fault extends string>(
  queue: Fault[],
  ratios: Partial<Record<Fault, number>>,
  stream: Stream,
): Fault | undefined => {
  const drawn = stream.next();
  const queued = queue.shift();
  if (queued !== undefined) return queued;
  let upTo = 0;
  for (const fault in ratios) {
    upTo += ratios[fault] ?? 0;
    if (drawn < upTo) return fault;
  }
  return undefined;
};
