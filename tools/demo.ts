/**
 * make demo: a walk through the product as a customer takes it, against the platform that runs (or one that is started for
 * it). Every step is checked; anything unexpected ends it with exit code 1.
 */
import { mkdirSync } from 'node:fs';
import { explain, isPlain } from './explain.ts';
import { platformFile, startPlatform, type Platform, type PlatformFile } from './platform.ts';
import { claimRunner, findRunner, releaseRunner, stopLeftovers } from './runner.ts';
import { readJson } from './secrets.ts';
import { readSettings, requireOwnData, UsageError } from './settings.ts';
import { bold, dim, green, say } from './terminal.ts';
import { walk } from './walk.ts';

const startedAt = performance.now();

/** Uses the running platform, or runs one for the time of the walk. */
const main = async (): Promise<void> => {
  const settings = readSettings();
  const { dataDir, portBase, gatewayPort } = settings;
  requireOwnData(dataDir);
  if (findRunner(dataDir) !== undefined) {
    const world = await readJson<PlatformFile>(platformFile(dataDir));
    if (world === undefined) throw new UsageError('The platform is still starting. Try again when it says that it is up.');
    say(`Using the platform at ${world.gatewayUrl}`);
    return walk(world);
  }
  say('No platform runs: starting one for the demo.');
  mkdirSync(dataDir, { recursive: true });
  if (claimRunner(dataDir) !== undefined) throw new UsageError('Another one is starting at this moment. Try again when it is up.');
  let platform: Platform | undefined;
  const stopped = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => stopped.abort(new UsageError(name)));
  try {
    await stopLeftovers(dataDir);
    platform = await startPlatform({
      dataDir,
      portBase,
      gatewayPort,
      autoRestart: true,
      signal: stopped.signal,
      ...(settings.postgresUrl === undefined ? {} : { postgresUrl: settings.postgresUrl }),
      ...(settings.natsUrl === undefined ? {} : { natsUrl: settings.natsUrl }),
    });
    const interrupted = new Promise<never>((_resolve, reject) => {
      stopped.signal.addEventListener('abort', () => reject(stopped.signal.reason as Error), { once: true });
    });
    await Promise.race([walk(platform), interrupted]);
  } finally {
    await platform?.stop();
    releaseRunner(dataDir);
  }
};

try {
  await main();
  say(`\n${green(bold('All as expected'))} ${dim(`(${((performance.now() - startedAt) / 1_000).toFixed(1)} s)`)}`);
} catch (error) {
  explain(error);
  // Where the walk stood, when it was the walk that failed.
  if (!isPlain(error) && error instanceof Error) say(dim(error.stack?.match(/^ {4}at .*walk\.ts.*$/m)?.[0] ?? ''));
  process.exitCode = 1;
}
process.exit();
