/** Preloaded into every test file by tools/test.ts. */
import asyncHooks from 'node:async_hooks';
import { inspect } from 'node:util';

/**
 * A file that never ends (a server or timer left open, a hook that waits for ever) would hold up the whole run without a word. Its own timer
 * keeps nothing alive.
 */
const endInTime = (limitMs: number): void =>
  void setTimeout(() => {
    const open = process.getActiveResourcesInfo();
    process.stderr.write(`${process.argv[1]} did not end within ${limitMs / 1_000} s; still open: ${open.join(', ')}\n`);
    process.exit(1);
  }, limitMs).unref();

/**
 * node:test keeps an entry for every promise of a file through `async_hooks`, to name the test that an exception belongs to which nobody caught:
 * an eighth of the CPU of a run. Without promises such an exception still fails its file, and its stack is told here. Which suite a test
 * belongs to is asked through the same entries, but while the suite is being declared, when no promise lies between.
 */
const loadTestsWithoutPromiseHooks = async (): Promise<void> => {
  const { createHook } = asyncHooks;
  Object.assign(asyncHooks, { createHook: (callbacks: object) => createHook({ ...callbacks, trackPromises: false } as object) });
  await import('node:test');
  Object.assign(asyncHooks, { createHook });
  const tell = (error: unknown): void => void process.stderr.write(`Nobody caught in ${process.argv[1]}: ${inspect(error)}\n`);
  process.on('uncaughtExceptionMonitor', tell).on('unhandledRejection', tell);
};

// Only the processes of the files, not the one that counts them.
if (process.env['NODE_TEST_CONTEXT'] !== undefined) {
  const limitMs = Number(process.env['TEST_FILE_LIMIT_MS']);
  if (limitMs > 0) endInTime(limitMs);
  await loadTestsWithoutPromiseHooks();
}
