/**
 * make up: the whole platform on this machine, in the foreground. Ctrl-C (or SIGTERM, or a closed terminal) stops it in good
 * order; a second one ends everything at once. What dies by itself is started again.
 */
import { mkdirSync } from 'node:fs';
import { relative } from 'node:path';
import { explain } from './explain.ts';
import { startPlatform, type Platform } from './platform.ts';
import { root } from './run.ts';
import { claimRunner, releaseRunner, stopLeftovers } from './runner.ts';
import { demoFile } from './seed.ts';
import { readSettings, requireOwnData, UsageError, type Settings } from './settings.ts';
import { pidFiles, signal as sendSignal } from './pids.ts';
import type { SupervisorEvent } from './supervisor.ts';
import { bold, cyan, dim, formatLine, green, prefix, readLogLine, red, say, yellow } from './terminal.ts';

const warning = 40;
/** Short where it lies in the repository, whole elsewhere. */
const show = (path: string): string => (path.startsWith(root) ? `./${relative(root, path)}` : path);

const reportEvent = (part: string, event: SupervisorEvent): void => {
  const at = new Date().toISOString().slice(11, 19);
  const text = {
    died: () => yellow(`${event.kind === 'died' ? `${event.how}; starts again in ${event.restartInMs} ms` : ''}`),
    restarted: () => green(`is back (pid ${event.kind === 'restarted' ? event.pid : ''})`),
    'gave-up': () =>
      red(
        `${event.kind === 'gave-up' ? `${event.how}, for the ${event.crashes}th time in a row: left dead` : ''}. See its log, then restart the platform.`,
      ),
  }[event.kind]();
  say(`${dim(at)} ${prefix(part)} ${text}`);
};

const welcome = ({ gatewayUrl, simulatorUrl, demo }: Platform, { dataDir }: Settings): void => {
  const file = show(demoFile(dataDir));
  say();
  say(bold('Namaskah is up'));
  say(`  API        ${cyan(`${gatewayUrl}/v2`)}`);
  say(`  Reference  ${cyan(`${gatewayUrl}/docs`)}`);
  say(`  Mailbox    ${cyan(`${simulatorUrl}/mailbox`)}  ${dim('(mails of the platform; the outside world is simulated)')}`);
  if (demo !== undefined) say(`  Login      ${demo.email}, password and API key in ${bold(file)}`);
  say(`  Logs       ${show(dataDir)}/logs/<name>.log  ${dim('(warnings and errors are shown below)')}`);
  say();
  say('Try it from another terminal:');
  say(`  ${cyan(`curl -s ${gatewayUrl}/v2/wallet -H "Authorization: Bearer $(node -p 'require("${file}").apiKey')"`)}`);
  say(`  ${cyan('make demo')}  ${dim('walks through the whole product')}`);
  say();
  say(dim('Ctrl-C stops everything; the data stays.'));
};

const killEverything = (dataDir: string): void => {
  for (const record of pidFiles(dataDir).allRunning()) if (record.pid !== process.pid) sendSignal(record, 'SIGKILL');
};

const main = async (): Promise<number> => {
  const settings = readSettings();
  const { dataDir } = settings;
  requireOwnData(dataDir);
  mkdirSync(dataDir, { recursive: true, mode: 0o755 });
  const other = claimRunner(dataDir);
  if (other !== undefined) {
    throw new UsageError(
      `The platform runs already (pid ${other}). Stop it with: make down. A second one needs data and ports of its own: make up DATA_DIR=/tmp/namaskah-2 PORT_BASE=19000 GATEWAY_PORT=8081`,
    );
  }

  const stopped = new AbortController();
  let firstSignalAt: number | undefined;
  const onSignal = (name: NodeJS.Signals): void => {
    if (firstSignalAt === undefined) {
      firstSignalAt = performance.now();
      say(`\n${dim(`${name}: stopping (again: at once)`)}`);
      stopped.abort(new UsageError('stopped while it was starting'));
      return;
    }
    // make and the terminal may both deliver one Ctrl-C: only a person's second one comes later.
    if (performance.now() - firstSignalAt < 500) return;
    killEverything(dataDir);
    releaseRunner(dataDir);
    process.exit(1);
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, onSignal);

  try {
    const left = await stopLeftovers(dataDir);
    if (left.length > 0)
      say(yellow(`Stopped what an earlier run left behind: ${left.map(({ name, pid }) => `${name} (${pid})`).join(', ')}`));
    const platform = await startPlatform({
      dataDir,
      portBase: settings.portBase,
      gatewayPort: settings.gatewayPort,
      ...(settings.postgresUrl === undefined ? {} : { postgresUrl: settings.postgresUrl }),
      ...(settings.natsUrl === undefined ? {} : { natsUrl: settings.natsUrl }),
      autoRestart: true,
      signal: stopped.signal,
      onEvent: reportEvent,
      onLine: (part, line) => {
        const { level } = readLogLine(line);
        if (level === 0 ? line.trim() !== '' : level >= warning) say(formatLine(part, line));
      },
    });
    welcome(platform, settings);
    if (!stopped.signal.aborted)
      await new Promise<void>((resolve) => stopped.signal.addEventListener('abort', () => resolve(), { once: true }));
    const from = performance.now();
    await platform.stop();
    say(`${green('✓')} stopped ${dim(`(${((performance.now() - from) / 1_000).toFixed(1)} s)`)}`);
    return 0;
  } finally {
    releaseRunner(dataDir);
  }
};

try {
  process.exitCode = await main();
} catch (error) {
  explain(error);
  process.exitCode = 1;
}
// Nothing of ours is left: a forgotten timer of a library must not keep the terminal.
process.exit();
