/** Runs a program and keeps what it says. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '..');
const bin = join(root, 'node_modules/.bin');

/**
 * Where Node keeps what it made of each module (NODE_COMPILE_CACHE: types stripped, code compiled), so that the next process
 * that loads the module need not: half of what a start costs. Keyed by content and Node version, removed by `npm ci`.
 */
export const compileCache = join(root, 'node_modules/.cache/compiled');

export interface RunResult {
  readonly code: number;
  readonly output: string;
}

/**
 * @param live show the output while it comes, instead of keeping it
 * @returns exit code and stdout + stderr in the order they came; a program that cannot be started is code 127
 */
export const run = (
  command: string,
  args: readonly string[],
  options: { readonly live?: boolean; readonly cwd?: string } = {},
): Promise<RunResult> =>
  new Promise((resolve) => {
    const child = spawn(command, [...args], {
      cwd: options.cwd ?? root,
      env: { ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}` },
      stdio: options.live === true ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.once('error', (error) => resolve({ code: 127, output: `cannot run ${command}: ${error.message}\n` }));
    child.once('close', (code, signal) => resolve({ code: code ?? (signal === null ? 1 : 128), output }));
  });
