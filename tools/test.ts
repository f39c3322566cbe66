/**
 * node tools/test.ts [--infra=local|containers] [--test-… options of node] [files, directories or globs]
 * Starts one PostgreSQL and one nats-server, runs the tests against them, removes both. As many files run at once as there are
 * cores and one more (four at most). It fails when a test fails, and also when a file holds no test, a test is skipped, or a
 * file does not end.
 */
import { spawn } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { startTestInfra, type InfraKind } from './infra/index.ts';
import { compileCache, root } from './run.ts';
import { bold, dim, green, red, say } from './terminal.ts';
import type { RunReport } from './test-report.ts';

const ignored = /(^|\/)(node_modules|\.data|\.git)(\/|$)/;
const testTimeoutMs = 120_000;
const fileLimitMs = 300_000;
/** Files at once: one more than cores, for much of a test is waiting; each needs memory, so no more than four. */
const concurrency = Math.min(4, availableParallelism() + 1);
const slowestFiles = 10;

interface Arguments {
  readonly infra: InfraKind;
  readonly nodeOptions: readonly string[];
  readonly files: readonly string[];
}

interface Outcome {
  readonly code: number;
  readonly report: RunReport;
}

const isInfraKind = (text: string): text is InfraKind => text === 'local' || text === 'containers';

const findFiles = (patterns: readonly string[]): string[] => {
  const found = patterns.flatMap((pattern) => {
    const matches = globSync(pattern, { cwd: root, exclude: (path) => ignored.test(path) });
    const files = matches.flatMap((match) => (match.endsWith('.test.ts') ? [match] : globSync(`${match}/**/*.test.ts`, { cwd: root })));
    if (files.length === 0) throw new Error(`no test file matches ${pattern}`);
    return files;
  });
  return [...new Set(found)].filter((path) => !ignored.test(path)).toSorted();
};

const parse = (args: readonly string[], environment: NodeJS.ProcessEnv): Arguments => {
  const named = args.find((arg) => arg.startsWith('--infra='))?.slice('--infra='.length) ?? environment['TEST_INFRA'];
  const infra = named === undefined || named === '' ? 'local' : named;
  if (!isInfraKind(infra)) throw new Error(`--infra (or TEST_INFRA) is "local" or "containers", not "${infra}"`);
  const rest = args.filter((arg) => !arg.startsWith('--infra='));
  const patterns = rest.filter((arg) => !arg.startsWith('-'));
  return {
    infra,
    nodeOptions: rest.filter((arg) => arg.startsWith('-')),
    files: findFiles(patterns.length > 0 ? patterns : ['**/*.test.ts']),
  };
};

const readReport = (path: string): RunReport => {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as RunReport;
  } catch {
    // It was ended before it could write; its exit code says so.
    return {};
  }
};

const runTests = async (files: readonly string[], nodeOptions: readonly string[], environment: NodeJS.ProcessEnv): Promise<Outcome> => {
  const directory = mkdtempSync(join(tmpdir(), 'namaskah-report-'));
  const reportFile = join(directory, 'report.json');
  const args = [
    ...['--import', './platform/telemetry/register.ts', '--import', './tools/test-preload.ts'],
    ...['--test', `--test-concurrency=${concurrency}`, `--test-timeout=${testTimeoutMs}`],
    ...['--test-reporter=spec', '--test-reporter-destination=stdout'],
    ...['--test-reporter=./tools/test-report.ts', `--test-reporter-destination=${reportFile}`],
    ...nodeOptions,
    ...files,
  ];
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit', env: environment });
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on('SIGINT', pass).on('SIGTERM', pass);
  try {
    const code = await new Promise<number>((done, reject) => {
      child.once('error', reject);
      child.once('exit', (exitCode) => done(exitCode ?? 1));
    });
    return { code, report: readReport(reportFile) };
  } finally {
    process.off('SIGINT', pass).off('SIGTERM', pass);
    rmSync(directory, { recursive: true, force: true });
  }
};

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

/** What is wrong beyond the exit codes, in words: nothing that ran may look green without having proved something. */
const complaints = ({ files, nodeOptions }: Arguments, report: RunReport): readonly string[] => {
  // With a filter, most tests and files are left out on purpose.
  const filtered = nodeOptions.some((option) => /^--test-(name-pattern|skip-pattern|only)/.test(option));
  const of = (file: string) => report[resolve(root, file)];
  // Tests of a contract suite are reported under the suite's own file.
  const reported = [...new Set([...files, ...Object.keys(report).map((path) => relative(root, path))])];
  const failed = reported.flatMap((file) => of(file)?.failed.map(({ name, line }) => `failed   ${file}:${line}  ${name}`) ?? []);
  if (filtered) return files.every((file) => (of(file)?.tests ?? 0) === 0) ? [...failed, 'no test has such a name'] : failed;
  const skipped = reported.flatMap((file) => of(file)?.skipped.map(({ name, line }) => `skipped  ${file}:${line}  ${name}`) ?? []);
  const empty = files
    .filter((file) => (of(file)?.tests ?? 0) === 0 && (of(file)?.failed.length ?? 0) === 0)
    .map((file) => `no test  ${file}`);
  return [...failed, ...skipped, ...empty];
};

const summarise = (args: Arguments, { report, code }: Outcome, wallMs: number): boolean => {
  const named = complaints(args, report);
  // Whatever the report says: a run that ended badly is not green.
  const wrong = named.length === 0 && code !== 0 ? ['failed   a test run ended with an error, see above'] : named;
  const slow = args.files
    .map((file) => ({ file, ms: report[resolve(root, file)]?.durationMs ?? 0 }))
    .toSorted((a, b) => b.ms - a.ms)
    .slice(0, slowestFiles);
  if (args.files.length > 1) {
    say(`\n${bold('Slowest files')}`);
    for (const { file, ms } of slow) say(`  ${seconds(ms).padStart(7)}  ${file}`);
  }
  if (wrong.length > 0) {
    say(`\n${bold(red('Not green'))}`);
    for (const line of wrong) say(`  ${red('✖')} ${line}`);
  }
  const tests = Object.values(report).reduce((sum, file) => sum + file.tests, 0);
  const verdict = wrong.length === 0 ? green('✓') : red('✗');
  say(`\n${verdict} ${tests} tests in ${args.files.length} files, ${wrong.length} complaints ${dim(`(${seconds(wallMs)})`)}`);
  return wrong.length === 0;
};

const main = async (): Promise<number> => {
  const args = parse(process.argv.slice(2), process.env);
  const from = performance.now();
  let interrupted = false;
  const interrupt = (): void => void (interrupted = true);
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  const infra = await startTestInfra(args.infra);
  try {
    const environment = {
      ...process.env,
      NODE_ENV: 'test',
      ENVIRONMENT: 'test',
      NODE_COMPILE_CACHE: compileCache,
      TEST_FILE_LIMIT_MS: String(fileLimitMs),
      TEST_POSTGRES_URL: infra.postgresUrl,
      TEST_NATS_URL: infra.natsUrl,
    };
    if (interrupted) return 130;
    const outcome = await runTests(args.files, args.nodeOptions, environment);
    if (interrupted) return 130;
    return summarise(args, outcome, performance.now() - from) ? 0 : 1;
  } finally {
    await infra.stop();
  }
};

try {
  process.exitCode = await main();
} catch (error) {
  const reasons = error instanceof AggregateError ? (error.errors as unknown[]) : [error];
  for (const reason of reasons) console.error(reason instanceof Error ? reason.message : reason);
  process.exitCode = 1;
}
