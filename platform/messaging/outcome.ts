/** What a handler decides. There is no fourth way: a throw is a retry with back-off. */
export type Outcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'retry'; readonly afterMs?: number; readonly cause: unknown }
  | { readonly kind: 'dead'; readonly cause: unknown };

const doneOutcome: Outcome = { kind: 'done' };

/** The effect is in the transaction: commit, acknowledge. */
export const done = (): Outcome => doneOutcome;

/** Roll back and deliver again: after `afterMs`, or by the usual back-off. */
export const retry = ({ afterMs, cause }: { readonly afterMs?: number; readonly cause: unknown }): Outcome =>
  afterMs === undefined ? { kind: 'retry', cause } : { kind: 'retry', afterMs, cause };

/** Roll back and move to the dead letters: no repetition can help. */
export const dead = ({ cause }: { readonly cause: unknown }): Outcome => ({ kind: 'dead', cause });

const backoff = { firstMs: 250, maxMs: 120_000 } as const;

/** Exponential with half jitter: 125–250 ms after the first delivery, two minutes at most. */
export const backoffMs = (deliveryCount: number, random: () => number = Math.random): number => {
  const full = Math.min(backoff.maxMs, backoff.firstMs * 2 ** Math.min(deliveryCount - 1, 20));
  return Math.round(full / 2 + (full / 2) * random());
};
