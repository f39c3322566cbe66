import { availableParallelism } from 'node:os';
import { hash, verify } from '@node-rs/argon2';
import { appError } from '#platform/errors/index.ts';
import type { PasswordHasher } from '../../app/ports.ts';

/** OWASP ASVS 5.0, appendix C: the argon2id floor with two passes. argon2id and version 0x13 are the library's defaults. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

export interface PasswordHasherOptions {
  /** Hashes at once; each takes a core and 19 MiB. More than there are cores only adds latency. */
  readonly concurrency?: number;
  /** Calls that may wait; the next is refused with auth.busy instead of making everybody late. */
  readonly maxWaiting?: number;
}

/** Bounded so that the longest wait is about `maxWaiting` × 7 ms ÷ `concurrency`. */
export const createPasswordHasher = async ({
  concurrency = Math.min(4, availableParallelism()),
  maxWaiting = 64,
}: PasswordHasherOptions = {}): Promise<PasswordHasher> => {
  const waiting: (() => void)[] = [];
  let running = 0;

  const run = async <T>(work: () => Promise<T>): Promise<T> => {
    if (running < concurrency) running += 1;
    else {
      if (waiting.length >= maxWaiting) throw appError('auth.busy', { retryAfterMs: 1_000 });
      await new Promise<void>((start) => waiting.push(start));
    }
    try {
      return await work();
    } finally {
      // The place is handed over, not freed: nobody can slip in between.
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };

  // Nobody's password; made with the same cost, so that unknown addresses cost what known ones do.
  const nobody = await hash(crypto.randomUUID(), cost);
  return {
    hash: (password) => run(() => hash(password, cost)),
    verify: async (password, stored) => {
      const matches = await run(() => verify(stored ?? nobody, password));
      return matches && stored !== undefined;
    },
  };
};
