import type { PartReadiness } from '#platform/http/index.ts';
import { redactText } from '#platform/logging/index.ts';

/** Resolves when the part can serve; throws, or resolves to false, when it cannot. */
export type ReadinessCheck = () => Promise<unknown> | unknown;

const unless = (timeoutMs: number): { promise: Promise<never>; clear: () => void } => {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  return { promise, clear: () => clearTimeout(timer) };
};

/** One probe of one part. A part that does not answer in time is not ready; it is not waited for. */
const probe = async (check: ReadinessCheck, timeoutMs: number): Promise<PartReadiness> => {
  const startedAt = performance.now();
  const limit = unless(timeoutMs);
  const durationMs = (): number => Math.round(performance.now() - startedAt);
  try {
    const answer = await Promise.race([Promise.resolve().then(check), limit.promise]);
    return answer === false ? { ready: false, durationMs: durationMs(), reason: 'not ready' } : { ready: true, durationMs: durationMs() };
  } catch (error) {
    return { ready: false, durationMs: durationMs(), reason: redactText(error instanceof Error ? error.message : 'failed').slice(0, 300) };
  } finally {
    limit.clear();
  }
};

/** All parts at once, in the order of their declaration. Simultaneous callers share one round. */
export const createReadiness = (timeoutMs = 2_000) => {
  const checks = new Map<string, ReadinessCheck>();
  let running: Promise<Record<string, PartReadiness>> | undefined;
  const run = async (): Promise<Record<string, PartReadiness>> =>
    Object.fromEntries(await Promise.all([...checks].map(async ([name, check]) => [name, await probe(check, timeoutMs)] as const)));
  return {
    add: (name: string, check: ReadinessCheck): void => {
      if (checks.has(name)) throw new Error(`readiness of "${name}" is declared twice`);
      checks.set(name, check);
    },
    parts: (): Promise<Record<string, PartReadiness>> => (running ??= run().finally(() => (running = undefined))),
  };
};
