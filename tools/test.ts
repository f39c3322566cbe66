/**
 * node tools/test.ts [--infra=local|containers] [--test-… options of node] [files or globs]
 * Starts one PostgreSQL and one nats-server, runs the tests against them, removes both, passes the exit code on.
 */
import { spawn } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { resolve } from 'node:path';
import { startTestInfra, type InfraKind } from './infra/index.ts';

const root = resolve(import.meta.dirname, '..');
const ignored = /(^|\/)(node_modules|\.data|\.git)(\/|$)/;

interface Arguments {
  readonly infra: InfraKind;
  readonly nodeOptions: readonly string[];
  readonly files: readonly string[];
}

const isInfraKind = (text: string): text is InfraKind => text === 'local' || text === 'containers';

const parse = (args: readonly string[], environment: NodeJS.ProcessEnv): Arguments => {
  const infra = args.find((arg) => arg.startsWith('--infra='))?.slice('--infra='.length) ?? environment['TEST_INFRA'] ?? 'local';
  if (!isInfraKind(infra)) throw new Error(`--infra is "local" or "containers", not "${infra}"`);
  const rest = args.filter((arg) => !arg.startsWith('--infra='));
  const patterns = rest.filter((arg) => !arg.startsWith('-'));
  return {
    infra,
    nodeOptions: rest.filter((arg) => arg.startsWith('-')),
    files: findFiles(patterns.length > 0 ? patterns : ['**/*.test.ts']),
  };
};

const findFiles = (patterns: readonly string[]): string[] => {
  const found = patterns.flatMap((pattern) => {
    const matches = globSync(pattern, { cwd: root, exclude: (path) => ignored.test(path) });
    if (matches.length === 0) throw new Error(`no test file matches ${pattern}`);
    return matches.flatMap((match) => (match.endsWith('.test.ts') ? [match] : globSync(`${match}/**/*.test.ts`, { cwd: root })));
  });
  return [...new Set(found)].filter((path) => !ignored.test(path)).toSorted();
};

const runTests = ({ nodeOptions, files }: Arguments, environment: NodeJS.ProcessEnv): Promise<number> => {
  const register = resolve(root, 'platform/telemetry/register.ts');
  const preload = existsSync(register) ? ['--import', register] : [];
  const args = [...preload, '--test', '--test-concurrency=2', '--test-reporter=spec', '--test-timeout=120000', ...nodeOptions, ...files];
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit', env: environment });
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on('SIGINT', pass);
  process.on('SIGTERM', pass);
  return new Promise((done, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => done(code ?? 1));
  });
};

const main = async (): Promise<number> => {
  const args = parse(process.argv.slice(2), process.env);
  const infra = await startTestInfra(args.infra);
  try {
    const environment = {
      ...process.env,
      NODE_ENV: 'test',
      ENVIRONMENT: 'test',
      TEST_POSTGRES_URL: infra.postgresUrl,
      TEST_NATS_URL: infra.natsUrl,
    };
    return await runTests(args, environment);
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
