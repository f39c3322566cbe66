/** Latencies in buckets that are a quarter wider each: a median is off by an eighth at most. From a second to half an hour. */
const boundsMs: readonly number[] = Array.from({ length: 34 }, (_, index) => Math.round(1_000 * 1.25 ** index));

export const bucketCount = boundsMs.length + 1;

export const bucketOf = (latencyMs: number): number => {
  const index = boundsMs.findIndex((bound) => latencyMs <= bound);
  return index < 0 ? boundsMs.length : index;
};

/** @returns the latency that half of them keep; undefined when there are none */
export const medianOf = (buckets: readonly number[]): number | undefined => {
  const total = buckets.reduce((sum, count) => sum + count, 0);
  if (total <= 0) return undefined;
  let below = 0;
  for (const [index, count] of buckets.entries()) {
    if (below + count >= total / 2) {
      const [low, high] = [index === 0 ? 0 : (boundsMs[index - 1] ?? 0), boundsMs[index] ?? (boundsMs.at(-1) ?? 0) * 1.25];
      return Math.round(low + ((high - low) * (total / 2 - below)) / count);
    }
    below += count;
  }
  return undefined;
};
