/**
 * Times calls to a system outside, by their outcome.
 * @param observe told the operation, its outcome and how many seconds it took; absent where nobody measures
 * @returns runs `work` and hands its result on untouched; a throw is not counted, for it has no outcome
 */
export const observedBy =
  <Operation extends string>(observe: ((operation: Operation, outcome: 'yes' | 'no' | 'unknown', seconds: number) => void) | undefined) =>
  async <R extends { readonly outcome: 'yes' | 'no' | 'unknown' }>(operation: Operation, work: () => Promise<R>): Promise<R> => {
    const startedAt = performance.now();
    const result = await work();
    observe?.(operation, result.outcome, (performance.now() - startedAt) / 1_000);
    return result;
  };
