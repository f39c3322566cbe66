/** make down: stops the platform that runs in another terminal, and what a killed one left. With --clean its data goes too. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { stopLeftovers, stopRunner } from './runner.ts';
import { readSettings, requireOwnData, UsageError } from './settings.ts';
import { green, red, say } from './terminal.ts';

const main = async (clean: boolean): Promise<void> => {
  const { dataDir } = readSettings();
  if (!existsSync(dataDir)) return say('Nothing runs, and there is no data.');
  requireOwnData(dataDir);
  const pid = await stopRunner(dataDir);
  const left = await stopLeftovers(dataDir);
  if (pid !== undefined) say(`${green('✓')} stopped the platform (pid ${pid})`);
  if (left.length > 0) say(`${green('✓')} stopped what was left behind: ${left.map((one) => `${one.name} (${one.pid})`).join(', ')}`);
  if (pid === undefined && left.length === 0) say('Nothing runs.');
  if (!clean) return;
  // DATA_DIR may have been mistyped: only what the runner made is removed.
  if (!existsSync(join(dataDir, 'run'))) throw new UsageError(`${dataDir} holds no platform: nothing was removed.`);
  rmSync(dataDir, { recursive: true, force: true });
  say(`${green('✓')} removed ${dataDir}`);
};

try {
  await main(process.argv.includes('--clean'));
} catch (error) {
  say(red(error instanceof UsageError ? error.message : String(error)));
  process.exitCode = 1;
}
