export interface LoadResult {
  readonly done: number;
  readonly failed: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly firstFailure: string | undefined;
}

export interface LoadOptions {
  readonly inFlight: number;
  readonly count: number;
  readonly limitMs: number;
  /** One request; throws when the answer is not the expected one. */
  readonly request: (index: number) => Promise<void>;
}

const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;

interface Ended {
  readonly latencies: readonly number[];
  readonly failed: number;
  readonly startedAt: number;
  readonly firstFailure: string | undefined;
}

const resultOf = ({ latencies, failed, startedAt, firstFailure }: Ended): LoadResult => {
  const elapsedSeconds = (performance.now() - startedAt) / 1_000;
  const sorted = latencies.toSorted((a, b) => a - b);
  return {
    done: latencies.length,
    failed,
    perSecond: latencies.length / elapsedSeconds,
    p50Ms: quantile(sorted, 0.5),
    p99Ms: quantile(sorted, 0.99),
    firstFailure,
  };
};

/** A closed-loop load: always `inFlight` requests under way, until `count` are done or `limitMs` has passed. */
export const runLoad = async ({ inFlight, count, limitMs, request }: LoadOptions): Promise<LoadResult> => {
  const latencies: number[] = [];
  let next = 0;
  let failed = 0;
  let firstFailure: string | undefined;
  const startedAt = performance.now();
  const worker = async (): Promise<void> => {
    while (next < count && performance.now() - startedAt < limitMs) {
      const index = next++;
      const sentAt = performance.now();
      try {
        await request(index);
        latencies.push(performance.now() - sentAt);
      } catch (error) {
        failed += 1;
        firstFailure ??= error instanceof Error ? error.message : String(error);
      }
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return resultOf({ latencies, failed, startedAt, firstFailure });
};

/** An open load: so many requests a second, whether earlier ones are answered or not. Each one's clock runs from when it was due. */
export const runSteadily = async ({
  perSecond,
  limitMs,
  request,
}: Pick<LoadOptions, 'limitMs' | 'request'> & { readonly perSecond: number }): Promise<LoadResult> => {
  const startedAt = performance.now();
  const count = Math.floor((perSecond * limitMs) / 1_000);
  const latencies: number[] = [];
  const requests: Promise<void>[] = [];
  let firstFailure: string | undefined;
  const send = async (index: number, dueAt: number): Promise<void> => {
    try {
      await request(index);
      latencies.push(performance.now() - dueAt);
    } catch (error) {
      firstFailure ??= error instanceof Error ? error.message : String(error);
    }
  };
  while (requests.length < count) {
    const due = Math.min(count, ((performance.now() - startedAt) * perSecond) / 1_000);
    while (requests.length < due) requests.push(send(requests.length, startedAt + (requests.length * 1_000) / perSecond));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(requests);
  return resultOf({ latencies, failed: count - latencies.length, startedAt, firstFailure });
};
