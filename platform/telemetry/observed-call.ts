import type { Metrics } from './registry.ts';

type Observe<Operation extends string, Outcome extends string> = (operation: Operation, outcome: Outcome, seconds: number) => void;

const timedBy =
  <Operation extends string, Outcome extends string, Answer>(
    observe: Observe<Operation, Outcome> | undefined,
    outcomeOf: (answer: Answer) => Outcome,
  ) =>
  async <A extends Answer>(operation: Operation, work: () => Promise<A>): Promise<A> => {
    const startedAt = performance.now();
    const answer = await work();
    observe?.(operation, outcomeOf(answer), (performance.now() - startedAt) / 1_000);
    return answer;
  };

/**
 * Times calls to a system outside, by the outcome that their answers carry.
 * @param observe told the operation, its outcome and how many seconds it took; absent where nobody measures
 * @returns runs `work` and hands its answer on untouched; a throw is not counted, for it has no outcome
 */
export const observedBy = <Operation extends string, Outcome extends string>(observe: Observe<Operation, Outcome> | undefined) =>
  timedBy(observe, ({ outcome }: { readonly outcome: Outcome }) => outcome);

/** What came back by HTTP: an answer with a status, or which kind of none. */
type HttpAnswer = { readonly kind: 'answered'; readonly status: number } | { readonly kind: 'notSent' | 'lost' };

/**
 * The same in `http_client_duration_seconds{peer}` for answers that nobody has understood yet: their outcome is the class of
 * their status (`2xx` … `5xx`), `notSent` or `lost`.
 */
export const observedHttp = (peer: string, metrics: Metrics | undefined) => {
  const duration = metrics?.histogram('http_client_duration_seconds');
  return timedBy(
    duration && ((operation: string, outcome: string, seconds) => duration.observe({ peer, operation, outcome }, seconds)),
    (answer: HttpAnswer) => (answer.kind === 'answered' ? `${Math.floor(answer.status / 100)}xx` : answer.kind),
  );
};
