import type { Logger } from '#platform/logging/index.ts';

export interface Closable {
  close(): Promise<void>;
  /** Told when readiness goes off, before anything is closed: "announce that you go, keep serving". Must not throw. */
  stopping?(): void;
}

export interface Owned {
  readonly name: string;
  readonly resource: Closable;
}

const within = async (work: Promise<void>, timeoutMs: number): Promise<void> => {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`not closed within ${timeoutMs} ms`)), timeoutMs);
  try {
    await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
};

const smallestShareMs = 50;

/**
 * Closes in reverse order of opening, one after the other, so that what is closed can still use everything it was built
 * on. Each part gets at most half of the time that is left: a part that hangs cannot take the time of those after it. A
 * part that fails or hangs is logged and left behind.
 * @returns what failed
 */
export const closeAll = async (owned: readonly Owned[], timeoutMs: number, logger: Logger): Promise<Error[]> => {
  const deadline = performance.now() + timeoutMs;
  const failures: Error[] = [];
  for (const { name, resource } of owned.toReversed()) {
    const startedAt = performance.now();
    try {
      await within(resource.close(), Math.round(Math.max(smallestShareMs, (deadline - startedAt) / 2)));
      logger.debug({ part: name, durationMs: Math.round(performance.now() - startedAt) }, 'closed');
    } catch (error) {
      logger.error({ part: name, err: error }, 'a part could not be closed');
      failures.push(new Error(`closing ${name}`, { cause: error }));
    }
  }
  return failures;
};
